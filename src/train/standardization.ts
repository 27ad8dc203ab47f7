import type { Standardization } from '../core/decision.ts';
import type { Examples } from '../data/example.ts';

/**
 * Mean and standard deviation of each value over the training examples: a head without bias learns values around 0 at once,
 * and values around 3 slowly.
 *
 *     mean_k = Σ_i y_ik / n        deviation_k = √(Σ_i (y_ik − mean_k)² / n), 1 where all are equal
 *
 * by Welford's recurrences.
 *
 * @param places of the examples that count. Default: all.
 */
export async function fitStandardization(
  examples: Examples,
  values: number,
  places?: Uint32Array,
): Promise<Standardization> {
  const chosen = places && new Set(places);
  const means = new Array<number>(values).fill(0);
  const squares = new Array<number>(values).fill(0);
  let [place, count] = [-1, 0];
  for await (const target of examples.targets()) {
    place++;
    if (chosen && !chosen.has(place)) continue;
    count++;
    for (const [k, y] of target.entries()) {
      const before = y - means[k]!;
      means[k]! += before / count;
      squares[k]! += before * (y - means[k]!);
    }
  }
  return { means, deviations: squares.map((sum) => Math.sqrt(sum / count) || 1) };
}
