import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { random } from '../../core/random.ts';
import type { Problem } from '../problem.ts';
import { type SparseMatrix, sparse } from '../sparse.ts';
import { type LinearModel, margins, oneVersusRest } from './hyperplane.ts';
import { fitLogistic } from './logistic.ts';
import { fitRidge } from './ridge.ts';
import { fitSvm } from './svm.ts';

interface Case {
  readonly name: string;
  /** Classes by number, or rows of 0/1 or values. */
  readonly targets: readonly number[] | readonly (readonly number[])[];
  readonly weights: readonly (readonly number[])[];
  readonly bias: readonly number[];
  readonly predicted: readonly number[] | readonly (readonly number[])[];
  readonly sampleWeights?: readonly number[];
  readonly balanced?: boolean;
}
interface Fixtures {
  readonly problem: {
    readonly shape: readonly [number, number];
    readonly starts: number[];
    readonly indices: number[];
    readonly values: number[];
  };
  readonly svm: readonly Case[];
  readonly lr: readonly Case[];
  readonly ridge: readonly Case[];
}

const fixtures: Fixtures = JSON.parse(
  readFileSync(new URL('../../../test/fixtures/baselines.json', import.meta.url), 'utf8'),
);
const { shape, starts, indices, values } = fixtures.problem;
const features: SparseMatrix = {
  rows: shape[0],
  columns: shape[1],
  starts: Uint32Array.from(starts),
  indices: Uint32Array.from(indices),
  values: Float64Array.from(values),
};

function problemOf({ targets, sampleWeights }: Pick<Case, 'targets' | 'sampleWeights'>): Problem {
  const classes = 1 + Math.max(...targets.flat());
  const rows = targets.map((target) =>
    typeof target === 'number' ? Array.from({ length: classes }, (_, k) => Number(k === target)) : target,
  );
  return {
    features,
    targets: Float64Array.from(rows.flat()),
    outputs: rows[0]!.length,
    weights: sampleWeights ? Float64Array.from(sampleWeights) : new Float64Array(rows.length).fill(1),
  };
}

const optionsOf = ({ targets, balanced = false }: Case) => ({ exclusive: typeof targets[0] === 'number', balanced });

/** The plane of the second of two classes is half of scikit-learn's only one. */
function agree(got: LinearModel, wanted: Case, tolerance: number): void {
  const isPair = wanted.bias.length === 1 && got.bias.length === 2;
  const factor = isPair ? 2 : 1;
  const [first, D] = [isPair ? 1 : 0, shape[1]];
  const found = wanted.bias.map((_, k) => [...got.weights.slice((first + k) * D, (first + k + 1) * D)]);
  const differences = [
    ...wanted.bias.map((bias, k) => Math.abs(bias - factor * got.bias[first + k]!)),
    ...wanted.weights.flatMap((row, k) => row.map((weight, j) => Math.abs(weight - factor * found[k]![j]!))),
  ];
  expect(Math.max(...differences), 're-run test/fixtures/make_baseline_fixtures.py?').toBeLessThan(tolerance);
}

const best = (row: readonly number[]): number => row.indexOf(Math.max(...row));
const decided = (model: LinearModel, { targets }: Case) =>
  margins(model, features).map((row) =>
    typeof targets[0] === 'number' ? best(row) : row.map((margin) => Number(margin >= 0)),
  );

const svm = (problem: Problem, options: { exclusive: boolean; balanced: boolean }, tolerance?: number) =>
  oneVersusRest(problem, options, (binary, k) =>
    fitSvm(binary, { random: random(0).fork(k), ...(tolerance === undefined ? {} : { tolerance }) }),
  );

describe('support vector machine', () => {
  test.each(fixtures.svm)("has scikit-learn's coefficients: $name", (given) => {
    const model = svm(problemOf(given), optionsOf(given), 1e-8);
    agree(model, given, 2e-7);
    expect(decided(model, given)).toEqual(given.predicted);
  });

  test.each(fixtures.svm)('decides as it does when it stops as early as usual: $name', (given) =>
    expect(decided(svm(problemOf(given), optionsOf(given)), given)).toEqual(given.predicted),
  );

  test('depends on its seed in the last digits alone', () => {
    const given = fixtures.svm[0]!;
    const of = (seed: number) =>
      oneVersusRest(problemOf(given), optionsOf(given), (binary) =>
        fitSvm(binary, { random: random(seed), tolerance: 1e-8 }),
      );
    const [one, again, other] = [of(1), of(1), of(2)];
    expect(one).toEqual(again);
    expect(Math.max(...one.weights.map((w, j) => Math.abs(w - other.weights[j]!)))).toBeLessThan(1e-6);
  });
});

describe('logistic regression', () => {
  test.each(fixtures.lr)("has scikit-learn's coefficients: $name", (given) => {
    const model = fitLogistic(problemOf(given), optionsOf(given), 1e-10);
    agree(model, given, 2e-6);
    expect(decided(model, given)).toEqual(given.predicted);
  });
});

describe('ridge regression', () => {
  test.each(fixtures.ridge)("has scikit-learn's coefficients: $name", (given) => {
    const model = fitRidge(problemOf(given));
    agree(model, given, 1e-6);
    const largest = (a: readonly number[], b: readonly number[]) => Math.max(...a.map((x, k) => Math.abs(x - b[k]!)));
    const wanted = given.predicted as readonly (readonly number[])[];
    expect(Math.max(...margins(model, features).map((row, i) => largest(row, wanted[i]!)))).toBeLessThan(1e-6);
  });

  test('of a constant is that constant', () => {
    const model = fitRidge(tiny([[2], [2], [2]]));
    expect([...model.weights, ...model.bias]).toEqual([0, 0, 0, 2]);
  });
});

/** Three examples: one word, another, none; and a feature that is the same for all. */
const tiny = (targets: readonly (readonly number[])[]): Problem => ({
  features: sparse(
    [
      [1, 0, 1],
      [0, 1, 1],
      [0, 0, 1],
    ].slice(0, targets.length),
  ),
  targets: Float64Array.from(targets.flat()),
  outputs: targets[0]!.length,
  weights: new Float64Array(targets.length).fill(1),
});

describe.each([
  ['svm', svm],
  ['lr', fitLogistic],
] as const)('%s at the edge', (_, learn) => {
  const single = { exclusive: true, balanced: false };
  const several = { exclusive: false, balanced: false };
  const answers = (targets: number[][], options = single) => {
    const problem = tiny(targets);
    return margins(learn(problem, options), problem.features);
  };

  test('never gives a class that training lacks', () =>
    expect(
      answers([
        [1, 0, 0, 0],
        [0, 1, 0, 0],
        [0, 0, 0, 1],
      ]).map(best),
    ).toEqual([0, 1, 3]));

  test('gives the only class there is', () =>
    expect(
      answers([
        [0, 1],
        [0, 1],
      ]).map(best),
    ).toEqual([1, 1]));

  test('learns from one example', () => expect(answers([[0, 1, 0]]).map(best)).toEqual([1]));

  test('is certain of labels that hold always or never', () => {
    const rows = [
      [1, 0, 1],
      [1, 0, 0],
      [1, 0, 0],
    ];
    const got = answers(rows, several);
    expect(got.map((row) => row.slice(0, 2))).toEqual([
      [30, -30],
      [30, -30],
      [30, -30],
    ]);
    expect(got[0]![2]).toBeGreaterThan(got[1]![2]!);
  });

  test('has an answer for a text without any known term', () => {
    const problem = tiny([
      [1, 0],
      [0, 1],
      [0, 1],
    ]);
    const model = learn(problem, single);
    expect(margins(model, sparse([[0, 0, 0]]))).toEqual([Array.from(model.bias)]);
  });
});
