import { expect, test } from 'vitest';
import { random } from '../core/random.ts';
import { type Task, tasks } from '../core/task.ts';
import { compare } from './compare.ts';
import { evaluate } from './evaluate.ts';

const labels = ['anger', 'joy'];
const generator = random(11);
const count = 60;
const targets = Array.from({ length: count }, () => (generator.integer(2) === 0 ? [1, 0] : [0, 1]));
const systemOf = (noise: number) => ({
  scores: targets.map(([p]) => {
    const score = (1 - noise) * p! + noise * generator.uniform();
    return [score, 1 - score];
  }),
});
const [a, b] = [systemOf(0.6), systemOf(0.9)];
const quick = { bootstrap: { draws: 100 }, randomization: { draws: 100 } };
const compared = (task: Task) => compare(task, labels, { targets, a, b }, quick);

test.each(tasks)('%s: both values are those of evaluate, and it survives JSON', (task) => {
  const comparison = compared(task);
  expect(JSON.parse(JSON.stringify(comparison))).toEqual(comparison);
  const [alone, other] = [a, b].map(({ scores }) => evaluate(task, labels, { targets, scores }).metrics);
  expect(Object.keys(comparison.metrics)).toEqual(Object.keys(alone!));
  for (const [name, metric] of Object.entries(comparison.metrics)) {
    const [inA, inB] = [alone![name]!.value, other![name]!.value];
    if (inA === null || inB === null) expect(metric).toMatchObject({ a: inA, b: inB, p: null });
    else {
      expect(metric.a).toBeCloseTo(inA, 12);
      expect(metric.b).toBeCloseTo(inB, 12);
      expect(metric.difference).toBeCloseTo(inA - inB, 12);
      expect(metric.low!).toBeLessThanOrEqual(metric.high!);
    }
  }
});

test('McNemar counts the examples that one alone has right, of label sets exactly', () => {
  const sets = (...rows: number[][]) => ({ scores: rows });
  const comparison = (task: Task) =>
    compare(
      task,
      labels,
      {
        targets: [
          [1, 0],
          [1, 0],
          [0, 1],
        ],
        a: sets([0.9, 0.1], [0.6, 0.4], [0.1, 0.9]),
        b: sets([0.8, 0.6], [0.4, 0.6], [0.2, 0.8]),
      },
      quick,
    ).mcnemar;
  expect(comparison('single_label_classification')).toMatchObject({ onlyA: 1, onlyB: 0, p: 1 });
  expect(comparison('multi_label_classification')).toMatchObject({ onlyA: 2, onlyB: 0, p: 0.5 });
  expect(comparison('regression')).toBeUndefined();
});

test('each system has its own thresholds', () => {
  const scores = [[0.3, 0.2]];
  const rows = { targets: [[1, 0]], a: { scores, threshold: [0.25, 0.25] }, b: { scores } };
  const { metrics } = compare('multi_label_classification', labels, rows, quick);
  expect(metrics.subsetAccuracy).toMatchObject({ a: 1, b: 0, difference: 1 });
});

test('a much better system is told apart, the same one is not', () => {
  const better = { targets, a: { scores: targets }, b };
  const { macroF1 } = compare('single_label_classification', labels, better, quick).metrics;
  expect(macroF1!.p).toBe(1 / 101);
  expect(macroF1!.low).toBeGreaterThan(0);
  const same = compare('single_label_classification', labels, { targets, a, b: a }, quick);
  for (const metric of Object.values(same.metrics))
    expect(metric).toMatchObject({ difference: 0, low: 0, high: 0, p: 1 });
});

test('refuses scores that do not fit, of either system', () => {
  const short = { scores: [[0.5, 0.5]] };
  for (const rows of [
    { targets, a, b: short },
    { targets, a: short, b },
  ])
    expect(() => compare('multi_label_classification', labels, rows)).toThrow('60 targets but 1 rows of scores');
});
