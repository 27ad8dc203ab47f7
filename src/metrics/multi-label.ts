/** Metrics of a task whose examples each have any number of labels: rows of 0 and 1, one number per label. */
import { type AverageF1, averageF1, type LabelCounts, ratio } from './label-counts.ts';
import { once, type Weights } from './weights.ts';

export interface MultiLabelScores extends AverageF1 {
  /** Mean over the examples of |both| / |either|, 1 where neither has a label. */
  readonly jaccard: number;
  /** The share of examples with every label right. */
  readonly subsetAccuracy: number;
}

/** Each label's counts. Shapes: [N, K], [N, K] → [K] */
export function multiLabelCounts(
  targets: readonly (readonly number[])[],
  predictions: readonly (readonly number[])[],
  weights: Weights = once(targets.length),
): LabelCounts[] {
  const labels = targets[0]?.length ?? 0;
  const [tp, fp, fn] = [new Float64Array(labels), new Float64Array(labels), new Float64Array(labels)];
  for (let i = 0; i < targets.length; i++) {
    const target = targets[i]!;
    const prediction = predictions[i]!;
    const weight = weights[i]!;
    for (let k = 0; k < labels; k++) {
      if (target[k]) (prediction[k] ? tp : fn)[k]! += weight;
      else if (prediction[k]) fp[k]! += weight;
    }
  }
  return Array.from(tp, (_, k) => ({ tp: tp[k]!, fp: fp[k]!, fn: fn[k]! }));
}

/**
 * Average F1 over the labels, and the sets compared example by example.
 * Matches scikit-learn (jaccard_score with average='samples', zero_division=1): scikit-learn.test.ts
 */
export function multiLabelScores(
  targets: readonly (readonly number[])[],
  predictions: readonly (readonly number[])[],
  weights: Weights = once(targets.length),
): MultiLabelScores {
  let [jaccard, exact, all] = [0, 0, 0];
  for (let i = 0; i < targets.length; i++) {
    const overlap = overlapOf(targets[i]!, predictions[i]!);
    jaccard += weights[i]! * overlap;
    if (overlap === 1) exact += weights[i]!;
    all += weights[i]!;
  }
  const counts = multiLabelCounts(targets, predictions, weights);
  return { ...averageF1(counts), jaccard: ratio(jaccard, all), subsetAccuracy: ratio(exact, all) };
}

/** |both| / |either|: 1 exactly when the sets are equal, empty ones included. */
function overlapOf(a: readonly number[], b: readonly number[]): number {
  let [both, either] = [0, 0];
  for (let k = 0; k < a.length; k++) {
    if (a[k] && b[k]) both++;
    if (a[k] || b[k]) either++;
  }
  return either === 0 ? 1 : both / either;
}
