import { describe, expect, test } from 'vitest';
import type { Task } from '../core/task.ts';
import { decide, pooledScores, scoresOf, type WindowPooling } from './scores.ts';

describe('scores', () => {
  test('of one label sum to one, without overflow', () =>
    expect(scoresOf.single_label_classification([1000, 1000])).toEqual([0.5, 0.5]));
  test('of several labels stand for themselves', () =>
    expect(scoresOf.multi_label_classification([0, -1000, 1000])).toEqual([0.5, 0, 1]));
  test('of values are the values', () => expect(scoresOf.regression([3.5])).toEqual([3.5]));
});

describe('scores of windows', () => {
  const logits = [
    [0, 0],
    [1000, 0],
    [0, 1000],
    [0, 0],
  ]; // texts of one, two and one windows
  const pooled = (task: Task, pooling: WindowPooling) => pooledScores(task, logits, { counts: [1, 2, 1], pooling });
  test.each<[Task, WindowPooling, number[]]>([
    ['single_label_classification', 'mean', [0.5, 0.5]],
    ['single_label_classification', 'max', [0.5, 0.5]],
    ['multi_label_classification', 'mean', [0.75, 0.75]],
    ['multi_label_classification', 'max', [1, 1]],
    ['regression', 'mean', [500, 500]],
    ['regression', 'max', [500, 500]],
  ])('%s, %s', (task, pooling, two) => {
    const alone = scoresOf[task]([0, 0]);
    expect(pooled(task, pooling)).toEqual([alone, two, alone]);
  });
});

describe('the answer', () => {
  test('is the best label, the first of equals', () =>
    expect(decide.single_label_classification([0.2, 0.4, 0.4], 0.9)).toEqual([1]));
  test('is every label from the threshold up', () =>
    expect(decide.multi_label_classification([0.5, 0.49, 0.9], 0.5)).toEqual([0, 2]));
  test('may be no label', () => expect(decide.multi_label_classification([0.1], 0.5)).toEqual([]));
  test('names no label for values', () => expect(decide.regression([3], 0.5)).toEqual([]));
});
