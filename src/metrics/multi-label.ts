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
export const multiLabelCounts = (
  targets: readonly (readonly number[])[],
  predictions: readonly (readonly number[])[],
  weights: Weights = once(targets.length),
): LabelCounts[] => countsFor(targets, predictions)(weights);

/** {@link multiLabelCounts} for any weights: which labels an example counts for, few of many, is found once. */
function countsFor(
  targets: readonly (readonly number[])[],
  predictions: readonly (readonly number[])[],
): (weights: Weights) => LabelCounts[] {
  const labels = targets[0]?.length ?? 0;
  const places = targets.map((target, i) => {
    const prediction = predictions[i]!;
    const held = target.flatMap((t, k) => (t || prediction[k] ? [k] : []));
    return Uint32Array.from(held, (k) => 3 * k + (target[k] ? (prediction[k] ? 0 : 2) : 1)); // tp, fp, fn of each label
  });
  return (weights) => {
    const counts = new Float64Array(3 * labels);
    for (let i = 0; i < places.length; i++) {
      const weight = weights[i]!;
      if (weight > 0) for (const place of places[i]!) counts[place]! += weight;
    }
    return Array.from({ length: labels }, (_, k) => {
      const [tp, fp, fn] = counts.subarray(3 * k, 3 * k + 3);
      return { tp: tp!, fp: fp!, fn: fn! };
    });
  };
}

/**
 * Average F1 over the labels, and the sets compared example by example, for any weights: the comparing is done once.
 * Matches scikit-learn (jaccard_score with average='samples', zero_division=1): scikit-learn.test.ts
 */
export function multiLabelScores(
  targets: readonly (readonly number[])[],
  predictions: readonly (readonly number[])[],
): (weights?: Weights) => MultiLabelScores {
  const overlaps = Float64Array.from(targets, (target, i) => overlapOf(target, predictions[i]!));
  const countsOf = countsFor(targets, predictions);
  return (weights = once(targets.length)) => {
    let [jaccard, exact, all] = [0, 0, 0];
    for (let i = 0; i < overlaps.length; i++) {
      jaccard += weights[i]! * overlaps[i]!;
      if (overlaps[i] === 1) exact += weights[i]!;
      all += weights[i]!;
    }
    return { ...averageF1(countsOf(weights)), jaccard: ratio(jaccard, all), subsetAccuracy: ratio(exact, all) };
  };
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
