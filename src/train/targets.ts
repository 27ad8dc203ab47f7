import type { Standardization } from '../core/decision.ts';
import type { Task } from '../core/task.ts';

export interface TargetOptions {
  /** Weight of each class, single-label only: n / (K · n_k) for balance. */
  readonly classWeights?: readonly number[];
  /** Share ε of the target spread over all classes, single-label only. */
  readonly labelSmoothing?: number;
  /** How many cutpoints lie between the levels of a label, ordinal only. */
  readonly cutpoints?: number | undefined;
  /** What is learnt instead of values, regression only. Default: the values. */
  readonly standardization?: Standardization | undefined;
}

/** An example's row of the loss's `targets`, and what it adds to the loss's `divisor`. */
export interface LossTarget {
  readonly row: readonly number[];
  readonly divisor: number;
}

type Rule = (target: readonly number[], options: TargetOptions) => LossTarget;

/** Every value counts alike. */
const asGiven: Rule = (target) => ({ row: target, divisor: target.length });

const rules: Readonly<Record<Task, Rule>> = {
  single_label_classification(target, { classWeights, labelSmoothing: eps = 0 }) {
    const weight = (k: number) => classWeights?.[k] ?? 1;
    const own = target.indexOf(1);
    const row = target.map((y, k) => (1 - eps) * y * weight(own) + (eps * weight(k)) / target.length);
    return { row, divisor: weight(own) };
  },
  multi_label_classification: asGiven,
  regression: (target, { standardization: by }) => ({
    row: by ? target.map((y, k) => (y - by.means[k]!) / by.deviations[k]!) : target,
    divisor: target.length,
  }),
  /** y becomes [y > 0, …, y > J − 1]; the likelihoods of a label's cutpoints are added up, the labels' averaged. */
  ordinal_regression: (target, { cutpoints = 0 }) => ({
    row: target.flatMap((level) => Array.from({ length: cutpoints }, (_, j) => (level > j ? 1 : 0))),
    divisor: target.length,
  }),
};

/** What the loss of nn/losses.ts takes for one example, by torch's definitions of weights and smoothing. */
export const lossTarget = (task: Task, target: readonly number[], options: TargetOptions = {}): LossTarget =>
  rules[task](target, options);
