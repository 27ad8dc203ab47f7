import type { Evaluation } from '../metrics/evaluate.ts';
import type { Decision } from '../predict/decision.ts';
import type { Choice } from '../runtime/provider.ts';
import type { PrecisionChoice } from './choose-precision.ts';
import type { RunEstimate } from './estimate.ts';

/** What a run is about to do. */
export interface TrainPlan {
  readonly out: string;
  readonly base: string;
  readonly data: string;
  readonly task: string;
  readonly labels: readonly string[];
  readonly examples: { readonly train: number; readonly validation: number; readonly test: number };
  /** Texts longer than maxLength, which were cut. */
  readonly truncated: number;
  readonly steps: number;
  readonly epochs: number;
  readonly learningRate: number;
  readonly parameters: { readonly trained: number; readonly total: number };
  /** What was found and changed in the data, as lines of text. */
  readonly dataReport: readonly string[];
  /** The adapter that is trained further, where there is one, and what became of its head. */
  readonly start?: { readonly from: string; readonly head: string };
  /** What computes, and why `auto` chose it; absent in older logs. */
  readonly device?: Choice;
  /** How the frozen layers are computed, and why `auto` chose it; absent in older logs. */
  readonly precision?: PrecisionChoice;
  /** What the run is expected to take; absent in the logs of runs before there were estimates. */
  readonly estimate?: RunEstimate;
}

/** What a run came to. */
export interface TrainResult {
  readonly reason: 'finished' | 'early stopping' | 'aborted';
  readonly out: string;
  readonly bestEpoch: number | undefined;
  readonly validation: Evaluation | undefined;
  readonly test: Evaluation | undefined;
  /** How its scores become labels; absent in older logs, and before the first evaluation. */
  readonly decision?: Decision | undefined;
  /** Time spent in optimiser steps, without evaluation. */
  readonly trainingSeconds: number;
  readonly tokensPerSecond: number;
  readonly peakMemoryBytes: number;
}

/** What `train` tells its consumer, in order; also the lines of metrics.jsonl. */
export type TrainEvent =
  | ({ readonly type: 'started' } & TrainPlan)
  | {
      readonly type: 'step';
      /** 1 … steps. */
      readonly step: number;
      /** Epochs done, with the current one's share. */
      readonly epoch: number;
      readonly loss: number;
      readonly learningRate: number;
      /** Before clipping. */
      readonly gradNorm: number;
      readonly tokens: number;
      /** Of this step alone. */
      readonly seconds: number;
    }
  | {
      readonly type: 'evaluated';
      readonly split: 'validation' | 'test';
      readonly epoch: number;
      readonly best: boolean;
      readonly evaluation: Evaluation;
    }
  /** The best weights so far are in the run's folder. */
  | { readonly type: 'saved'; readonly path: string; readonly step: number }
  /** All of the run's state is on disk: it can go on from here. */
  | { readonly type: 'checkpoint'; readonly path: string; readonly step: number }
  /** An interrupted run goes on after this step. */
  | {
      readonly type: 'resumed';
      readonly step: number;
      readonly epoch: number;
      readonly path: string;
      /** Newer checkpoints that could not be used, and why; and what is not as it was. */
      readonly notes: readonly string[];
    }
  /** Something did not work, and the run goes on without it. */
  | { readonly type: 'warning'; readonly message: string }
  | ({ readonly type: 'done' } & TrainResult);
