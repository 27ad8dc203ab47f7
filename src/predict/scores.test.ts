import { describe, expect, test } from 'vitest';
import type { Task } from '../core/task.ts';
import { pooledScores, scoresOf, type WindowPooling } from './scores.ts';

const two = { labels: 2, temperature: 1 };

describe('scores', () => {
  test('of one label sum to one, without overflow', () =>
    expect(scoresOf.single_label_classification([1000, 1000], two)).toEqual([0.5, 0.5]));
  test('of one label spread with the temperature', () =>
    expect(scoresOf.single_label_classification([2, 0], { labels: 2, temperature: 2 })[0]).toBeCloseTo(
      1 / (1 + Math.exp(-1)),
      12,
    ));
  test('of several labels stand for themselves', () =>
    expect(scoresOf.multi_label_classification([0, -2000, 2000], { labels: 3, temperature: 2 })).toEqual([0.5, 0, 1]));
  test('of values are the values', () =>
    expect(scoresOf.regression([3.5], { labels: 1, temperature: 2 })).toEqual([3.5]));
  test('of values come from units of their deviation', () =>
    expect(
      scoresOf.regression([-1, 2], { labels: 2, standardization: { means: [3, 10], deviations: [0.5, 2] } }),
    ).toEqual([2.5, 14]));
  test('of levels are the expected ones, from how likely each cutpoint is exceeded', () =>
    expect(scoresOf.ordinal_regression([1000, 0, -1000, 1000, 1000, 0], two)).toEqual([1.5, 2.5]));
});

describe('scores of windows', () => {
  const logits = [
    [0, 0],
    [1000, 0],
    [0, 1000],
    [0, 0],
  ]; // texts of one, two and one windows
  const pooled = (task: Task, pooling: WindowPooling) =>
    pooledScores(task, logits, { counts: [1, 2, 1], pooling, labels: 2 });
  test.each<[Task, WindowPooling, number[]]>([
    ['single_label_classification', 'mean', [0.5, 0.5]],
    ['single_label_classification', 'max', [0.5, 0.5]],
    ['multi_label_classification', 'mean', [0.75, 0.75]],
    ['multi_label_classification', 'max', [1, 1]],
    ['regression', 'mean', [500, 500]],
    ['regression', 'max', [500, 500]],
    ['ordinal_regression', 'max', [0.75, 0.75]],
  ])('%s, %s', (task, pooling, both) => {
    const alone = scoresOf[task]([0, 0], two);
    expect(pooled(task, pooling)).toEqual([alone, both, alone]);
  });
});
