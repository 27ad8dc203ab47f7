/** What a system gets wrong. */
import { type Decision, decide } from '../core/decision.ts';
import type { Task } from '../core/task.ts';
import type { Rows } from './evaluate.ts';

/** An example that is answered wrongly. */
export interface Mistake {
  readonly place: number;
  /** Classification: the labels that are given. */
  readonly given: readonly number[];
  /**
   * How bad it is. Single-label: how probable the wrong class was held to be; multi-label: how far the farthest of the wrongly
   * decided probabilities is from the truth; values and levels: the largest distance to the target.
   */
  readonly size: number;
}

/**
 * The examples that are answered wrongly, the worst first; those left unanswered are not among them. Values and levels are
 * all off by something: of them all examples.
 *
 * Shapes: targets [N, K], scores [N, K]
 */
export function mistakes(
  task: Task,
  { targets, scores }: { readonly targets: Rows; readonly scores: Rows },
  deciding: Pick<Decision, 'thresholds' | 'abstainBelow'>,
): Mistake[] {
  const found = scores.flatMap((row, place): Mistake[] => {
    const given = decide[task](row, deciding);
    const size = sizeOf[task](targets[place]!, row, given);
    return size === undefined ? [] : [{ place, given, size }];
  });
  return found.sort((a, b) => b.size - a.size || a.place - b.place);
}

type Size = (target: readonly number[], scores: readonly number[], given: readonly number[]) => number | undefined;

const largestDistance: Size = (target, scores) => Math.max(...scores.map((y, k) => Math.abs(y - target[k]!)));

const sizeOf: Readonly<Record<Task, Size>> = {
  single_label_classification(target, scores, [given]) {
    return given === undefined || target[given] === 1 ? undefined : scores[given];
  },
  multi_label_classification(target, scores, given) {
    const wrong = target.flatMap((held, k) =>
      given.includes(k) === (held === 1) ? [] : [Math.abs(held - scores[k]!)],
    );
    return wrong.length === 0 ? undefined : Math.max(...wrong);
  },
  regression: largestDistance,
  ordinal_regression: largestDistance,
};
