/** Metrics of a task whose examples each have exactly one class, given by its index. */
import { type AverageF1, averageF1, type LabelCounts, ratio } from './label-counts.ts';
import { once, type Weights } from './weights.ts';

/** Row: the true class; column: the predicted one. */
export type ConfusionMatrix = readonly (readonly number[])[];

export interface ClassificationScores extends AverageF1 {
  /** Equal to microF1 when there is one class per example. */
  readonly accuracy: number;
}

/** Counts of (true class, predicted class), classes without examples included. Shapes: [N], [N] → [K, K] */
export function confusionMatrix(
  targets: readonly number[],
  predictions: readonly number[],
  { classes, weights = once(targets.length) }: { readonly classes: number; readonly weights?: Weights },
): ConfusionMatrix {
  const matrix = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  for (let i = 0; i < targets.length; i++) matrix[targets[i]!]![predictions[i]!]! += weights[i]!;
  return matrix;
}

/** Accuracy and average F1 over all classes of the matrix. Matches scikit-learn: scikit-learn.test.ts */
export function classificationScores(confusion: ConfusionMatrix): ClassificationScores {
  const counts = classCounts(confusion);
  const right = counts.reduce((sum, { tp }) => sum + tp, 0);
  const all = counts.reduce((sum, { tp, fn }) => sum + tp + fn, 0);
  return { accuracy: ratio(right, all), ...averageF1(counts) };
}

/** Each class against the others. */
export function classCounts(confusion: ConfusionMatrix): LabelCounts[] {
  return confusion.map((row, k) => {
    const tp = row[k]!;
    const predicted = confusion.reduce((sum, other) => sum + other[k]!, 0);
    const actual = row.reduce((sum, count) => sum + count, 0);
    return { tp, fp: predicted - tp, fn: actual - tp };
  });
}
