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

/** A product with the weight that is stored under a name and what it was rounded to. Shapes: x [N, in] → [N, out] */
type RoundedProduct = (
  x: Value,
  weight: { readonly weight: string; readonly in: number; readonly out: number },
) => Value;

/**
 * The plain linear layer over a weight in another form.
 *
 *     y ≈ x Wᵀ + b
 *
 * Shapes: as {@link dense}
 */
function over(product: RoundedProduct): Linear {
  return (x, spec) => {
    const { graph } = x;
    const y = product(x, { weight: `${graph.path}.weight`, in: spec.in, out: spec.out });
    return spec.bias ? add(y, graph.parameter('bias', [spec.out])) : y;
  };
}

/** How the frozen linear layers of a base are computed, the most exact first. */
export const precisions = ['fp32', 'fp16', 'int8', 'int4'] as const;
export type Precision = (typeof precisions)[number];

/** The frozen linear layers of a precision. */
export const frozenLinear: Readonly<Record<Precision, Linear>> = {
  fp32: dense,
  fp16: over(halfProduct),
  int8: over((x, weight) => int8Product(x, { ...weight, orientation: 'forward' })),
  int4: over(int4Product),
};

/** Whether cotangents are so narrow that the loss has to be scaled: see optim/loss-scaling.ts. */
export const scalesLoss = (precision: Precision): boolean => precision === 'fp16';

/**
 * Those of a model whose layers are computed twice: int4's blocks would be held for each time, so its weights are written out.
 */
export const recomputedLinear: Readonly<Record<Precision, Linear>> = {
  ...frozenLinear,
  int4: over(int4ProductWrittenOut),
};
