/** Metrics of a task whose examples each have a level per label, from 0 (not there) to J, such as how strong an emotion is. */
import { type Column, columnOf, fromLevel, pearson } from './regression.ts';
import { once, type Weights } from './weights.ts';

/** All of them compare predicted levels, which are whole, with the targets. */
export interface OrdinalScores {
  /** Cohen's kappa with quadratic weights; NaN where both sides are the same constant. */
  readonly quadraticKappa: number;
  /** NaN where either side is constant. */
  readonly pearson: number;
  /** Over the examples whose target is at least 1; NaN where both sides are the same constant there. */
  readonly quadraticKappaSomeEmotion: number;
  /** Over the examples whose target is at least 1; NaN where either side is constant there. */
  readonly pearsonSomeEmotion: number;
  readonly accuracy: number;
  /** In levels. */
  readonly mae: number;
}

/** The level that an expected level stands for: the nearest one, the upper of two as near, from 0 to `highest`. */
export const predictedLevel = (score: number, highest = Number.POSITIVE_INFINITY): number =>
  Math.min(highest, Math.max(0, Math.round(score)));

/**
 * Scores of each label, for any weights. Targets are levels 0 … J, scores expected levels; {@link predictedLevel} makes
 * levels of them. These are the scores of SemEval-2018 for ordinal intensities (EI-oc, V-oc), whose scorer however writes
 * 0 for what is not defined. Matches scikit-learn, with all levels named, and SciPy: scikit-learn.test.ts
 *
 * Shapes: targets [N, K], scores [N, K] → [K]
 *
 * @param highest J; by default no score is too high.
 * @see Mohammad et al. 2018, SemEval-2018 Task 1: Affect in Tweets.
 */
export function ordinalScores(
  targets: readonly (readonly number[])[],
  scores: readonly (readonly number[])[],
  highest?: number,
): (weights?: Weights) => OrdinalScores[] {
  const columns = (targets[0] ?? []).map((_, k) => ({
    x: columnOf(targets, k),
    y: columnOf(scores, k).map((score) => predictedLevel(score, highest)),
  }));
  return (weights = once(targets.length)) =>
    columns.map(({ x, y }) => {
      const someEmotion = fromLevel(x, 1, weights);
      return {
        quadraticKappa: quadraticKappa(x, y, weights),
        pearson: pearson(x, y, weights),
        quadraticKappaSomeEmotion: quadraticKappa(x, y, someEmotion),
        pearsonSomeEmotion: pearson(x, y, someEmotion),
        ...errors(x, y, weights),
      };
    });
}

/**
 * Cohen's kappa with quadratic weights. The disagreement that chance would give needs no table of levels:
 *
 *     κ = 1 - Σ_i w_i (x_i - y_i)² / (Σ_ij w_i w_j (x_i - y_j)² / W)
 *       = 1 - W Σ w (x - y)² / (W Σ w x² + W Σ w y² - 2 Σ w x · Σ w y)        W = Σ w
 *
 * exact until the last division, since all of it are whole numbers. NaN if x and y are the same constant.
 *
 * @see Cohen 1968, Weighted kappa, Psychological Bulletin 70(4).
 */
function quadraticKappa(x: Column, y: Column, weights: Weights): number {
  let [all, xSum, ySum, squares, apart] = [0, 0, 0, 0, 0];
  for (let i = 0; i < x.length; i++) {
    const [a, b, w] = [x[i]!, y[i]!, weights[i]!];
    all += w;
    xSum += w * a;
    ySum += w * b;
    squares += w * (a * a + b * b);
    apart += w * (a - b) ** 2;
  }
  return 1 - (all * apart) / (all * squares - 2 * xSum * ySum);
}

function errors(x: Column, y: Column, weights: Weights): Pick<OrdinalScores, 'accuracy' | 'mae'> {
  let [right, absolute, all] = [0, 0, 0];
  for (let i = 0; i < x.length; i++) {
    const w = weights[i]!;
    all += w;
    absolute += w * Math.abs(x[i]! - y[i]!);
    if (x[i] === y[i]) right += w;
  }
  return { accuracy: right / all, mae: absolute / all };
}
