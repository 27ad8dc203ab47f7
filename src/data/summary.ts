import { countLabels, type Dataset, type Example, type PerSplit, perSplit } from './example.ts';

/** Where the values of one label lie, for regression. */
export interface ValueRange {
  readonly mean: number;
  /** Population standard deviation. */
  readonly deviation: number;
  readonly min: number;
  readonly max: number;
}

/** One split in numbers. */
export interface SplitSummary {
  readonly size: number;
  /** Classification: how many examples hold each label. Regression: empty. */
  readonly counts: readonly number[];
  /** Regression: the values of each label. Classification: empty. */
  readonly values: readonly ValueRange[];
  /** Examples that hold no label at all; only multi-label has any. */
  readonly unlabelled: number;
  /** Text lengths in characters (code points) at {@link lengthQuantiles}. */
  readonly lengths: readonly number[];
}

export const lengthQuantiles = [0, 0.25, 0.5, 0.75, 0.95, 1] as const;

/** Sizes, label counts or values, and text lengths of each split. */
export function summarise({ splits, task, labels }: Omit<Dataset, 'name'>): PerSplit<SplitSummary> {
  return perSplit((name) => {
    const examples = splits[name];
    const classes = task !== 'regression';
    return {
      size: examples.length,
      counts: classes ? countLabels(examples, labels.length) : [],
      values: classes || examples.length === 0 ? [] : labels.map((_, k) => valueRange(examples, k)),
      unlabelled: classes ? examples.filter(({ target }) => !target.includes(1)).length : 0,
      lengths: quantiles(examples.map(({ text }) => [...text].length)),
    };
  });
}

function valueRange(examples: readonly Example[], k: number): ValueRange {
  const values = examples.map(({ target }) => target[k]!);
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  const min = values.reduce((a, b) => Math.min(a, b));
  const max = values.reduce((a, b) => Math.max(a, b));
  return { mean, deviation: Math.sqrt(variance), min, max };
}

/** By nearest rank. */
function quantiles(values: readonly number[]): number[] {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted.length === 0 ? [] : lengthQuantiles.map((q) => sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)]!);
}
