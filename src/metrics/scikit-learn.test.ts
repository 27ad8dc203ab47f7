import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { type Calibration, labelCalibration, type ReliabilityBin, topLabelCalibration } from './calibration.ts';
import { classCounts, classificationScores, confusionMatrix } from './classification.ts';
import { labelScores } from './label-counts.ts';
import { multiLabelCounts, multiLabelScores } from './multi-label.ts';
import { ordinalScores } from './ordinal.ts';
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
  readonly ordinal: (Case<number[]> & { readonly highest: number })[];
  readonly topLabel: CalibrationCase<number>[];
  readonly eachLabel: CalibrationCase<number[]>[];
}
interface CalibrationCase<Row> {
  readonly name: string;
  readonly targets: Row[];
  readonly predictions: number[][];
  readonly scores: Scores;
  readonly reliability: ReliabilityBin[][];
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

function agreeOnCalibration(got: Calibration, { scores, reliability }: CalibrationCase<unknown>): void {
  agree(got.scores(), scores);
  expect(got.reliability.length).toBe(reliability.length);
  got.reliability.forEach((bins, k) => {
    agreeAll(
      bins,
      reliability[k]!.map((bin) => ({ ...bin })),
    );
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
    agree(multiLabelScores(targets, predictions)(), scores);
    agreeAll(multiLabelCounts(targets, predictions).map(labelScores), perLabel);
  });

  test.each(fixtures.regression)('regression: $name', ({ targets, predictions, scores, perLabel }) => {
    const got = regressionScores(targets, predictions)();
    agreeAll(got, perLabel);
    agree(meanScores(got), scores);
  });

  test.each(fixtures.ordinal)('ordinal: $name', ({ targets, predictions, highest, scores, perLabel }) => {
    const got = ordinalScores(targets, predictions, highest)();
    agreeAll(got, perLabel);
    agree(meanScores(got), scores);
  });

  test.each(fixtures.topLabel)('calibration of the top label: $name', (wanted) => {
    const { targets, predictions } = wanted;
    const predicted = predictions.map((row) => row.indexOf(Math.max(...row)));
    agreeOnCalibration(topLabelCalibration(targets, predicted, predictions), wanted);
  });

  test.each(fixtures.eachLabel)('calibration of each label: $name', (wanted) =>
    agreeOnCalibration(labelCalibration(wanted.targets, wanted.predictions), wanted),
  );
});
