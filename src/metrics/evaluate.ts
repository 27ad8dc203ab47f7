/** What a system's answers on a test set are worth: one call for every task. */
import type { Decision } from '../core/decision.ts';
import { ConfigError, DataError } from '../core/errors.ts';
import type { Task } from '../core/task.ts';
import { type BootstrapOptions, bootstrap } from './bootstrap.ts';
import { labelCalibration, type ReliabilityBin, topLabelCalibration } from './calibration.ts';
import { type ConfusionMatrix, classCounts, classificationScores, confusionMatrix } from './classification.ts';
import { labelScores } from './label-counts.ts';
import { multiLabelCounts, multiLabelScores } from './multi-label.ts';
import { ordinalScores } from './ordinal.ts';
import { meanScores, regressionScores } from './regression.ts';
import { once, type Weights } from './weights.ts';

/** One row per example, one number per label. */
export type Rows = readonly (readonly number[])[];

/** A metric, null where it is not defined (the correlation of a constant); low and high end its 95 % interval. */
export interface Metric {
  readonly value: number | null;
  readonly low?: number | null;
  readonly high?: number | null;
}

/** Survives JSON unchanged. */
export interface Evaluation {
  readonly task: Task;
  readonly n: number;
  readonly metrics: Readonly<Record<string, Metric>>;
  readonly perLabel: readonly LabelEvaluation[];
  /** Only where each example has one class; rows are the true classes, in the order of `perLabel`. */
  readonly confusion?: ConfusionMatrix;
  /** Only in classification: how often answers of some confidence are right; one list for the top label, or one for each label. */
  readonly reliability?: readonly (readonly ReliabilityBin[])[];
  readonly bootstrap?: Required<BootstrapOptions>;
}

export interface LabelEvaluation {
  readonly label: string;
  readonly scores: Readonly<Record<string, number | null>>;
}

export interface EvaluateOptions {
  /** From which score on a label is given, in multi-label tasks; one for all, or one each. Default 0.5. */
  readonly threshold?: number | readonly number[];
  /** Single-label: below which score an example counts as not answered. Default: all are answered. */
  readonly abstainBelow?: number | undefined;
  /** How to compute 95 % intervals; without it there are none. */
  readonly bootstrap?: BootstrapOptions;
}

/** The metric that a system is chosen by. */
export const primaryMetric = (task: Task): string => measures[task].primary;

/**
 * Compares scores with targets. Targets are one-hot, 0/1 or values; scores are probabilities, or values in regression.
 * In a single-label task the highest score wins, the first of equals.
 *
 * Shapes: targets [N, K], scores [N, K], labels [K]
 *
 * @throws DataError if there are no examples, a row does not fit the labels or the task, or a score is no probability.
 * @throws ConfigError if the thresholds are not as many as the labels.
 */
export function evaluate(
  task: Task,
  labels: readonly string[],
  { targets, scores }: { readonly targets: Rows; readonly scores: Rows },
  options: EvaluateOptions = {},
): Evaluation {
  const n = targets.length;
  const measured = measureAnswers(task, labels, targets, [{ ...options, scores }]);
  const values = measured.metrics(once(n));
  const drawing = options.bootstrap && { draws: 1000, ...options.bootstrap };
  const intervals = drawing && bootstrap(n, measured.metrics, drawing);
  const metrics = Object.entries(values).map(([name, value]) => {
    const interval = intervals?.[name];
    const ends = interval && { low: orNull(interval.low), high: orNull(interval.high) };
    return [name, { value: orNull(value), ...ends }] as const;
  });
  return {
    task,
    n,
    metrics: Object.fromEntries(metrics),
    perLabel: measured.perLabel.map((scoresOf, k) => ({ label: labels[k]!, scores: mapValues(scoresOf, orNull) })),
    ...(measured.confusion && { confusion: measured.confusion }),
    ...(measured.reliability && { reliability: measured.reliability }),
    ...(drawing && { bootstrap: drawing }),
  };
}

/** How an example's scores become labels. */
type Deciding = Pick<Decision, 'thresholds' | 'abstainBelow'>;

/** What a system answers. */
export interface Answers extends Pick<EvaluateOptions, 'threshold' | 'abstainBelow'> {
  readonly scores: Rows;
}

/**
 * The metrics, for any weights, of the answers of one or several systems to the same examples, one system's after the other's.
 *
 * @throws as {@link evaluate}.
 */
export function measureAnswers(
  task: Task,
  labels: readonly string[],
  targets: Rows,
  systems: readonly Answers[],
): Measured {
  for (const { scores } of systems) checkRows(labels, targets, scores);
  const wrong = targets.findIndex((row) => !measures[task].accepts(row));
  if (wrong >= 0) throw new DataError(`target ${wrong} is [${targets[wrong]}]: ${measures[task].wants} (${task})`);
  return measures[task].measure(
    systems.flatMap(() => targets),
    systems.flatMap(({ scores }) => scores),
    systems.flatMap(({ threshold, abstainBelow }) => {
      const deciding = { thresholds: thresholdsFor(labels, threshold), abstainBelow };
      return targets.map(() => deciding);
    }),
  );
}

function thresholdsFor(labels: readonly string[], threshold: EvaluateOptions['threshold'] = 0.5): readonly number[] {
  const thresholds = typeof threshold === 'number' ? labels.map(() => threshold) : threshold;
  if (thresholds.length !== labels.length)
    throw new ConfigError(`${thresholds.length} thresholds for ${labels.length} labels: give one for all, or one each`);
  return thresholds;
}

/** What there is to know about a task's metrics. */
interface Measure {
  readonly primary: string;
  accepts(target: readonly number[]): boolean;
  /** What `accepts` asks for, in words. */
  readonly wants: string;
  measure(targets: Rows, scores: Rows, deciding: readonly Deciding[]): Measured;
}

export interface Measured {
  /** The headline metrics of the examples, each counted as often as its weight says. */
  metrics(weights: Weights): Readonly<Record<string, number>>;
  readonly perLabel: readonly object[];
  readonly confusion?: ConfusionMatrix;
  readonly reliability?: Evaluation['reliability'];
  /** Only in classification: which examples have the right class, or exactly the right labels. */
  readonly right?: readonly boolean[];
}

const isBinary = (row: readonly number[]): boolean => row.every((x) => x === 0 || x === 1);

const measures: { readonly [T in Task]: Measure } = {
  single_label_classification: {
    primary: 'macroF1',
    wants: 'exactly one class must be 1, the others 0',
    accepts: (row) => isBinary(row) && row.reduce((sum, x) => sum + x, 0) === 1,
    measure(targets, scores, deciding) {
      const classes = targets[0]!.length;
      const [actual, predicted] = [targets.map(largest), scores.map(largest)];
      const confusion = confusionMatrix(actual, predicted, { classes });
      const calibration = topLabelCalibration(actual, predicted, scores);
      const abstains = deciding.some(({ abstainBelow }) => abstainBelow !== undefined);
      const sure = scores.map((row, i) => Math.max(...row) >= (deciding[i]!.abstainBelow ?? 0));
      return {
        metrics: (weights) => ({
          ...classificationScores(confusionMatrix(actual, predicted, { classes, weights })),
          ...calibration.scores(weights),
          ...(abstains ? answered({ actual, predicted, sure }, weights) : {}),
        }),
        perLabel: classCounts(confusion).map(labelScores),
        confusion,
        right: actual.map((k, i) => k === predicted[i]),
        reliability: calibration.reliability,
      };
    },
  },
  multi_label_classification: {
    primary: 'macroF1',
    wants: 'each label must be 0 or 1',
    accepts: isBinary,
    measure(targets, scores, deciding) {
      const given = scores.map((row, i) => row.map((score, k) => (score >= deciding[i]!.thresholds[k]! ? 1 : 0)));
      const scoresFor = multiLabelScores(targets, given);
      const calibration = labelCalibration(targets, scores);
      return {
        metrics: (weights) => ({ ...scoresFor(weights), ...calibration.scores(weights) }),
        perLabel: multiLabelCounts(targets, given).map(labelScores),
        right: targets.map((row, i) => row.every((t, k) => t === given[i]![k])),
        reliability: calibration.reliability,
      };
    },
  },
  ordinal_regression: {
    primary: 'pearson',
    wants: 'each level must be a whole number from 0 up',
    accepts: (row) => row.every((level) => Number.isInteger(level) && level >= 0),
    measure(targets, scores) {
      const score = ordinalScores(targets, scores);
      return { metrics: (weights) => ({ ...meanScores(score(weights)) }), perLabel: score() };
    },
  },
  regression: {
    primary: 'pearson',
    wants: 'each value must be a finite number',
    accepts: (row) => row.every(Number.isFinite),
    measure(targets, scores) {
      const score = regressionScores(targets, scores);
      return { metrics: (weights) => ({ ...meanScores(score(weights)) }), perLabel: score() };
    },
  },
};

function checkRows(labels: readonly string[], targets: Rows, scores: Rows): void {
  if (targets.length === 0) throw new DataError('there are no examples to evaluate on');
  if (targets.length !== scores.length)
    throw new DataError(`${targets.length} targets but ${scores.length} rows of scores`);
  for (const [what, rows] of [['target', targets] as const, ['scores', scores] as const]) {
    const wrong = rows.findIndex((row) => row.length !== labels.length);
    if (wrong >= 0)
      throw new DataError(`${what} ${wrong} has ${rows[wrong]!.length} numbers for ${labels.length} labels`);
  }
  const broken = scores.findIndex((row) => !row.every(Number.isFinite));
  if (broken >= 0)
    throw new DataError(`scores ${broken} are [${scores[broken]}]: the model answers with no finite numbers`);
}

/**
 * Of a classifier that leaves examples unanswered where it is not sure, the share of those it answers, and of these the right ones.
 *
 *     coverage = n_answered / n        selectiveAccuracy = right answers / n_answered
 *
 * @see El-Yaniv & Wiener 2010, On the Foundations of Noise-free Selective Classification, JMLR 11
 */
function answered(
  { actual, predicted, sure }: { actual: readonly number[]; predicted: readonly number[]; sure: readonly boolean[] },
  weights: Weights,
): { coverage: number; selectiveAccuracy: number } {
  let [all, given, right] = [0, 0, 0];
  for (const [i, weight] of weights.entries()) {
    all += weight;
    if (!sure[i]) continue;
    given += weight;
    if (actual[i] === predicted[i]) right += weight;
  }
  return { coverage: given / all, selectiveAccuracy: right / given };
}

const largest = (row: readonly number[]): number => row.indexOf(Math.max(...row));

export const orNull = (value: number): number | null => (Number.isNaN(value) ? null : value);

const mapValues = (record: object, change: (value: number) => number | null): Record<string, number | null> =>
  Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value)]));
