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
  const top = scores.map((row, i) => [row[predicted[i]!]!]);
  const right = predicted.map((k, i) => [k === classes[i] ? 1 : 0]);
  return calibration(losses, top, right);
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
  return calibration(losses, scores, targets);
}

/** Of K answers to each example: their probabilities [N, K], and whether they held [N, K]. */
function calibration(losses: readonly number[], probabilities: Rows, held: Rows): Calibration {
  const columns = probabilities[0]?.length ?? 0;
  const excess = Float64Array.from(probabilities.flatMap((row, i) => row.map((p, k) => p - held[i]![k]!)));
  const places = Uint32Array.from(probabilities.flatMap((row) => row.map((p, k) => k * binCount + binOf(p))));
  const loss = Float64Array.from(losses);
  return {
    scores(weights = once(losses.length)) {
      const sums = new Float64Array(columns * binCount);
      let [squares, all] = [0, 0];
      for (let i = 0; i < loss.length; i++) {
        const w = weights[i]!;
        if (w === 0) continue;
        all += w;
        squares += w * loss[i]!;
        for (let at = i * columns; at < (i + 1) * columns; at++) sums[places[at]!]! += w * excess[at]!;
      }
      return { brier: squares / all, ece: sums.reduce((sum, x) => sum + Math.abs(x), 0) / (all * columns) };
    },
    reliability: Array.from({ length: columns }, (_, k) =>
      reliabilityOf(
        probabilities.map((row) => row[k]!),
        held.map((row) => row[k]!),
      ),
    ),
  };
}

const binOf = (probability: number): number => Math.max(0, Math.ceil(probability * binCount) - 1);

function reliabilityOf(probabilities: readonly number[], held: readonly number[]): ReliabilityBin[] {
  const sums = Array.from({ length: binCount }, () => ({ count: 0, confidence: 0, accuracy: 0 }));
  probabilities.forEach((p, i) => {
    const sum = sums[binOf(p)]!;
    sum.count++;
    sum.confidence += p;
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
