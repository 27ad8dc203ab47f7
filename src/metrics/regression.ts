/** Metrics of a task whose examples each have a number per target, such as the intensity of an emotion. */
import { once, type Weights } from './weights.ts';

export interface RegressionScores {
  /** NaN where either side is constant. */
  readonly pearson: number;
  /** NaN where either side is constant. */
  readonly spearman: number;
  readonly mae: number;
  readonly rmse: number;
  /**
   * Pearson over the examples whose target is at least 0.5, the second score of SemEval-2018 for intensities; NaN where
   * either side is constant there. Only where all targets lie in 0..1.
   *
   * @see Mohammad et al. 2018, SemEval-2018 Task 1: Affect in Tweets, EI-reg and V-reg.
   */
  readonly pearsonUpperHalf?: number;
}

export type Column = Float64Array<ArrayBuffer>;

/**
 * Scores of each target, for any weights: what does not depend on them (the sorting) is done once.
 * Matches SciPy: scikit-learn.test.ts
 *
 * Shapes: targets [N, K], predictions [N, K] → [K]
 */
export function regressionScores(
  targets: readonly (readonly number[])[],
  predictions: readonly (readonly number[])[],
): (weights?: Weights) => RegressionScores[] {
  const columns = (targets[0] ?? []).map((_, k) => {
    const [x, y] = [columnOf(targets, k), columnOf(predictions, k)];
    return { x, y, xOrder: ascending(x), yOrder: ascending(y) };
  });
  const areIntensities = targets.every((row) => row.every((x) => x >= 0 && x <= 1));
  return (weights = once(targets.length)) =>
    columns.map(({ x, y, xOrder, yOrder }) => ({
      pearson: pearson(x, y, weights),
      spearman: pearson(ranks(x, xOrder, weights), ranks(y, yOrder, weights), weights),
      ...errors(x, y, weights),
      ...(areIntensities && { pearsonUpperHalf: pearson(x, y, fromLevel(x, 0.5, weights)) }),
    }));
}

/** The mean of each score over the targets: NaN if it is NaN for one of them. */
export function meanScores<Scores extends object>(scores: readonly Scores[]): Scores {
  const mean = (name: keyof Scores) => scores.reduce((sum, of) => sum + Number(of[name]), 0) / scores.length;
  const names = Object.keys(scores[0] ?? {}) as (keyof Scores)[];
  return Object.fromEntries(names.map((name) => [name, mean(name)])) as Scores;
}

/**
 * Linear correlation.
 *
 *     r = Σ w (x - x̄)(y - ȳ) / √(Σ w (x - x̄)² · Σ w (y - ȳ)²)
 *
 * NaN if x or y is constant, as in SciPy, and of no examples.
 */
export function pearson(x: Column, y: Column, weights: Weights): number {
  // Counted from the first value, the deviations of a constant are exactly 0, which those from its rounded mean are not.
  const first = weights.findIndex((weight) => weight > 0);
  const x0 = x[first]!;
  const y0 = y[first]!;
  let [count, xMean, yMean] = [0, 0, 0];
  for (let i = 0; i < x.length; i++) {
    const w = weights[i]!;
    count += w;
    xMean += w * (x[i]! - x0);
    yMean += w * (y[i]! - y0);
  }
  xMean /= count;
  yMean /= count;
  let [xx, yy, xy] = [0, 0, 0];
  for (let i = 0; i < x.length; i++) {
    const w = weights[i]!;
    const dx = x[i]! - x0 - xMean;
    const dy = y[i]! - y0 - yMean;
    xx += w * dx * dx;
    yy += w * dy * dy;
    xy += w * dx * dy;
  }
  return Math.max(-1, Math.min(1, xy / (Math.sqrt(xx) * Math.sqrt(yy))));
}

/** Weights of the examples whose value is at least `level`; the others count nothing. */
export const fromLevel = (values: Column, level: number, weights: Weights): Weights =>
  weights.map((weight, i) => (values[i]! >= level ? weight : 0));

function errors(x: Column, y: Column, weights: Weights): Pick<RegressionScores, 'mae' | 'rmse'> {
  let [absolute, squared, count] = [0, 0, 0];
  for (let i = 0; i < x.length; i++) {
    const error = x[i]! - y[i]!;
    const weight = weights[i]!;
    absolute += weight * Math.abs(error);
    squared += weight * error * error;
    count += weight;
  }
  return { mae: absolute / count, rmse: Math.sqrt(squared / count) };
}

/** Ranks from 1, equal values sharing the mean of theirs; a value of weight w stands for w equal ones. */
function ranks(values: Column, order: Uint32Array, weights: Weights): Column {
  const out = new Float64Array(values.length);
  let before = 0;
  for (let from = 0; from < order.length; ) {
    const value = values[order[from]!]!;
    let to = from;
    let weight = 0;
    while (to < order.length && values[order[to]!] === value) weight += weights[order[to++]!]!;
    const rank = before + (weight + 1) / 2;
    while (from < to) out[order[from++]!] = rank;
    before += weight;
  }
  return out;
}

const ascending = (values: Column): Uint32Array =>
  Uint32Array.from(values.keys()).sort((i, j) => values[i]! - values[j]!);

/** Column k of rows. */
export const columnOf = (rows: readonly (readonly number[])[], k: number): Column =>
  Float64Array.from(rows, (row) => row[k]!);
