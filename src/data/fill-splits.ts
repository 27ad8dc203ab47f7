import { DataError } from '../core/errors.ts';
import type { Task } from '../core/task.ts';
import { type Example, type PerSplit, perSplit, type SomeSplits, splitNames } from './example.ts';
import { defaultFractions, stratifiedSplit } from './split.ts';

interface FillOptions {
  readonly task: Task;
  readonly seed: number;
  /** What to call splits that are all there. */
  readonly given: string;
  /** Names the data in errors. */
  readonly data: string;
}

/**
 * Makes the splits that are missing out of train: both as 80/10/10, one alone so that train stays 8 times as large.
 *
 * @throws DataError if there is no train split, or a split is empty.
 */
export function fillSplits(
  splits: SomeSplits,
  { task, seed, given, data }: FillOptions,
): { readonly splits: PerSplit<readonly Example[]>; readonly how: string } {
  if (splits.train === undefined)
    throw new DataError(`${data}: no train rows, only ${Object.keys(splits).join(', ') || 'none'}; add a train part`);
  const empty = splitNames.find((name) => splits[name]?.length === 0);
  if (empty !== undefined)
    throw new DataError(`${data}: nothing is left of ${empty} after cleaning and removing leaks; give other rows`);

  const missing = splitNames.filter((name) => splits[name] === undefined);
  if (missing.length === 0) return { splits: splits as PerSplit<readonly Example[]>, how: given };
  const wanted = perSplit((name) => (splits[name] === undefined || name === 'train' ? defaultFractions[name] : 0));
  const total = wanted.train + wanted.validation + wanted.test;
  const fractions = perSplit((name) => wanted[name] / total);
  const made = stratifiedSplit(splits.train, task, { seed, fractions });
  const both = missing.length === 2;
  return {
    splits: perSplit((name) => (name === 'train' || splits[name] === undefined ? made[name] : splits[name])),
    how: both
      ? `stratified 80/10/10, seed ${seed}`
      : `${given}; ${missing[0]} is 1/9 of train, stratified, seed ${seed}`,
  };
}
