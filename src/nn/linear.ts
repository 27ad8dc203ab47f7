import type { Value } from '../graph/graph.ts';
import { add, halfProduct, int4Product, int4ProductWrittenOut, int8Product, matmul } from '../graph/ops/index.ts';

export interface LinearSpec {
  readonly in: number;
  readonly out: number;
  readonly bias?: boolean;
}

/** A linear layer at the current scope, which names its weights. Models take theirs as an argument: LoRA and quantisation are others. */
export type Linear = (x: Value, spec: LinearSpec) => Value;

/**
 * The plain linear layer.
 *
 *     y = x Wᵀ + b
 *
 * Shapes: x [N, in], W [out, in], b [out] → y [N, out]
 */
export const dense: Linear = (x, spec) => {
  const y = matmul(x, x.graph.parameter('weight', [spec.out, spec.in]), { transB: true });
  return spec.bias ? add(y, x.graph.parameter('bias', [spec.out])) : y;
};

/**
 * The plain linear layer over a weight that is rounded to 8 bits for each direction: see graph/ops/int8.ts.
 *
 *     y ≈ x Wᵀ + b,   dx ≈ dy W
 *
 * Shapes: as {@link dense}
 */
const int8: Linear = (x, spec) => {
  const { graph } = x;
  const y = int8Product(x, { weight: `${graph.path}.weight`, orientation: 'forward', in: spec.in, out: spec.out });
  return spec.bias ? add(y, graph.parameter('bias', [spec.out])) : y;
};

/**
 * The plain linear layer over a weight in blocks of 4 bits: see graph/ops/int4.ts.
 *
 *     y ≈ x Ŵᵀ + b,   dx = dy Ŵ
 *
 * Shapes: as {@link dense}
 */
const int4 = overInt4(int4Product);

/** The same, exact in both directions and slower: no place where it is computed has blocks of its own. */
const int4WrittenOut = overInt4(int4ProductWrittenOut);

function overInt4(product: typeof int4Product): Linear {
  return (x, spec) => {
    const { graph } = x;
    const y = product(x, { weight: `${graph.path}.weight`, in: spec.in, out: spec.out });
    return spec.bias ? add(y, graph.parameter('bias', [spec.out])) : y;
  };
}

/**
 * The plain linear layer in half precision: see graph/ops/half.ts.
 *
 * Shapes: as {@link dense}
 */
const fp16: Linear = (x, spec) => {
  const { graph } = x;
  const y = halfProduct(x, { weight: `${graph.path}.weight`, in: spec.in, out: spec.out });
  return spec.bias ? add(y, graph.parameter('bias', [spec.out])) : y;
};

/** How the frozen linear layers of a base are computed, the most exact first. */
export const precisions = ['fp32', 'fp16', 'int8', 'int4'] as const;
export type Precision = (typeof precisions)[number];

/** The frozen linear layers of a precision. */
export const frozenLinear: Readonly<Record<Precision, Linear>> = { fp32: dense, fp16, int8, int4 };

/** Whether cotangents are so narrow that the loss has to be scaled: see optim/loss-scaling.ts. */
export const scalesLoss = (precision: Precision): boolean => precision === 'fp16';

/**
 * Those of a model whose layers are computed twice: int4's blocks would be held for each time, so its weights are written out.
 */
export const recomputedLinear: Readonly<Record<Precision, Linear>> = { ...frozenLinear, int4: int4WrittenOut };
