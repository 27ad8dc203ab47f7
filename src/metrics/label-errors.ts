/** Labels that are likely wrong, by confident learning. */
import { DataError } from '../core/errors.ts';
import type { Rows } from './evaluate.ts';

/** A label that a model, which has not seen the example, is sure to be another one. */
export interface LabelError {
  /** Of the example. */
  readonly place: number;
  /** Single-label: the class that is given; multi-label: the label in question. */
  readonly label: number;
  /** Single-label: the likelier class; multi-label: whether the label is likelier to hold, as 1 or 0. */
  readonly likely: number;
  /** How probable the given class is, less the likely one: from −1, surely wrong, up. */
  readonly margin: number;
}

/**
 * Examples off the diagonal of the confident joint, the surest first. With given classes c_i and probabilities p [N, K] of
 * models that have not seen the example (cross-validation):
 *
 *     t_k = mean of p_ik over the examples with c_i = k
 *     ĉ_i = argmax of p_ik over the k with p_ik ≥ t_k
 *
 * and an example is listed if there is such a ĉ_i, it is not c_i, and c_i is not what the model would answer (as in cleanlab).
 * That a class must reach its own mean confidence makes up for models that are more or less sure of some classes.
 *
 * Shapes: targets [N, K], one-hot; probabilities [N, K]
 *
 * @throws DataError if the shapes differ, or a score is no probability.
 * @see Northcutt, Jiang & Chuang 2021, Confident Learning: Estimating Uncertainty in Dataset Labels, JAIR 70
 */
export function labelErrors(targets: Rows, probabilities: Rows): LabelError[] {
  check(targets, probabilities);
  const given = targets.map((row) => row.indexOf(1));
  return surestFirst(confident(given, probabilities).map((each) => ({ ...each, label: given[each.place]! })));
}

/**
 * The same for sets of labels: each label's holding and not holding are two classes.
 *
 * Shapes: targets [N, K], 0 or 1; probabilities [N, K]
 *
 * @throws as {@link labelErrors}.
 */
export function multiLabelErrors(targets: Rows, probabilities: Rows): LabelError[] {
  check(targets, probabilities);
  const labels = targets[0]?.length ?? 0;
  return surestFirst(
    Array.from({ length: labels }, (_, label) => {
      const given = targets.map((row) => row[label]!);
      const both = probabilities.map((row) => [1 - row[label]!, row[label]!]);
      return confident(given, both).map((each) => ({ ...each, label }));
    }).flat(),
  );
}

function confident(given: readonly number[], probabilities: Rows): Omit<LabelError, 'label'>[] {
  const classes = probabilities[0]?.length ?? 0;
  const thresholds = Array.from({ length: classes }, (_, k) => {
    const own = probabilities.filter((_, i) => given[i] === k).map((row) => row[k]!);
    return own.length === 0 ? Number.POSITIVE_INFINITY : own.reduce((a, b) => a + b, 0) / own.length;
  });
  return probabilities.flatMap((row, place) => {
    const sure = row.map((p, k) => (p >= thresholds[k]! ? p : Number.NEGATIVE_INFINITY));
    const likely = sure.indexOf(Math.max(...sure));
    const own = given[place]!;
    const isDoubtful = sure[likely]! > Number.NEGATIVE_INFINITY && row.indexOf(Math.max(...row)) !== own;
    return !isDoubtful || likely === own ? [] : [{ place, likely, margin: row[own]! - row[likely]! }];
  });
}

const surestFirst = (errors: readonly LabelError[]): LabelError[] =>
  [...errors].sort((a, b) => a.margin - b.margin || a.place - b.place);

function check(targets: Rows, probabilities: Rows): void {
  if (targets.length !== probabilities.length)
    throw new DataError(`${targets.length} targets but ${probabilities.length} rows of probabilities`);
  const wrong = probabilities.findIndex(
    (row, i) => row.length !== targets[i]!.length || !row.every((p) => p >= 0 && p <= 1),
  );
  if (wrong >= 0)
    throw new DataError(
      `probabilities ${wrong} are [${probabilities[wrong]}]: give ${targets[wrong]!.length} numbers from 0 to 1`,
    );
}
