import { describe, expect, test } from 'vitest';
import { random } from '../core/random.ts';
import { bootstrap, quantile } from './bootstrap.ts';
import { labelCalibration, topLabelCalibration } from './calibration.ts';
import { confusionMatrix } from './classification.ts';
import { multiLabelScores } from './multi-label.ts';
import { ordinalScores } from './ordinal.ts';
import { regressionScores } from './regression.ts';
import type { Weights } from './weights.ts';

const generator = random(7);
const count = 200;
const rowsOf = (draw: () => number) => Array.from({ length: count }, () => [draw(), draw(), draw()]);

/** Every score of the one is the other's, to 12 decimals. */
function agree(got: object, wanted: object): void {
  expect(Object.keys(got)).toEqual(Object.keys(wanted));
  for (const [name, value] of Object.entries(wanted)) expect(got[name as keyof object]).toBeCloseTo(value, 12);
}

/** A metric with weights must equal the metric of the examples repeated as often. */
describe('weights are repetitions', () => {
  const weights: Weights = Float64Array.from({ length: count }, () => generator.integer(4));
  const repeated = <T>(items: readonly T[]) => items.flatMap((item, i) => new Array<T>(weights[i]!).fill(item));

  test('for classes', () => {
    const [targets, predictions] = [0, 1].map(() => Array.from({ length: count }, () => generator.integer(5)));
    const weighted = confusionMatrix(targets!, predictions!, { classes: 5, weights });
    expect(weighted).toEqual(confusionMatrix(repeated(targets!), repeated(predictions!), { classes: 5 }));
  });

  test('for label sets', () => {
    const [targets, predictions] = [rowsOf(() => generator.integer(2)), rowsOf(() => generator.integer(2))];
    const [weighted, plain] = [
      multiLabelScores(targets, predictions)(weights),
      multiLabelScores(repeated(targets), repeated(predictions))(),
    ];
    expect(weighted.jaccard).toBeCloseTo(plain.jaccard, 12);
    expect({ ...weighted, jaccard: 0 }).toEqual({ ...plain, jaccard: 0 });
  });

  test('for values, ties included', () => {
    const [targets, predictions] = [rowsOf(() => generator.integer(9)), rowsOf(() => generator.normal())];
    const [weighted, plain] = [
      regressionScores(targets, predictions)(weights),
      regressionScores(repeated(targets), repeated(predictions))(),
    ];
    plain.forEach((scores, k) => {
      agree(weighted[k]!, scores);
    });
  });

  test('for intensities and levels', () => {
    const levels = rowsOf(() => generator.integer(4));
    const expected = rowsOf(() => 3 * generator.uniform());
    const unit = (rows: number[][]) => rows.map((row) => row.map((x) => x / 3));
    for (const [weighted, plain] of [
      [
        regressionScores(unit(levels), unit(expected))(weights),
        regressionScores(repeated(unit(levels)), repeated(unit(expected)))(),
      ],
      [ordinalScores(levels, expected)(weights), ordinalScores(repeated(levels), repeated(expected))()],
    ] as const)
      plain.forEach((scores, k) => {
        agree(weighted[k]!, scores);
      });
  });

  test('for probabilities', () => {
    const probabilities = rowsOf(() => generator.uniform());
    const sets = rowsOf(() => generator.integer(2));
    const [classes, predicted] = [0, 1].map(() => Array.from({ length: count }, () => generator.integer(3)));
    agree(
      labelCalibration(sets, probabilities).scores(weights),
      labelCalibration(repeated(sets), repeated(probabilities)).scores(),
    );
    agree(
      topLabelCalibration(classes!, predicted!, probabilities).scores(weights),
      topLabelCalibration(repeated(classes!), repeated(predicted!), repeated(probabilities)).scores(),
    );
  });
});

test('a draw of equal values has no correlation, whatever was not drawn', () => {
  const drawn = Float64Array.of(0, 1, 2, 1);
  const [scores] = regressionScores([[5], [0.1], [0.1], [0.1]], [[1], [2], [3], [4]])(drawn);
  expect([scores!.pearson, scores!.spearman]).toEqual([Number.NaN, Number.NaN]);
});

test('the interval of a mean is the normal one', () => {
  const values = Array.from({ length: 400 }, () => generator.normal());
  const mean = values.reduce((sum, x) => sum + x, 0) / 400;
  const deviation = Math.sqrt(values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / 400);
  const measure = (weights: Weights) => ({ mean: values.reduce((sum, x, i) => sum + x * weights[i]!, 0) / 400 });
  const { low, high } = bootstrap(400, measure, { seed: 1, draws: 4000 }).mean;
  expect(low).toBeCloseTo(mean - (1.96 * deviation) / 20, 2);
  expect(high).toBeCloseTo(mean + (1.96 * deviation) / 20, 2);
});

test('equal seeds give equal intervals, other seeds others', () => {
  const right = Array.from({ length: 50 }, () => generator.integer(2));
  const accuracy = (weights: Weights) => ({ a: right.reduce((sum, x, i) => sum + x * weights[i]!, 0) / 50 + 0.001 });
  const drawn = (seed: number) => bootstrap(50, accuracy, { seed, draws: 100 });
  expect(drawn(1)).toEqual(drawn(1));
  expect(drawn(1)).not.toEqual(drawn(2));
});

test('draws without a value do not count', () => {
  const values = [Number.NaN, 3, Number.NaN, 5];
  let draw = 0;
  const { x, never } = bootstrap(1, () => ({ x: values[draw++]!, never: Number.NaN }), { seed: 1, draws: 4 });
  expect(x.low).toBeCloseTo(3.05, 12);
  expect(x.high).toBeCloseTo(4.95, 12);
  expect(never).toEqual({ low: Number.NaN, high: Number.NaN });
});

test.each([
  [[], 0.5, Number.NaN],
  [[4], 0.975, 4],
  [[1, 2], 0.25, 1.25],
  [[1, 2, 4], 1, 4],
  [[1, 2, 4], 0.75, 3],
])('quantile of %j at %d is %d', (sorted, q, value) => expect(quantile(Float64Array.from(sorted), q)).toBe(value));
