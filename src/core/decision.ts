import { z } from 'zod';
import { ConfigError } from './errors.ts';
import type { Task } from './task.ts';

/** What a model of values learns instead of the values y: z = (y − mean) / deviation, for each of them. */
const standardizationSchema = z.object({
  means: z.array(z.number()).readonly(),
  deviations: z.array(z.number().positive()).readonly(),
});
export type Standardization = Readonly<z.infer<typeof standardizationSchema>>;

/** How a classifier's logits become labels or values: fitted on validation or told, and saved with it. */
export const decisionSchema = z.object({
  /** Divides the logits of labels before they become probabilities. */
  temperature: z.number().positive(),
  /** Multi-label: the probability from which each label is given. */
  thresholds: z.array(z.number()).readonly(),
  /** Single-label: no label is given where the most probable one is less probable than this. */
  abstainBelow: z.number().optional(),
  /** Ordinal baselines, which predict levels as values: the highest there is. */
  highestLevel: z.number().optional(),
  /** Regression: how logits become values, where they are not values already. */
  standardization: standardizationSchema.optional(),
});
export type Decision = Readonly<z.infer<typeof decisionSchema>>;

/** A probability that no text has: a label with this threshold is never given. */
export const NEVER = 2;

/** As classifiers decide that nobody fitted. */
export const plainDecision = (labels: number): Decision => ({
  temperature: 1,
  thresholds: new Array<number>(labels).fill(0.5),
});

/**
 * The decision with one threshold for every label, where that is told.
 *
 * @throws ConfigError if the task has none.
 */
export function withThreshold(decision: Decision, task: Task, threshold: number | undefined): Decision {
  if (threshold === undefined) return decision;
  if (task !== 'multi_label_classification')
    throw new ConfigError(`threshold: only where a text can hold several labels; the model does ${task}: leave it out`);
  return { ...decision, thresholds: decision.thresholds.map(() => threshold) };
}

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
