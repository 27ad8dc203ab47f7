import { describe, expect, test } from 'vitest';
import { random } from '../../core/random.ts';
import type { Problem } from '../problem.ts';
import { sparse } from '../sparse.ts';
import { fitForest, forestScores } from './forest.ts';

const classes = { exclusive: true, balanced: false, seed: 1, values: false };
const labels = { ...classes, exclusive: false };
const numbers = { ...labels, values: true };

function problemOf(rows: readonly (readonly number[])[], targets: readonly (readonly number[])[]): Problem {
  return {
    features: sparse(rows),
    targets: Float64Array.from(targets.flat()),
    outputs: targets[0]!.length,
    weights: new Float64Array(rows.length).fill(1),
  };
}

const oneHot = (k: number, K: number): number[] => Array.from({ length: K }, (_, other) => Number(other === k));
const best = (row: readonly number[]): number => row.indexOf(Math.max(...row));

/** Words at random, of which the first two decide the class: neither, the first alone, the second. */
function synthetic(count: number, seed: number) {
  const rng = random(seed);
  const rows = Array.from({ length: count }, () =>
    Array.from({ length: 12 }, (_, j) => (rng.uniform() < (j < 2 ? 0.4 : 0.15) ? 0.5 + rng.integer(3) : 0)),
  );
  const truth = rows.map(([a, b]) => (b! > 0 ? 2 : a! > 0 ? 1 : 0));
  return { rows, truth };
}

const train = synthetic(400, 1);
const unseen = synthetic(200, 2);

test('learns which words decide', async () => {
  const problem = problemOf(
    train.rows,
    train.truth.map((k) => oneHot(k, 3)),
  );
  const scores = forestScores(await fitForest(problem, classes), 3, sparse(unseen.rows));
  const right = scores.filter((row, i) => best(row) === unseen.truth[i]).length;
  expect(right / 200).toBeGreaterThan(0.95);
  for (const row of scores) expect(row.reduce((a, b) => a + b)).toBeCloseTo(1, 5);
});

test('learns several labels in one forest', async () => {
  const targets = (truth: readonly number[]) => truth.map((k) => [Number(k === 1), Number(k === 2)]);
  const scores = forestScores(
    await fitForest(problemOf(train.rows, targets(train.truth)), labels),
    2,
    sparse(unseen.rows),
  );
  const wanted = targets(unseen.truth);
  const right = scores.filter((row, i) => row.every((p, k) => Number(p >= 0.5) === wanted[i]![k])).length;
  expect(right / 200).toBeGreaterThan(0.95);
});

test('learns values, from thresholds between counts', async () => {
  const value = (rows: readonly (readonly number[])[]) => rows.map(([a, b]) => [a! > 1 ? 3 : 1, b! > 0 ? -1 : 2]);
  const scores = forestScores(
    await fitForest(problemOf(train.rows, value(train.rows)), numbers),
    2,
    sparse(unseen.rows),
  );
  const errors = value(unseen.rows).flatMap((row, i) => row.map((y, k) => Math.abs(y - scores[i]![k]!)));
  expect(errors.reduce((a, b) => a + b) / errors.length).toBeLessThan(0.05);
});

test('learns what only two splits can tell: whether the words are one or not', async () => {
  const rows = [
    [1, 0],
    [0, 1],
    [1, 1],
    [0, 0],
  ];
  const targets = [0, 0, 1, 1].map((k) => oneHot(k, 2));
  const scores = forestScores(await fitForest(problemOf(rows, targets), { ...classes, size: 400 }), 2, sparse(rows));
  expect(scores.map(best)).toEqual([0, 0, 1, 1]);
});

test('is the same for the same seed, and another for another', async () => {
  const problem = problemOf(
    train.rows,
    train.truth.map((k) => oneHot(k, 3)),
  );
  const grown = (seed: number) => fitForest(problem, { ...classes, seed, size: 3 });
  const [one, again, other] = [await grown(1), await grown(1), await grown(2)];
  expect(again).toEqual(one);
  expect(other).not.toEqual(one);
});

test('balanced weights let a rare class through', async () => {
  const rows = Array.from({ length: 60 }, (_, i) => [i % 10 === 0 ? 1 : 0, 1]);
  const truth = rows.map((_, i) => (i % 20 === 0 ? 1 : 0)); // a word that half of the time says class 1, which is rare
  const problem = problemOf(
    rows,
    truth.map((k) => oneHot(k, 2)),
  );
  const answer = async (balanced: boolean) =>
    forestScores(await fitForest(problem, { ...classes, balanced }), 2, sparse([[1, 1]])).map((row) => row[1]!)[0]!;
  expect(await answer(false)).toBeLessThan(0.65);
  expect(await answer(true)).toBeGreaterThan(0.85);
});

describe('at the edge', () => {
  const grow = (rows: number[][], targets: number[][], options = classes) =>
    fitForest(problemOf(rows, targets), { ...options, size: 5 });

  test.each([
    ['features that are the same for all', [[2], [2]], 2],
    ['no features but zeros', [[0], [0]], 2],
    ['one example', [[1]], 1],
    ['one class', [[1], [0]], 1],
  ])('a tree of %s is a leaf', async (_, rows, classCount) => {
    const targets = rows.map((_, i) => oneHot(i % classCount, 2));
    for (const tree of await grow(rows, targets)) expect([...tree.features]).toEqual([-1]);
  });

  test('never gives a class that training lacks', async () => {
    const rows = [[1], [0]];
    const trees = await grow(rows, [
      [1, 0, 0],
      [0, 0, 1],
    ]);
    expect(forestScores(trees, 3, sparse(rows)).map((row) => row[1])).toEqual([0, 0]);
  });

  test('knows labels that hold always or never', async () => {
    const rows = [[1], [0]];
    const trees = await grow(
      rows,
      [
        [1, 0],
        [1, 0],
      ],
      labels,
    );
    expect(forestScores(trees, 2, sparse(rows))).toEqual([
      [1, 0],
      [1, 0],
    ]);
  });
});
