import { expect, test } from 'vitest';
import { labelCalibration, topLabelCalibration } from './calibration.ts';

test('bins hold their upper ends, the first one also 0, and sum up to all answers', () => {
  const { reliability } = labelCalibration([[0], [1], [1], [0], [1]], [[0], [0.2], [0.2001], [1 / 15], [1]]);
  expect(reliability).toEqual([
    [
      { low: 0, high: 1 / 15, count: 2, confidence: 1 / 30, accuracy: 0 },
      { low: 2 / 15, high: 3 / 15, count: 1, confidence: 0.2, accuracy: 1 },
      { low: 3 / 15, high: 4 / 15, count: 1, confidence: 0.2001, accuracy: 1 },
      { low: 14 / 15, high: 1, count: 1, confidence: 1, accuracy: 1 },
    ],
  ]);
});

test('a coin that says 0.5 is calibrated, one that says 0.9 is off by 0.4', () => {
  const coin = (p: number) =>
    topLabelCalibration(
      [0, 1],
      [0, 0],
      [0, 1].map(() => [p, 1 - p]),
    ).scores();
  expect(coin(0.5)).toEqual({ brier: 0.5, ece: 0 });
  expect(coin(0.9).ece).toBeCloseTo(0.4, 12);
});

test.each([
  ['a logit', [[0.5], [2.5]], 'scores 1 are [2.5]: give probabilities, from 0 to 1'],
  ['a negative number', [[-0.1], [0.5]], 'scores 0 are [-0.1]'],
])('refuses %s', (_, scores, message) => {
  expect(() => labelCalibration([[1], [0]], scores)).toThrow(message);
  expect(() => topLabelCalibration([0, 0], [0, 0], scores)).toThrow(message);
});
