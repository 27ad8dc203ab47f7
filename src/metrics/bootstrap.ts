/** Confidence intervals by resampling the examples. */
import { random } from '../core/random.ts';
import type { Weights } from './weights.ts';

export interface BootstrapOptions {
  readonly seed: number;
  /** How often to resample. Default 1000. */
  readonly draws?: number;
}

/** NaN where no draw has a value. */
export interface Interval {
  readonly low: number;
  readonly high: number;
}

/**
 * 95 % percentile intervals: n examples are drawn with replacement, `measure` gets how often each one was drawn, and
 * an interval reaches from the 2.5th to the 97.5th percentile of its metric over the draws. Draws in which a metric is
 * NaN (a correlation whose draw is constant) do not count. A class that a draw misses scores 0 in macro F1, so the
 * interval of a rare class leans down.
 *
 * @see Efron & Tibshirani 1993, An Introduction to the Bootstrap, chapter 13.
 */
export function bootstrap<Name extends string>(
  n: number,
  measure: (weights: Weights) => Readonly<Record<Name, number>>,
  { seed, draws = 1000 }: BootstrapOptions,
): Record<Name, Interval> {
  const generator = random(seed);
  const weights = new Float64Array(n);
  const results = Array.from({ length: draws }, () => {
    weights.fill(0);
    for (let i = 0; i < n; i++) weights[generator.integer(n)]! += 1;
    return measure(weights);
  });
  const names = Object.keys(results[0] ?? {}) as Name[];
  const intervals = names.map((name): [Name, Interval] => {
    const sorted = Float64Array.from(results.map((result) => result[name]).filter((x) => !Number.isNaN(x))).sort();
    return [name, { low: quantile(sorted, 0.025), high: quantile(sorted, 0.975) }];
  });
  return Object.fromEntries(intervals) as Record<Name, Interval>;
}

/** Linear between the two nearest of the sorted values (NumPy's default); NaN of none. */
export function quantile(sorted: Float64Array, q: number): number {
  const position = q * (sorted.length - 1);
  const below = Math.max(0, Math.floor(position));
  const [low = Number.NaN, high = low] = sorted.subarray(below, below + 2);
  return low + (position - below) * (high - low);
}
