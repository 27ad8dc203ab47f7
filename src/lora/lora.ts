import type { Value } from '../graph/graph.ts';
import { add, detach, div, matmul, mul, reshape, scale, sqrt, square, sub, sum } from '../graph/ops/index.ts';
import type { Dropout } from '../nn/dropout.ts';
import type { Linear, LinearSpec } from '../nn/linear.ts';
import { type LoraOptions, siteOf } from './options.ts';

/**
 * A linear layer with a trainable low-rank update on a frozen weight.
 *
 *     y = x Wᵀ + b + (alpha / rank) · (x Aᵀ) Bᵀ
 *
 * With DoRA, m trained, the norm of each row of W + s·BA taken as a constant:
 *
 *     y = b + m / ‖W + s·BA‖ · (x Wᵀ + s · (x Aᵀ) Bᵀ),   s = alpha / rank
 *
 * Shapes: x [N, in], W [out, in] frozen, A [rank, in], B [out, rank], m [out] → y [N, out]
 *
 * @param dropout applied to x on its way into A (with DoRA: into the update), where given.
 * @see Hu et al. 2021, arXiv:2106.09685. Matches peft's lora.Linear: test/parity.test.ts
 */
export function withLora(base: Linear, options: LoraOptions, dropout?: Dropout): Linear {
  return (x, spec) => {
    const path = x.graph.path;
    const site = siteOf(path, options);
    const y = base(x, spec);
    if (!site) return y;
    const a = x.graph.parameter('lora_A.weight', [site.rank, spec.in]);
    const b = x.graph.parameter('lora_B.weight', [spec.out, site.rank]);
    const dropped = dropout ? dropout(x) : x;
    const update = matmul(matmul(dropped, a, { transB: true }), b, { transB: true, scale: site.scale });
    if (!options.dora) return add(y, update);
    const m = magnitude(x, spec, scale(matmul(b, a), site.scale));
    const plain = matmul(dropped, x.graph.parameter('weight', [spec.out, spec.in]), { transB: true });
    return add(y, add(mul(plain, sub(m, x.graph.constant(1))), mul(update, m)));
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
