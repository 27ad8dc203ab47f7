/** Whether probabilities can be believed: of the answers given with 0.7, are 70 % right? */
import { DataError } from '../core/errors.ts';
import { once, type Weights } from './weights.ts';

type Rows = readonly (readonly number[])[];

export interface CalibrationScores {
  /** Mean squared difference of probabilities and truth: 0 is best. */
  readonly brier: number;
  /**
   * Expected calibration error: by how much confidence and truth differ, 0 is best. Few examples make it larger than it is of
   * many, and resampling does so again: its bootstrap interval leans up.
   */
  readonly ece: number;
}

/** The answers whose confidence lies in (low, high], 0 in the first bin. */
export interface ReliabilityBin {
  readonly low: number;
  readonly high: number;
  readonly count: number;
  /** The mean of their probabilities. */
  readonly confidence: number;
  /** The share of them that is right. */
  readonly accuracy: number;
}

export interface Calibration {
  scores(weights?: Weights): CalibrationScores;
  /** The bins that hold answers: of the top label, or of each label. */
  readonly reliability: readonly (readonly ReliabilityBin[])[];
}

/** Bins of equal width. */
const binCount = 15;

/**
 * Calibration where each example has one class. With p [N, K], the class c_i, the predicted class ĉ_i and its p̂_i:
 *
 *     Brier = Σ_i w_i Σ_k (p_ik - [c_i = k])² / W              (0 … 2)
 *     ECE   = Σ_b |Σ_{i in bin b} w_i (p̂_i - [ĉ_i = c_i])| / W     in 15 bins of p̂
 *
 * Matches scikit-learn (brier_score_loss unscaled, calibration_curve): scikit-learn.test.ts
 *
 * @throws DataError if a score is no probability.
 * @see Brier 1950, Monthly Weather Review 78(1); Guo et al. 2017, arXiv:1706.04599.
 */
export function topLabelCalibration(
  classes: readonly number[],
  predicted: readonly number[],
  scores: Rows,
): Calibration {
  checkProbabilities(scores);
  const losses = scores.map((row, i) => row.reduce((sum, p, k) => sum + (p - (k === classes[i] ? 1 : 0)) ** 2, 0));
  const top = scores.map((row, i) => row[predicted[i]!]!);
  const right = predicted.map((k, i) => (k === classes[i] ? 1 : 0));
  return calibration(losses, [curveOf(top, right)]);
}

/**
 * Calibration where each example has any number of labels: Brier score and ECE of each label's probability of being there,
 * averaged over the labels.
 *
 *     Brier = Σ_i w_i Σ_k (p_ik - t_ik)² / (W K)               (0 … 1)
 *     ECE   = Σ_k Σ_b |Σ_{i in bin b of k} w_i (p_ik - t_ik)| / (W K)
 *
 * Shapes: targets [N, K], scores [N, K]. Matches scikit-learn: scikit-learn.test.ts
 *
 * @throws DataError if a score is no probability.
 */
export function labelCalibration(targets: Rows, scores: Rows): Calibration {
  checkProbabilities(scores);
  const losses = scores.map((row, i) => row.reduce((sum, p, k) => sum + (p - targets[i]![k]!) ** 2, 0) / row.length);
  const columnOf = (rows: Rows, k: number) => rows.map((row) => row[k]!);
  const curves = (targets[0] ?? []).map((_, k) => curveOf(columnOf(scores, k), columnOf(targets, k)));
  return calibration(losses, curves);
}

/** Probabilities of something, whether it held, and the bins they lie in. */
interface Curve {
  readonly probabilities: readonly number[];
  readonly held: readonly number[];
  readonly bins: Uint8Array;
  /** probabilities - held */
  readonly excess: Float64Array;
}

const curveOf = (probabilities: readonly number[], held: readonly number[]): Curve => ({
  probabilities,
  held,
  bins: Uint8Array.from(probabilities, (p) => Math.max(0, Math.ceil(p * binCount) - 1)),
  excess: Float64Array.from(probabilities, (p, i) => p - held[i]!),
});

function calibration(losses: readonly number[], curves: readonly Curve[]): Calibration {
  return {
    scores(weights = once(losses.length)) {
      const all = weights.reduce((sum, w) => sum + w, 0);
      const error = curves.reduce((sum, curve) => sum + binnedExcess(curve, weights), 0);
      return {
        brier: losses.reduce((sum, loss, i) => sum + weights[i]! * loss, 0) / all,
        ece: error / (all * curves.length),
      };
    },
    reliability: curves.map(reliabilityOf),
  };
}

/** Σ_b |Σ_{i in bin b} w_i excess_i| */
function binnedExcess({ bins, excess }: Curve, weights: Weights): number {
  const sums = new Float64Array(binCount);
  for (let i = 0; i < bins.length; i++) sums[bins[i]!]! += weights[i]! * excess[i]!;
  return sums.reduce((sum, x) => sum + Math.abs(x), 0);
}

function reliabilityOf({ probabilities, held, bins }: Curve): ReliabilityBin[] {
  const sums = Array.from({ length: binCount }, () => ({ count: 0, confidence: 0, accuracy: 0 }));
  bins.forEach((bin, i) => {
    const sum = sums[bin]!;
    sum.count++;
    sum.confidence += probabilities[i]!;
    sum.accuracy += held[i]!;
  });
  return sums.flatMap(({ count, confidence, accuracy }, b) =>
    count === 0
      ? []
      : [
          {
            low: b / binCount,
            high: (b + 1) / binCount,
            count,
            confidence: confidence / count,
            accuracy: accuracy / count,
          },
        ],
  );
}

function checkProbabilities(scores: Rows): void {
  const wrong = scores.findIndex((row) => !row.every((p) => p >= 0 && p <= 1));
  if (wrong >= 0) throw new DataError(`scores ${wrong} are [${scores[wrong]}]: give probabilities, from 0 to 1`);
}
