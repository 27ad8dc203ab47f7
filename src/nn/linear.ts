import type { Value } from '../graph/graph.ts';
import { add, matmul } from '../graph/ops/index.ts';

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
