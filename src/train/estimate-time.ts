import type { GraphCost } from '../onnx/cost.ts';
import { type MachineSpeed, type RunTime, runTime } from '../runtime/speed.ts';
import {
  type Batch,
  sampledSteps,
  scoringBatches,
  spread,
  stepsOf,
  type Workload,
  type WorkloadGraphs,
} from './workload.ts';

/** How long a run is expected to take, in seconds. */
export interface TimeEstimate {
  /** The mean optimiser step. */
  readonly step: number;
  /** All steps of an epoch. */
  readonly epoch: number;
  /** Scoring the validation split, after every epoch. */
  readonly evaluation: number;
  /** Scoring the test split, at the end. */
  readonly test: number;
  /** Computing the frozen layers once, where what they give is cached. */
  readonly caching: number;
  /** Loading the weights. */
  readonly opening: number;
  /** All of it, or what is left of it. */
  readonly total: number;
  /** Shares of a step: arithmetic of matrix products, moving memory, overhead of nodes. They add up to 1. */
  readonly shares: { readonly arithmetic: number; readonly memory: number; readonly overhead: number };
}

/** Bytes a second at which weights are read, widened and repacked, and memory is touched for the first time. */
const OPENING_BYTES_PER_SECOND = 1e9;
/** A call of the engine: messages between threads, apart from what they carry. */
const CALL_SECONDS = 3e-4;
/** Batches whose cost is computed; the rest are like them. */
const SAMPLED_BATCHES = 24;

export function estimateTime(
  work: Workload,
  graphs: WorkloadGraphs,
  machine: { readonly speed: MachineSpeed; readonly openingBytes: number },
): TimeEstimate {
  const { speed } = machine;
  const steps = sampledSteps(work);
  const parts = steps.flat();
  const gradient = meanTime(graphs.costs.gradient, parts, speed);
  const update = runTime(graphs.costs.update(), speed);
  const perStep = parts.length / Math.max(1, steps.length);
  const sum = (of: (time: RunTime) => number) => perStep * of(gradient) + of(update);
  const overhead = sum((t) => t.overheadSeconds) + (perStep + 1) * CALL_SECONDS;
  const arithmetic = sum((t) => t.arithmeticSeconds);
  const memory = sum((t) => t.memorySeconds) + perStep * feedSeconds(work, parts, speed);
  const step = arithmetic + memory + overhead;
  const scoring = (split: 'validation' | 'test') => {
    const batches = scoringBatches(work.lengths[split]);
    if (batches.length === 0) return 0;
    const scale = work.examples[split] / work.lengths[split].length;
    const each = meanTime(graphs.costs.forward, batches, speed).seconds + CALL_SECONDS;
    return scale * batches.length * (each + feedSeconds(work, batches, speed));
  };
  const epoch = step * stepsOf(work);
  const epochsLeft = work.epochs - (work.stepsDone ?? 0) / stepsOf(work);
  const [evaluation, test] = [scoring('validation'), scoring('test')];
  const caching = cachingSeconds(work, graphs, speed);
  const opening = machine.openingBytes / OPENING_BYTES_PER_SECOND;
  return {
    step,
    epoch,
    evaluation,
    test,
    caching,
    opening,
    total: caching + opening + epochsLeft * epoch + Math.ceil(epochsLeft) * evaluation + test,
    shares: { arithmetic: arithmetic / step, memory: memory / step, overhead: overhead / step },
  };
}

function cachingSeconds(work: Workload, { costs }: WorkloadGraphs, speed: MachineSpeed): number {
  const tokens = work.prefixDemand?.missingTokens ?? 0;
  if (tokens === 0) return 0;
  const { train, validation, test } = work.lengths;
  const batches = spread([train, validation, test].flatMap(scoringBatches), SAMPLED_BATCHES);
  const sampled = batches.reduce((n, { N }) => n + N, 0);
  const each = meanTime(costs.prefix, batches, speed).seconds + CALL_SECONDS + feedSeconds(work, batches, speed);
  return (tokens / sampled) * batches.length * each;
}

/** Embedding rows are looked up, sent to the engine's thread and received: three times read and written. */
function feedSeconds({ spec }: Workload, batches: readonly Batch[], speed: MachineSpeed): number {
  const tokens = batches.reduce((n, { N }) => n + N, 0) / Math.max(1, batches.length);
  return (6 * 4 * tokens * spec.config.hidden_size) / speed.passBytesPerSecond;
}

function meanTime(cost: (batch: Batch) => GraphCost, batches: readonly Batch[], speed: MachineSpeed): RunTime {
  const times = spread(batches, SAMPLED_BATCHES).map((batch) => runTime(cost(batch), speed));
  const mean = (of: (time: RunTime) => number) => times.reduce((n, t) => n + of(t), 0) / Math.max(1, times.length);
  return {
    seconds: mean((t) => t.seconds),
    arithmeticSeconds: mean((t) => t.arithmeticSeconds),
    memorySeconds: mean((t) => t.memorySeconds),
    overheadSeconds: mean((t) => t.overheadSeconds),
  };
}
