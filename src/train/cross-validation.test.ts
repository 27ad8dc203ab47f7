import { expect, test } from 'vitest';
import { type Example, examplesOf } from '../data/example.ts';
import { crossValidatedScores } from './cross-validation.ts';

const task = 'single_label_classification';
const labels = ['joy', 'fear'];
const words = [
  ['happy', 'glad', 'merry'],
  ['scared', 'afraid', 'dread'],
] as const;

/** Twenty texts of each class, and one of fear that reads like joy. */
const list: Example[] = Array.from({ length: 41 }, (_, i) => {
  const k = i % 2;
  const text = `${words[k]![i % 3]} ${words[k]![(i + 1) % 3]}`;
  return { id: String(i), text, target: i === 40 ? [0, 1] : [1 - k, k] };
});
const options = { model: 'tfidf-lr', folds: 5, seed: 0 } as const;

test('scores every example by what was learnt from others: a wrong label is not believed', async () => {
  const scores = await crossValidatedScores({ task, labels }, examplesOf(list), options);
  expect(scores).toHaveLength(41);
  for (const [i, row] of scores.slice(0, 40).entries()) expect(row[i % 2]).toBeGreaterThan(0.5);
  expect(scores[40]![0]).toBeGreaterThan(0.5);
});

test('deals equal targets out evenly, by the seed, and tells of each fold', async () => {
  const folds: number[] = [];
  const told = { ...options, onFold: (fold: number) => folds.push(fold) };
  const scores = await crossValidatedScores({ task, labels }, examplesOf(list), told);
  expect(folds).toEqual([0, 1, 2, 3, 4]);
  expect(await crossValidatedScores({ task, labels }, examplesOf(list), options)).toEqual(scores);
  expect(await crossValidatedScores({ task, labels }, examplesOf(list), { ...options, seed: 1 })).not.toEqual(scores);
});

test.each([1, 42])('refuses %i folds', async (folds) =>
  expect(crossValidatedScores({ task, labels }, examplesOf(list), { ...options, folds })).rejects.toThrow(
    `folds: ${folds} of 41 examples; give from 2 to as many as there are`,
  ),
);

test('stops when told to', async () =>
  expect(
    crossValidatedScores({ task, labels }, examplesOf(list), {
      ...options,
      signal: AbortSignal.abort(new Error('stop')),
    }),
  ).rejects.toThrow('stop'));
