import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { classCounts, classificationScores, confusionMatrix } from './classification.ts';
import { labelScores } from './label-counts.ts';
import { multiLabelCounts, multiLabelScores } from './multi-label.ts';
import { meanScores, regressionScores } from './regression.ts';

type Scores = Record<string, number | null>;
interface Case<Row> {
  readonly name: string;
  readonly targets: Row[];
  readonly predictions: Row[];
  readonly scores: Scores;
  readonly perLabel: Scores[];
}
interface Fixtures {
  readonly single: (Case<number> & { readonly classes: number; readonly confusion: number[][] })[];
  readonly multi: Case<number[]>[];
  readonly regression: Case<number[]>[];
}

const fixtures: Fixtures = JSON.parse(
  readFileSync(new URL('../../test/fixtures/metrics.json', import.meta.url), 'utf8'),
);

/** To 12 decimals; null in the fixture is NaN. */
function agree(got: object, wanted: Scores): void {
  expect(Object.keys(got).sort()).toEqual(Object.keys(wanted).sort());
  for (const [name, value] of Object.entries(got)) {
    const difference = Math.abs(value - (wanted[name] ?? Number.NaN));
    if (wanted[name] === null ? !Number.isNaN(value) : !(difference <= 1e-12))
      expect.fail(`${name} is ${value}, not ${wanted[name]} (re-run test/fixtures/make_metric_fixtures.py?)`);
  }
}

function agreeAll(got: readonly object[], wanted: readonly Scores[]): void {
  expect(got.length).toBe(wanted.length);
  got.forEach((scores, k) => {
    agree(scores, wanted[k]!);
  });
}

describe('equals scikit-learn and SciPy', () => {
  test.each(fixtures.single)(
    'single label: $name',
    ({ targets, predictions, classes, confusion, scores, perLabel }) => {
      const matrix = confusionMatrix(targets, predictions, { classes });
      expect(matrix).toEqual(confusion);
      agree(classificationScores(matrix), scores);
      agreeAll(classCounts(matrix).map(labelScores), perLabel);
    },
  );

  test.each(fixtures.multi)('multi-label: $name', ({ targets, predictions, scores, perLabel }) => {
    agree(multiLabelScores(targets, predictions), scores);
    agreeAll(multiLabelCounts(targets, predictions).map(labelScores), perLabel);
  });

  test.each(fixtures.regression)('regression: $name', ({ targets, predictions, scores, perLabel }) => {
    const got = regressionScores(targets, predictions)();
    agreeAll(got, perLabel);
    agree(meanScores(got), scores);
  });
});
