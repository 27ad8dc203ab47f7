/** Decisions fitted on examples that were not trained on. */
import { type Decision, NEVER, plainDecision, type Standardization } from '../core/decision.ts';
import { hasValues, type Task } from '../core/task.ts';
import type { Rows } from '../metrics/evaluate.ts';
import { pooledScores, type Windows } from './scores.ts';

/** Labelled texts as a model answers them. */
export interface Answers extends Windows {
  /** Logits of each window. */
  readonly logits: Rows;
  /** What is true of each text. [N, K] */
  readonly targets: Rows;
}

/** What is told instead of fitted, or asked for. */
export interface DecisionOptions {
  readonly temperature?: number | undefined;
  /** Multi-label: one threshold for every label. */
  readonly threshold?: number | undefined;
  /** The share of right answers among those given that is to be reached: what is less sure is not answered. */
  readonly minPrecision?: number | undefined;
  /** Regression: what was learnt instead of the values. */
  readonly standardization?: Standardization | undefined;
}

/** A decision, and what could not be had of it. */
export interface FittedDecision {
  readonly decision: Decision;
  readonly notes: readonly string[];
}

/**
 * Fits what is not told of a decision: first the temperature, then thresholds on the probabilities that it gives. Of values
 * and levels there is nothing to fit.
 *
 * Multi-label: each label's threshold has the best F1 (Lipton, Elkan & Naryanaswamy 2014, arXiv:1402.1892), or, with
 * `minPrecision`, is the lowest with that precision. Single-label: with `minPrecision` the most probable label is given
 * from the lowest probability on with that accuracy above it (Geifman & El-Yaniv 2017, arXiv:1705.08500).
 */
export function fitDecision(
  task: Task,
  labels: readonly string[],
  answers: Answers,
  options: DecisionOptions = {},
): FittedDecision {
  const plain = { ...plainDecision(labels.length), standardization: options.standardization };
  if (hasValues(task)) return { decision: plain, notes: [] };
  const temperature = options.temperature ?? fitTemperature(task, labels, answers);
  const scores = pooledScores(task, answers.logits, { ...answers, labels: labels.length, temperature });
  const fitLabels = task === 'single_label_classification' ? fitAbstention : fitThresholds;
  const { decision, notes } = fitLabels(labels, { targets: answers.targets, scores }, options);
  return { decision: { ...plain, temperature, ...decision }, notes };
}

interface Scored {
  readonly targets: Rows;
  readonly scores: Rows;
}

interface Fitted {
  readonly decision: Partial<Decision>;
  readonly notes: readonly string[];
}

function fitAbstention(_: readonly string[], { targets, scores }: Scored, { minPrecision }: DecisionOptions): Fitted {
  if (minPrecision === undefined) return { decision: {}, notes: [] };
  const answers = scores.map((row, i): Answer => {
    const score = Math.max(...row);
    return { score, right: targets[i]![row.indexOf(score)] === 1 };
  });
  const abstainBelow = precisionThreshold(answers, minPrecision) ?? NEVER;
  const notes =
    abstainBelow === NEVER
      ? [`no validation text is answered with a precision of ${minPrecision}: the model gives no label at all`]
      : [];
  return { decision: { abstainBelow }, notes };
}

function fitThresholds(
  labels: readonly string[],
  { targets, scores }: Scored,
  { threshold, minPrecision }: DecisionOptions,
): Fitted {
  if (threshold !== undefined) return { decision: { thresholds: labels.map(() => threshold) }, notes: [] };
  const fitted = labels.map((_, k) => {
    const answers = scores.map((row, i): Answer => ({ score: row[k]!, right: targets[i]![k] === 1 }));
    return minPrecision === undefined ? bestF1Threshold(answers) : precisionThreshold(answers, minPrecision);
  });
  const without = labels.filter((_, k) => fitted[k] === undefined).join(', ');
  const why =
    minPrecision === undefined
      ? `no validation text holds ${without}: the threshold stays 0.5`
      : `no validation text is given ${without} with a precision of ${minPrecision}: never given`;
  return {
    decision: { thresholds: fitted.map((value) => value ?? (minPrecision === undefined ? 0.5 : NEVER)) },
    notes: without === '' ? [] : [why],
  };
}

/** A label that would be given if its score is high enough, and whether that would be right. */
interface Answer {
  readonly score: number;
  readonly right: boolean;
}

/** Where a threshold can lie: between scores, with how many answers are above it, and how many of them are right. */
interface Cut {
  readonly threshold: number;
  readonly given: number;
  readonly right: number;
}

/** From the highest threshold to the one below all scores. */
function cuts(answers: readonly Answer[]): Cut[] {
  const ranked = [...answers].sort((a, b) => b.score - a.score);
  let right = 0;
  return ranked.flatMap((answer, i) => {
    if (answer.right) right++;
    const next = ranked[i + 1]?.score ?? 0;
    return next === answer.score ? [] : [{ threshold: (answer.score + next) / 2, given: i + 1, right }];
  });
}

/** The threshold with the best F1 = 2 tp / (given + positives), the highest of equals; undefined without positives. */
export function bestF1Threshold(answers: readonly Answer[]): number | undefined {
  const positives = answers.filter(({ right }) => right).length;
  const f1 = ({ given, right }: Cut): number => (2 * right) / (given + positives);
  if (positives === 0) return undefined;
  return cuts(answers).reduce((best, cut) => (f1(cut) > f1(best) ? cut : best)).threshold;
}

/** The lowest threshold above which the share of right answers is at least `precision`; undefined if there is none. */
export const precisionThreshold = (answers: readonly Answer[], precision: number): number | undefined =>
  cuts(answers).findLast(({ given, right }) => right >= precision * given)?.threshold;

/** Where temperatures are looked for, and how exactly: as logarithms. */
const search = { from: Math.log(0.05), to: Math.log(20), tolerance: 1e-4 } as const;

/**
 * The temperature under which the targets are likeliest, by golden-section search over its logarithm.
 *
 * @see Guo, Pleiss, Sun & Weinberger 2017, On Calibration of Modern Neural Networks, ICML, arXiv:1706.04599
 */
function fitTemperature(task: Task, labels: readonly string[], answers: Answers): number {
  const loss = (logarithm: number): number => {
    const temperature = Math.exp(logarithm);
    const scores = pooledScores(task, answers.logits, { ...answers, labels: labels.length, temperature });
    return negativeLogLikelihood(task, { targets: answers.targets, scores });
  };
  return Math.exp(goldenSection(loss, search));
}

/** Keeps logarithms finite where a probability rounds to 0. */
const least = 1e-12;

function negativeLogLikelihood(task: Task, { targets, scores }: Scored): number {
  const multi = task === 'multi_label_classification';
  let sum = 0;
  for (const [i, row] of scores.entries())
    for (const [k, p] of row.entries()) {
      if (targets[i]![k] === 1) sum -= Math.log(Math.max(least, p));
      else if (multi) sum -= Math.log(Math.max(least, 1 - p));
    }
  return sum;
}

const golden = (Math.sqrt(5) - 1) / 2;

/** Where a function with one minimum has it. */
function goldenSection(
  f: (x: number) => number,
  { from, to, tolerance }: { readonly from: number; readonly to: number; readonly tolerance: number },
): number {
  let [low, high] = [from, to];
  let [left, right] = [high - golden * (high - low), low + golden * (high - low)];
  let [atLeft, atRight] = [f(left), f(right)];
  while (high - low > tolerance) {
    if (atLeft < atRight) {
      [high, right, atRight] = [right, left, atLeft];
      left = high - golden * (high - low);
      atLeft = f(left);
    } else {
      [low, left, atLeft] = [left, right, atRight];
      right = low + golden * (high - low);
      atRight = f(right);
    }
  }
  return (low + high) / 2;
}
