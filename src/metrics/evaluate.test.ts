import { describe, expect, test } from 'vitest';
import { type Task, tasks } from '../core/task.ts';
import { type EvaluateOptions, evaluate, primaryMetric } from './evaluate.ts';

const labels = ['anger', 'joy'];
const evaluated = (task: Task, targets: number[][], scores: number[][], options?: EvaluateOptions) =>
  evaluate(task, labels, { targets, scores }, options);
const valuesOf = ({ metrics }: ReturnType<typeof evaluate>) =>
  Object.fromEntries(Object.entries(metrics).map(([name, { value }]) => [name, value]));

const oneHot = [
  [1, 0],
  [1, 0],
  [0, 1],
  [0, 1],
];
const intensities = [
  [1, 0.5],
  [0.6, 1],
  [0.2, 0.8],
  [0.7, 0.3],
];
const probabilities = [
  [0.9, 0.1],
  [0.5, 0.5],
  [0.2, 0.8],
  [0.7, 0.3],
];

test('single label: the highest score wins, the first of equals', () => {
  const evaluation = evaluated('single_label_classification', oneHot, probabilities);
  expect(evaluation.confusion).toEqual([
    [2, 0],
    [1, 1],
  ]);
  expect(valuesOf(evaluation)).toMatchObject({ accuracy: 0.75, microF1: 0.75, macroF1: (0.8 + 2 / 3) / 2 });
  expect(evaluation.perLabel[1]).toEqual({
    label: 'joy',
    scores: { precision: 1, recall: 0.5, f1: 2 / 3, support: 2 },
  });
});

test('classification: says how far the probabilities can be believed', () => {
  const single = evaluated('single_label_classification', oneHot, probabilities);
  const multi = evaluated('multi_label_classification', oneHot, probabilities);
  expect(single.metrics).toMatchObject({
    brier: { value: expect.closeTo(1.58 / 4, 12) },
    ece: { value: expect.closeTo(1.5 / 4, 12) },
  });
  expect(multi.metrics).toMatchObject({ brier: { value: expect.closeTo(0.79 / 4, 12) } });
  expect(single.reliability!.map((bins) => bins.map(({ count }) => count))).toEqual([[1, 1, 1, 1]]);
  expect(multi.reliability!.map((bins) => bins.map(({ count }) => count))).toEqual([
    [1, 1, 1, 1],
    [1, 1, 1, 1],
  ]);
});

test('multi-label: a score at its threshold gives the label', () => {
  const targets = [
    [1, 1],
    [0, 0],
  ];
  const scores = [
    [0.5, 0.3],
    [0.4, 0.2],
  ];
  const jaccard = (threshold?: number | number[]) =>
    evaluated('multi_label_classification', targets, scores, threshold === undefined ? {} : { threshold }).metrics
      .jaccard;
  expect(jaccard()).toEqual({ value: 0.75 });
  expect(jaccard(0.3)).toEqual({ value: 0.5 });
  expect(jaccard([0.5, 0.3])).toEqual({ value: 1 });
});

test('regression: means over the targets, and null where there is none', () => {
  const evaluation = evaluated(
    'regression',
    [
      [1, 2],
      [2, 4],
      [3, 6],
    ],
    [
      [1, 5],
      [2, 5],
      [4, 5],
    ],
  );
  expect(evaluation.perLabel[1]!.scores).toMatchObject({ pearson: null, spearman: null });
  expect(evaluation.metrics).toMatchObject({ pearson: { value: null }, mae: { value: (1 / 3 + 5 / 3) / 2 } });
  expect(evaluation.metrics).not.toHaveProperty('pearsonUpperHalf');
});

test.each(tasks)('%s: survives JSON, with intervals around every value', (task) => {
  const targets = task === 'regression' ? intensities : oneHot;
  const evaluation = evaluated(task, targets, probabilities, { bootstrap: { seed: 1, draws: 200 } });
  expect(JSON.parse(JSON.stringify(evaluation))).toEqual(evaluation);
  expect(evaluation.metrics).toHaveProperty(primaryMetric(task));
  expect(evaluation.bootstrap).toEqual({ seed: 1, draws: 200 });
  for (const { value, low, high } of Object.values(evaluation.metrics)) {
    if (value === null) continue; // not defined: nothing is above level 1 here
    expect(low).toBeLessThanOrEqual(value);
    expect(high).toBeGreaterThanOrEqual(value);
  }
});

describe('refuses', () => {
  const row = [[0.5, 0.5]];
  test.each<[string, Task, number[][], number[][], string]>([
    ['no examples', 'regression', [], [], 'there are no examples'],
    ['unequal numbers of rows', 'regression', [[1, 2]], [], '1 targets but 0 rows of scores'],
    ['a short target', 'regression', [[1]], row, 'target 0 has 1 numbers for 2 labels'],
    ['long scores', 'regression', [[1, 2]], [[1, 2, 3]], 'scores 0 has 3 numbers for 2 labels'],
    ['scores that are not numbers', 'regression', [[1, 2]], [[1, Number.NaN]], 'scores 0 are [1,NaN]'],
    [
      'logits of classes',
      'single_label_classification',
      [[1, 0]],
      [[3, -1]],
      'scores 0 are [3,-1]: give probabilities',
    ],
    ['logits of labels', 'multi_label_classification', [[1, 0]], [[3, -1]], 'scores 0 are [3,-1]: give probabilities'],
    ['two classes', 'single_label_classification', [[1, 1]], row, 'target 0 is [1,1]: exactly one class must be 1'],
    ['half a label', 'multi_label_classification', [[0.5, 1]], row, 'target 0 is [0.5,1]: each label must be 0 or 1'],
    ['an infinite target', 'regression', [[1, Number.POSITIVE_INFINITY]], row, 'each value must be a finite number'],
  ])('%s', (_, task, targets, scores, message) => {
    expect(() => evaluated(task, targets, scores)).toThrow(message);
  });

  test('thresholds for other labels', () => {
    const evaluating = () => evaluated('multi_label_classification', [[0, 1]], row, { threshold: [0.5] });
    expect(evaluating).toThrow('1 thresholds for 2 labels');
  });
});
