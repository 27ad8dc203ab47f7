/** Precision, recall and F1 from counts; scikit-learn's definitions with zero_division=0. */

/** How often a label was rightly given (tp), wrongly given (fp) and wrongly not given (fn). */
export interface LabelCounts {
  readonly tp: number;
  readonly fp: number;
  readonly fn: number;
}

export interface LabelScores {
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
  /** How many examples have the label. */
  readonly support: number;
}

export interface AverageF1 {
  /** The mean over all labels, those without examples (F1 = 0) included. */
  readonly macroF1: number;
  /** Of the counts summed over the labels. */
  readonly microF1: number;
  /** The mean weighted by the labels' support. */
  readonly weightedF1: number;
}

/**
 *     precision = tp / (tp + fp)   recall = tp / (tp + fn)   F1 = 2 tp / (2 tp + fp + fn)
 *
 * each 0 where its denominator is 0.
 */
export const labelScores = ({ tp, fp, fn }: LabelCounts): LabelScores => ({
  precision: ratio(tp, tp + fp),
  recall: ratio(tp, tp + fn),
  f1: ratio(2 * tp, 2 * tp + fp + fn),
  support: tp + fn,
});

export function averageF1(counts: readonly LabelCounts[]): AverageF1 {
  let [macro, weighted, support] = [0, 0, 0];
  let [tp, fp, fn] = [0, 0, 0];
  for (const label of counts) {
    const scores = labelScores(label);
    macro += scores.f1;
    weighted += scores.f1 * scores.support;
    support += scores.support;
    tp += label.tp;
    fp += label.fp;
    fn += label.fn;
  }
  return {
    macroF1: ratio(macro, counts.length),
    microF1: labelScores({ tp, fp, fn }).f1,
    weightedF1: ratio(weighted, support),
  };
}

/** a / b, or 0 where b is 0. */
export const ratio = (a: number, b: number): number => (b === 0 ? 0 : a / b);
