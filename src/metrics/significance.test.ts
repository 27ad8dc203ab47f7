import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { random } from '../core/random.ts';
import { classificationScores, confusionMatrix } from './classification.ts';
import { multiLabelScores } from './multi-label.ts';
import { regressionScores } from './regression.ts';
import { type McNemar, mcnemar, type PairedMeasure, pairedBootstrap, randomizationTest } from './significance.ts';
import { once } from './weights.ts';

interface Paired {
  readonly name: string;
  readonly metric: 'accuracy' | 'macroF1' | 'pearson';
  readonly targets: number[];
  readonly a: number[];
  readonly b: number[];
  readonly difference: number;
  readonly p: number;
}
const fixtures: { readonly mcnemar: McNemar[]; readonly paired: Paired[] } = JSON.parse(
  readFileSync(new URL('../../test/fixtures/metrics.json', import.meta.url), 'utf8'),
);

const seed = 5;

function measureOf({ metric, targets, a, b }: Paired): PairedMeasure<string> {
  const [actual, given] = [targets.concat(targets), a.concat(b)];
  if (metric === 'pearson') {
    const rows = (values: readonly number[]) => values.map((x) => [x]);
    const scores = regressionScores(rows(actual), rows(given));
    return (weights) => ({ pearson: scores(weights)[0]!.pearson });
  }
  return (weights) => ({ ...classificationScores(confusionMatrix(actual, given, { classes: 4, weights })) });
}

/** The p-value of all 2^N ways to swap, and how far one of `draws` random ways may be from it: four standard errors. */
describe('the randomisation test comes to what the exact test of SciPy does', () => {
  test.each(fixtures.paired)('$name, $metric', (paired) => {
    const { metric, targets, p, difference } = paired;
    // scikit-learn was given three classes; the fourth index here stands for a wrong answer and would count in the mean.
    const measure: PairedMeasure<string> = (weights) => {
      const scores = measureOf(paired)(weights);
      return metric === 'macroF1' ? { macroF1: (scores.macroF1! * 4) / 3 } : scores;
    };
    const n = targets.length;
    const ofA = measure(new Float64Array(2 * n).fill(1, 0, n))[metric]!;
    const ofB = measure(new Float64Array(2 * n).fill(1, n))[metric]!;
    expect(ofA - ofB).toBeCloseTo(difference, 12);
    const draws = 4000;
    const got = randomizationTest(n, measure, { seed, draws })[metric]!;
    expect(Math.abs(got - p)).toBeLessThanOrEqual(4 * Math.sqrt((p * (1 - p)) / draws) + 1 / draws);
  });
});

test('of accuracies, the randomisation test is the binomial test', () => {
  const generator = random(3);
  const targets = Array.from({ length: 200 }, () => generator.integer(2));
  const answered = (share: number) => targets.map((k) => (generator.uniform() < share ? k : 1 - k));
  const [a, b] = [answered(0.95), answered(0.92)];
  const only = (x: number[], y: number[]) => targets.filter((k, i) => x[i] === k && y[i] !== k).length;
  const exact = mcnemar(only(a, b), only(b, a));
  expect(exact.test).toBe('binomial');
  const measure = measureOf({ name: '', metric: 'accuracy', targets, a, b, difference: 0, p: 0 });
  const { accuracy } = randomizationTest(200, measure, { seed });
  expect(Math.abs(accuracy! - exact.p)).toBeLessThan(4 * Math.sqrt((exact.p * (1 - exact.p)) / 10_000));
});

describe('the randomisation test', () => {
  const rows = (n: number, of: (i: number) => number[]) => Array.from({ length: n }, (_, i) => of(i));
  const measureSets = (targets: number[][], a: number[][], b: number[][]) => {
    const scores = multiLabelScores(targets.concat(targets), a.concat(b));
    return (weights: Parameters<typeof scores>[0]) => ({ ...scores(weights) });
  };

  test('has p = 1 for a system and itself, by every metric', () => {
    const targets = rows(40, (i) => [i % 2, i % 3 === 0 ? 1 : 0]);
    const answers = rows(40, (i) => [i % 3 === 1 ? 1 : 0, 1]);
    const p = randomizationTest(40, measureSets(targets, answers, answers), { seed, draws: 50 });
    expect(p).toEqual({ macroF1: 1, microF1: 1, weightedF1: 1, jaccard: 1, subsetAccuracy: 1 });
  });

  test('has the smallest p there is where no draw comes near, whoever is better', () => {
    const targets = rows(80, () => [1]);
    const wrong = rows(80, () => [0]);
    for (const measure of [measureSets(targets, targets, wrong), measureSets(targets, wrong, targets)])
      expect(randomizationTest(80, measure, { seed, draws: 99 }).subsetAccuracy).toBe(1 / 100);
  });

  test('gives equal p for equal seeds, another one for others', () => {
    const p = (withSeed: number) =>
      randomizationTest(12, measureOf(fixtures.paired[0]!), { seed: withSeed, draws: 500 });
    expect(p(1)).toEqual(p(1));
    expect(p(1)).not.toEqual(p(2));
  });

  test('counts draws without a value as large differences, and has no p for what is not defined', () => {
    let call = 0;
    // Observed, 1 against 0; then a draw of no difference, one that is not defined, and one of no difference.
    const values = [1, 0, 0, 0, Number.NaN, 0, 0, 0];
    const measure = () => ({ x: values[call++]!, never: Number.NaN });
    expect(randomizationTest(3, measure, { seed, draws: 3 })).toEqual({ x: 2 / 4, never: Number.NaN });
  });

  test('counts every answer once, for one system or the other', () => {
    const seen: number[][] = [];
    randomizationTest(40, (weights) => ({ x: seen.push([...weights]) }), { seed, draws: 20 });
    for (let at = 0; at < seen.length; at += 2) {
      const [one, other] = [seen[at]!, seen[at + 1]!];
      expect(one.map((w, i) => w + other[i]!)).toEqual([...once(80)]);
      expect(one.slice(0, 40).map((w, i) => w + one[40 + i]!)).toEqual([...once(40)]);
    }
  });
});

describe('the paired bootstrap', () => {
  test('draws the same examples for both: what differs by a constant has no width', () => {
    const values = [3, 1, 4, 1, 5, 9, 2, 6];
    const both = [...values, ...values.map((x) => x - 2)];
    const mean = (weights: Float64Array) => ({
      mean: both.reduce((sum, x, i) => sum + x * weights[i]!, 0) / values.length,
    });
    expect(pairedBootstrap(8, mean, { seed, draws: 100 }).mean).toEqual({ low: 2, high: 2 });
  });
});

describe('McNemar equals SciPy', () => {
  test.each(fixtures.mcnemar)('for $onlyA and $onlyB', ({ onlyA, onlyB, statistic, p, ...wanted }) => {
    const got = mcnemar(onlyA, onlyB);
    expect(got).toMatchObject({ onlyA, onlyB, ...wanted });
    expect(Math.abs(got.statistic - statistic)).toBeLessThanOrEqual(1e-12 * statistic);
    expect(Math.abs(got.p - p)).toBeLessThanOrEqual(1e-12 * p);
  });
});
