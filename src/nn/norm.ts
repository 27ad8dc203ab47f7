import type { Value } from '../graph/graph.ts';
import { add, meanLast, mul, reciprocal, sqrt, square } from '../graph/ops/index.ts';
import { fixed } from '../graph/shape.ts';

/**
 * Root-mean-square norm with a gain.
 *
 *     y = w · x / √(mean(x²) + eps)
 *
 * Shapes: x [..., C], w [C] → y [..., C]
 *
 * @see Zhang & Sennrich 2019, arXiv:1910.07467. Matches transformers' LlamaRMSNorm: test/parity.test.ts
 */
export function rmsNorm(x: Value, eps: number): Value {
  const weight = x.graph.parameter('weight', [fixed(x.shape.at(-1), 'the width of a norm')]);
  const inverse = reciprocal(sqrt(add(meanLast(square(x)), x.graph.constant(eps)))); // [..., 1]
  return mul(mul(x, inverse), weight);
}
