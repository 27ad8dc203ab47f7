/** What a system's answers on a test set are worth: one call for every task. */
import { ConfigError, DataError } from '../core/errors.ts';
import type { Task } from '../core/task.ts';
import { type BootstrapOptions, bootstrap } from './bootstrap.ts';
import { type ConfusionMatrix, classCounts, classificationScores, confusionMatrix } from './classification.ts';
import { labelScores } from './label-counts.ts';
import { multiLabelCounts, multiLabelScores } from './multi-label.ts';
import { meanScores, regressionScores } from './regression.ts';
import { once, type Weights } from './weights.ts';

/** One row per example, one number per label. */
type Rows = readonly (readonly number[])[];

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
 * @throws DataError if there are no examples, or a row does not fit the labels or the task.
 * @throws ConfigError if the thresholds are not as many as the labels.
 */
export function evaluate(
  task: Task,
  labels: readonly string[],
  { targets, scores }: { readonly targets: Rows; readonly scores: Rows },
  options: EvaluateOptions = {},
): Evaluation {
  checkRows(labels, targets, scores);
  const { threshold = 0.5, abstainBelow } = options;
  const thresholds = typeof threshold === 'number' ? labels.map(() => threshold) : threshold;
  if (thresholds.length !== labels.length)
    throw new ConfigError(`${thresholds.length} thresholds for ${labels.length} labels: give one for all, or one each`);
  const wrong = targets.findIndex((row) => !measures[task].accepts(row));
  if (wrong >= 0) throw new DataError(`target ${wrong} is [${targets[wrong]}]: ${measures[task].wants} (${task})`);

  const n = targets.length;
  const measured = measures[task].measure(targets, scores, { thresholds, abstainBelow });
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
    ...(drawing && { bootstrap: drawing }),
  };
}

/** How scores become labels. */
interface Deciding {
  readonly thresholds: readonly number[];
  readonly abstainBelow: number | undefined;
}

/** What there is to know about a task's metrics. */
interface Measure {
  readonly primary: string;
  accepts(target: readonly number[]): boolean;
  /** What `accepts` asks for, in words. */
  readonly wants: string;
  measure(targets: Rows, scores: Rows, deciding: Deciding): Measured;
}

interface Measured {
  /** The headline metrics of the examples, each counted as often as its weight says. */
  metrics(weights: Weights): Readonly<Record<string, number>>;
  readonly perLabel: readonly object[];
  readonly confusion?: ConfusionMatrix;
}

const isBinary = (row: readonly number[]): boolean => row.every((x) => x === 0 || x === 1);

const measures: { readonly [T in Task]: Measure } = {
  single_label_classification: {
    primary: 'macroF1',
    wants: 'exactly one class must be 1, the others 0',
    accepts: (row) => isBinary(row) && row.reduce((sum, x) => sum + x, 0) === 1,
    measure(targets, scores, { thresholds: { length: classes }, abstainBelow }) {
      const [actual, predicted] = [targets.map(largest), scores.map(largest)];
      const confusion = confusionMatrix(actual, predicted, { classes });
      return {
        metrics: (weights) => ({
          ...classificationScores(confusionMatrix(actual, predicted, { classes, weights })),
          ...(abstainBelow === undefined
            ? {}
            : answered({ actual, predicted, sure: sureness(scores, abstainBelow) }, weights)),
        }),
        perLabel: classCounts(confusion).map(labelScores),
        confusion,
      };
    },
  },
  multi_label_classification: {
    primary: 'macroF1',
    wants: 'each label must be 0 or 1',
    accepts: isBinary,
    measure(targets, scores, { thresholds }) {
      const given = scores.map((row) => row.map((score, k) => (score >= thresholds[k]! ? 1 : 0)));
      return {
        metrics: (weights) => ({ ...multiLabelScores(targets, given, weights) }),
        perLabel: multiLabelCounts(targets, given).map(labelScores),
      };
    },
  },
  ordinal_regression: {
    primary: 'pearson',
    wants: 'each level must be a whole number from 0 up',
    accepts: (row) => row.every((level) => Number.isInteger(level) && level >= 0),
    measure(targets, scores) {
      const score = regressionScores(targets, scores);
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

/** Of each example, whether it is answered. */
const sureness = (scores: Rows, abstainBelow: number): boolean[] =>
  scores.map((row) => Math.max(...row) >= abstainBelow);

/**
 * Of a classifier that leaves examples unanswered, the share of those it answers, and how many of these rightly.
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

const orNull = (value: number): number | null => (Number.isNaN(value) ? null : value);

const mapValues = (record: object, change: (value: number) => number | null): Record<string, number | null> =>
  Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value)]));
