import { expect, test } from 'vitest';
import { ordinalScores, predictedLevel } from './ordinal.ts';

test.each([
  [0.49, undefined, 0],
  [0.5, undefined, 1],
  [2.5, undefined, 3],
  [-0.7, undefined, 0],
  [7.2, undefined, 7],
  [7.2, 3, 3],
])('the expected level %d of at most %s is level %d', (score, highest, level) =>
  expect(predictedLevel(score, highest)).toBe(level),
);

test('two levels apart costs four times as much as one', () => {
  const kappa = (scores: number[][]) => ordinalScores([[0], [1], [2], [3]], scores)()[0]!.quadraticKappa;
  expect(kappa([[0], [1], [2], [3]])).toBe(1);
  // By hand: W Σ(x-y)² = 4 and 16; Σx = 6 and 5 or 4, Σx² = 14 and 13 or 10.
  expect(kappa([[0], [1], [2], [2]])).toBe(1 - 4 / (4 * (14 + 9) - 2 * 6 * 5));
  expect(kappa([[0], [1], [2], [1]])).toBe(1 - 16 / (4 * (14 + 6) - 2 * 6 * 4));
});

test('draws without any emotion have no score of some emotion', () => {
  const [scores] = ordinalScores([[0], [0], [3]], [[0], [1], [3]])(Float64Array.of(1, 2, 0));
  expect(scores).toMatchObject({ quadraticKappaSomeEmotion: Number.NaN, pearsonSomeEmotion: Number.NaN, mae: 2 / 3 });
});
