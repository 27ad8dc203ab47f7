import { expect, test } from 'vitest';
import { random } from '../core/random.ts';
import { epochBatches, microBatches } from './batches.ts';

test('sorts by length and keeps to the budget', () =>
  expect(microBatches([3, 9, 4, 2], 9)).toEqual([[1], [2, 0], [3]]));
test('an example longer than the budget stands alone', () =>
  expect(microBatches([50, 2, 2], 8)).toEqual([[0], [1, 2]]));
test('no examples make no batch', () => expect(microBatches([], 8)).toEqual([]));
test('every example is in one micro-batch, and none exceeds the budget', () => {
  const rng = random(1);
  const lengths = Array.from({ length: 500 }, () => 1 + rng.integer(60));
  const batches = microBatches(lengths, 256);
  expect(batches.flat().sort((a, b) => a - b)).toEqual(lengths.map((_, i) => i));
  for (const batch of batches)
    expect(batch.length * Math.max(...batch.map((i) => lengths[i]!))).toBeLessThanOrEqual(256);
});
test('an epoch has every example once, in an order of its seed', () => {
  const all = (seed: number) => {
    const epoch = epochBatches(10, 4, random(seed));
    return Array.from({ length: epoch.length }, (_, b) => [...epoch.at(b)]);
  };
  const batches = all(3);
  expect(batches.map((b) => b.length)).toEqual([4, 4, 2]);
  expect(batches.flat().sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  expect(all(3)).toEqual(batches);
  expect(all(4)).not.toEqual(batches);
});
