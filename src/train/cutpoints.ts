import { DataError } from '../core/errors.ts';
import { float32, type Tensor } from '../core/tensor.ts';
import { type Examples, targetsAt } from '../data/example.ts';

/**
 * Cutpoints under which a head that answers 0 gives every label the levels it has in the training examples: with n examples
 * of which n_kj have label k above level j,
 *
 *     θ_kj = log((n − n_kj + ½) / (n_kj + ½)),   j = 0 … J − 1
 *
 * where J is the highest level of any label.
 *
 * @param places of the examples that count. Default: all.
 * @returns [K, J]
 * @throws DataError if no level but 0 occurs.
 */
export async function initialCutpoints(
  examples: Examples,
  labels: readonly string[],
  places?: Uint32Array,
): Promise<Tensor> {
  const above: number[][] = labels.map(() => []);
  let count = 0;
  for await (const target of targetsAt(examples, places)) {
    count++;
    for (const [k, level] of target.entries()) for (let j = 0; j < level; j++) above[k]![j] = (above[k]![j] ?? 0) + 1;
  }
  const cutpoints = Math.max(...above.map((counts) => counts.length));
  if (cutpoints === 0)
    throw new DataError(
      `every level of ${labels.join(', ')} is 0 in the training examples: there is nothing to tell apart`,
    );
  const values = above.flatMap((counts) =>
    Array.from({ length: cutpoints }, (_, j) => Math.log((count - (counts[j] ?? 0) + 0.5) / ((counts[j] ?? 0) + 0.5))),
  );
  return float32(values, [labels.length, cutpoints]);
}
