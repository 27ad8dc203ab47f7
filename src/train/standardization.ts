import type { Standardization } from '../core/decision.ts';

/**
 * Mean and standard deviation of each value over the training examples: a head without bias learns values around 0 at once,
 * and values around 3 slowly.
 *
 *     mean_k = Σ_i y_ik / n        deviation_k = √(Σ_i (y_ik − mean_k)² / n), 1 where all are equal
 *
 * by Welford's recurrences.
 */
export async function fitStandardization(
  targets: AsyncIterable<readonly number[]> | Iterable<readonly number[]>,
  values: number,
): Promise<Standardization> {
  const means = new Array<number>(values).fill(0);
  const squares = new Array<number>(values).fill(0);
  let count = 0;
  for await (const target of targets) {
    count++;
    for (const [k, y] of target.entries()) {
      const before = y - means[k]!;
      means[k]! += before / count;
      squares[k]! += before * (y - means[k]!);
    }
  }
  return { means, deviations: squares.map((sum) => Math.sqrt(sum / count) || 1) };
}
