import type { Standardization } from '../core/decision.ts';
import { hasValues, type Task } from '../core/task.ts';

/** How the scores of a text's windows become the text's. */
export const windowPoolings = ['mean', 'max'] as const;
export type WindowPooling = (typeof windowPoolings)[number];

/** What turns logits into scores besides the task. */
export interface Scoring {
  readonly labels: number;
  /** See {@link Decision}. Default 1. */
  readonly temperature?: number | undefined;
  /** See {@link Decision}. Default: logits are values. */
  readonly standardization?: Standardization | undefined;
}

type Scores = (logits: readonly number[], scoring: Scoring) => number[];

/**
 * From logits to what is reported [K]: probabilities of labels, after a division by the temperature; values, which may have
 * been learnt in units of their deviation; in ordinal tasks the expected level, from the logits [K·J] of being above each cutpoint.
 *
 *     p = softmax(z / T)        p_k = σ(z_k / T)        y_k = mean_k + deviation_k z_k        E[y_k] = Σ_j P(y_k > j) = Σ_j σ(z_kj)
 */
export const scoresOf: Readonly<Record<Task, Scores>> = {
  single_label_classification(logits, { temperature = 1 }) {
    const top = Math.max(...logits);
    const exps = logits.map((z) => Math.exp((z - top) / temperature));
    const sum = exps.reduce((a, b) => a + b, 0);
    return exps.map((e) => e / sum);
  },
  multi_label_classification: (logits, { temperature = 1 }) => logits.map((z) => sigmoid(z / temperature)),
  regression: (logits, { standardization: by }) =>
    logits.map((z, k) => (by ? by.means[k]! + by.deviations[k]! * z : z)),
  ordinal_regression(logits, { labels }) {
    const cutpoints = logits.length / labels;
    return Array.from({ length: labels }, (_, k) =>
      logits.slice(k * cutpoints, (k + 1) * cutpoints).reduce((sum, z) => sum + sigmoid(z), 0),
    );
  },
};

const sigmoid = (z: number): number => 1 / (1 + Math.exp(-z));

/** The windows in which texts were read. */
export interface Windows {
  /** How many each text has. */
  readonly counts: readonly number[];
  readonly pooling: WindowPooling;
}

/**
 * The scores of texts that were read in windows, from the logits of all windows one after the other.
 *
 *     mean: s = Σ_w s_w / W        max: s_k = max_w s_wk, of classes that exclude each other divided by their sum
 *
 * A text of one window has that window's scores. Values and levels are always averaged.
 */
export function pooledScores(
  task: Task,
  logits: readonly (readonly number[])[],
  { counts, pooling, ...scoring }: Windows & Scoring,
): number[][] {
  let at = 0;
  return counts.map((count) => {
    const windows = logits.slice(at, at + count).map((row) => scoresOf[task](row, scoring));
    at += count;
    return count === 1 ? windows[0]! : pool(task, windows, pooling);
  });
}

function pool(task: Task, windows: readonly (readonly number[])[], pooling: WindowPooling): number[] {
  const column = (k: number) => windows.map((scores) => scores[k]!);
  const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
  if (pooling === 'mean' || hasValues(task)) return windows[0]!.map((_, k) => mean(column(k)));
  const most = windows[0]!.map((_, k) => Math.max(...column(k)));
  if (task === 'multi_label_classification') return most;
  const sum = most.reduce((a, b) => a + b, 0);
  return most.map((score) => score / sum);
}
