import type { Task } from '../core/task.ts';

/** How a classifier's logits become labels: fitted on validation or told, and saved with it. */
export interface Decision {
  /** Divides the logits of labels before they become probabilities. */
  readonly temperature: number;
  /** Multi-label: the probability from which each label is given. */
  readonly thresholds: readonly number[];
  /** Single-label: no label is given where the most probable one is less probable than this. */
  readonly abstainBelow?: number | undefined;
}

/** A probability that no text has: a label with this threshold is never given. */
export const NEVER = 2;

/** As classifiers decide that nobody fitted. */
export const plainDecision = (labels: number): Decision => ({
  temperature: 1,
  thresholds: new Array<number>(labels).fill(0.5),
});

type Rule = (scores: readonly number[], decision: Pick<Decision, 'thresholds' | 'abstainBelow'>) => number[];

/**
 * Which labels a text is given: the most probable one, unless it is too improbable; all from their thresholds up; none
 * where scores are values; in ordinal tasks those at least half way to level 1.
 */
export const decide: Readonly<Record<Task, Rule>> = {
  single_label_classification(scores, { abstainBelow = 0 }) {
    const most = Math.max(...scores);
    return most >= abstainBelow ? [scores.indexOf(most)] : [];
  },
  multi_label_classification: (scores, { thresholds }) =>
    scores.flatMap((score, k) => (score >= thresholds[k]! ? [k] : [])),
  regression: () => [],
  ordinal_regression: (scores) => scores.flatMap((level, k) => (level >= 0.5 ? [k] : [])),
};
