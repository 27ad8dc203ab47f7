import { hasValues, type Task } from '../core/task.ts';
import { type PerSplit, perSplit, splitNames } from './example.ts';
import { type ExampleStore, type FactChunk, fact, rowState } from './example-store.ts';
import type { TargetReader } from './targets.ts';

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

interface SummaryOptions {
  readonly task: Task;
  readonly labelCount: number;
  readonly targets: TargetReader;
}

/** Sizes, label counts or values, and text lengths of each split: one pass over the rows, two for regression. */
export async function summarise(store: ExampleStore, options: SummaryOptions): Promise<PerSplit<SplitSummary>> {
  const { task, labelCount, targets } = options;
  const tallies = splitNames.map(() => new Tally(labelCount));
  const pass = async (take: (tally: Tally, chunk: FactChunk, k: number) => void): Promise<void> => {
    for await (const chunk of store.facts())
      for (let k = 0; k < chunk.length; k++) {
        const state = store.states[chunk.first + k]!;
        if (state & rowState.removed) continue;
        targets.readFacts(chunk, k);
        take(tallies[state]!, chunk, k);
      }
  };
  await pass((tally, chunk, k) => tally.take(targets, chunk.word(k, fact.length)));
  if (hasValues(task)) await pass((tally) => tally.takeDeviations(targets));
  return perSplit((name) => tallies[splitNames.indexOf(name)]!.summary(task));
}

class Tally {
  readonly #counts: Float64Array;
  readonly #sums: Float64Array;
  readonly #squares: Float64Array;
  readonly #min: Float64Array;
  readonly #max: Float64Array;
  readonly #lengths = new Map<number, number>();
  #size = 0;
  #unlabelled = 0;

  constructor(labelCount: number) {
    this.#counts = new Float64Array(labelCount);
    this.#sums = new Float64Array(labelCount);
    this.#squares = new Float64Array(labelCount);
    this.#min = new Float64Array(labelCount).fill(Number.POSITIVE_INFINITY);
    this.#max = new Float64Array(labelCount).fill(Number.NEGATIVE_INFINITY);
  }

  take(targets: TargetReader, length: number): void {
    this.#size++;
    this.#lengths.set(length, (this.#lengths.get(length) ?? 0) + 1);
    if (targets.count === 0) this.#unlabelled++;
    for (let k = 0; k < targets.count; k++) this.#counts[targets.label(k)]!++;
    for (let k = 0; k < this.#sums.length; k++) {
      const value = targets.values[k]!;
      this.#sums[k]! += value;
      if (value < this.#min[k]!) this.#min[k] = value;
      if (value > this.#max[k]!) this.#max[k] = value;
    }
  }

  /** After all examples were taken once: for the deviation, their distance to the mean. */
  takeDeviations({ values }: TargetReader): void {
    for (const [k, value] of values.entries()) this.#squares[k]! += (value - this.#sums[k]! / this.#size) ** 2;
  }

  summary(task: Task): SplitSummary {
    const classes = !hasValues(task);
    return {
      size: this.#size,
      counts: classes ? [...this.#counts] : [],
      values: classes || this.#size === 0 ? [] : Array.from(this.#sums, (_, k) => this.#range(k)),
      unlabelled: classes ? this.#unlabelled : 0,
      lengths: quantiles(this.#lengths, this.#size),
    };
  }

  #range(k: number): ValueRange {
    return {
      mean: this.#sums[k]! / this.#size,
      deviation: Math.sqrt(this.#squares[k]! / this.#size),
      min: this.#min[k]!,
      max: this.#max[k]!,
    };
  }
}

/** {@link lengthQuantiles} by nearest rank, of values given by how often each occurs. */
export function quantiles(counts: ReadonlyMap<number, number>, size: number): number[] {
  if (size === 0) return [];
  const sorted = [...counts].sort(([a], [b]) => a - b);
  return lengthQuantiles.map((q) => {
    const rank = Math.max(1, Math.ceil(q * size));
    let seen = 0;
    for (const [value, count] of sorted) {
      seen += count;
      if (seen >= rank) return value;
    }
    return sorted.at(-1)![0];
  });
}
