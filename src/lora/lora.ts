import type { Value } from '../graph/graph.ts';
import { add, detach, div, matmul, mul, reshape, scale, sqrt, square, sub, sum } from '../graph/ops/index.ts';
import type { Dropout } from '../nn/dropout.ts';
import type { Linear, LinearSpec } from '../nn/linear.ts';
import { type LoraOptions, type LoraSite, siteOf } from './options.ts';

/**
 * A linear layer with a trainable low-rank update on a frozen weight.
 *
 *     y = x Wᵀ + b + (alpha / rank) · (x Aᵀ) Bᵀ
 *
 * With DoRA, m trained, the norm of each row of W + s·BA taken as a constant:
 *
 *     y = b + m / ‖W + s·BA‖ · (x Wᵀ + s · (x Aᵀ) Bᵀ),   s = alpha / rank
 *
 * With PiSSA, A and B start as the principal part of W, which is taken from W in return: s·BA above is s·(BA − B₀A₀), A₀ and B₀
 * frozen (docs/adr/0006-pissa-beside-the-base.md).
 *
 * Shapes: x [N, in], W [out, in] frozen, A [rank, in], B [out, rank], m [out] → y [N, out]
 *
 * @param dropout applied to x on its way into A (with DoRA: into the update), where given; not on its way into A₀.
 * @see Hu et al. 2021, arXiv:2106.09685. Matches peft's lora.Linear: test/parity.test.ts
 */
export function withLora(base: Linear, options: LoraOptions, dropout?: Dropout): Linear {
  return (x, spec) => {
    const path = x.graph.path;
    const site = siteOf(path, options);
    const y = base(x, spec);
    if (!site) return y;
    const own = factors(x, spec, { ...site, name: 'lora' });
    const start = options.init === 'pissa' ? factors(x, spec, { ...site, name: 'pissa' }) : undefined;
    const dropped = dropout ? dropout(x) : x;
    const update = own.applied(dropped);
    // At step 0 the two cancel to the bit, and y is the base's.
    if (!options.dora) return add(y, start ? sub(update, start.applied(x)) : update);
    const m = magnitude(x, spec, start ? sub(own.delta(), start.delta()) : own.delta());
    const plain = matmul(dropped, x.graph.parameter('weight', [spec.out, spec.in]), { transB: true });
    const residual = (of: Value, from: Value) => (start ? sub(of, start.applied(from)) : of);
    return add(residual(y, x), add(mul(residual(plain, dropped), sub(m, x.graph.constant(1))), mul(update, m)));
  };
}

interface Factors {
  /** s·BA. [out, in] */
  delta(): Value;
  /** s·(x Aᵀ) Bᵀ. [N, in] → [N, out] */
  applied(x: Value): Value;
}

function factors({ graph }: Value, spec: LinearSpec, site: LoraSite & { readonly name: 'lora' | 'pissa' }): Factors {
  const a = graph.parameter(`${site.name}_A.weight`, [site.rank, spec.in]);
  const b = graph.parameter(`${site.name}_B.weight`, [spec.out, site.rank]);
  return {
    delta: () => scale(matmul(b, a), site.scale),
    applied: (x) => matmul(matmul(x, a, { transB: true }), b, { transB: true, scale: site.scale }),
  };
}

/** m / ‖W + ΔW‖ by rows, the norm detached. [out] */
function magnitude(x: Value, spec: LinearSpec, delta: Value): Value {
  const weight = add(x.graph.parameter('weight', [spec.out, spec.in]), delta);
  const norm = sqrt(reshape(sum(square(weight), [1]), [spec.out]));
  return div(x.graph.parameter('lora_magnitude_vector', [spec.out]), detach(norm));
}

/** Whether a parameter belongs to an adapter. */
export const isLoraParameter = (name: string): boolean => /\.lora_(A|B|magnitude_vector)(\.|$)/.test(name);
