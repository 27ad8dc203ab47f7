/** What a process is asked to measure, and what it answers: the contract of ours (TypeScript) and PyTorch's (Python). */
import type { Task } from '../../src/core/task.ts';

/** A text to train on: its token ids, and the target of each label. */
export interface Row {
  readonly ids: readonly number[];
  readonly target: readonly number[];
}

/** One optimiser step: which rows, and at what rate. */
export interface Step {
  readonly rows: readonly number[];
  readonly learningRate: number;
}

/** Trains a LoRA adapter on every linear layer and a head, with AdamW and clipping, step by step as given. */
export interface TrainJob {
  readonly kind: 'train';
  /** Folder of the checkpoint. */
  readonly base: string;
  readonly task: Task;
  readonly labels: number;
  readonly rank: number;
  readonly alpha: number;
  /** Only these layers have adapters; all if absent. Ours computes those below once, and keeps what they give on disk. */
  readonly layers?: readonly number[];
  readonly maxGradNorm: number;
  /** Of ours: tokens that are computed at once. PyTorch takes a step's rows at once. */
  readonly microBatchTokens: number;
  readonly seed: number;
  readonly rows: readonly Row[];
  readonly steps: readonly Step[];
  /** How many of the steps, the first ones, are not measured. */
  readonly warmUp: number;
  /** Where the learning is watched: logits of `validation` after every so many steps, of `test` at the end. */
  readonly watch?: {
    readonly every: number;
    readonly validation: readonly (readonly number[])[];
    readonly test: readonly (readonly number[])[];
  };
}

export interface TrainOutcome {
  /** How many values are trained: both sides must say the same. */
  readonly trained: number;
  readonly losses: readonly number[];
  readonly stepSeconds: readonly number[];
  /** Spent on the layers below the adapters beforehand. */
  readonly cachingSeconds: number;
  readonly peakMemoryBytes: number;
  /** Empty if nothing was watched. */
  readonly evaluations: readonly { readonly step: number; readonly logits: Logits }[];
  readonly test: Logits;
}

/** One row per text, one number per label. */
export type Logits = readonly (readonly number[])[];

/** Classifies texts with a saved adapter: the first one, one of them again and again, then all, some times. */
export interface ClassifyJob {
  readonly kind: 'classify';
  readonly base: string;
  /** Folder of the adapter, as a run leaves it. */
  readonly adapter: string;
  readonly labels: number;
  readonly maxLength: number;
  /** The text of which the latency is measured. */
  readonly single: string;
  readonly repeats: number;
  readonly texts: readonly string[];
  /** How often all texts are classified; the first time, memory is touched for the first time. */
  readonly passes: number;
}

export interface ClassifyOutcome {
  /** When the first text was classified, in milliseconds since 1970. */
  readonly firstAtMs: number;
  /** Of one text, each time. */
  readonly singleSeconds: readonly number[];
  /** Of all texts, each time. */
  readonly passSeconds: readonly number[];
  readonly peakMemoryBytes: number;
}

/** Measures what the engine reaches in matrix products on this machine; only ours does. */
export interface PeaksJob {
  readonly kind: 'peaks';
}

/** Operations per second. */
export interface PeaksOutcome {
  readonly fp32: number;
  readonly int8: number;
}

/** What every process says besides: the processor time it took, all its threads together. */
export interface Effort {
  readonly cpuSeconds: number;
}

export type Job = TrainJob | ClassifyJob | PeaksJob;

export interface Outcomes {
  readonly train: TrainOutcome;
  readonly classify: ClassifyOutcome;
  readonly peaks: PeaksOutcome;
}

export const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
};
