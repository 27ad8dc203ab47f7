import { pissaParameters } from '../lora/pissa.ts';
import { checkSites } from '../lora/trained.ts';
import { flatLayout } from '../optim/flat.ts';
import type { Device } from '../runtime/device.ts';
import { freeDiskBytes } from '../runtime/disk.ts';
import { availableMemoryBytes } from '../runtime/machine.ts';
import { residentBytes } from '../runtime/memory.ts';
import { type MachineSpeed, measureSpeed } from '../runtime/speed.ts';
import { estimateMemory, type MemoryEstimate, type Part } from './estimate-memory.ts';
import { estimateTime, type TimeEstimate } from './estimate-time.ts';
import type { PrefixDemand } from './prefix/demand.ts';
import { rowBytes } from './prefix/rows.ts';
import { KEPT } from './training-checkpoint.ts';
import { stepsOf, type Workload, type WorkloadGraphs } from './workload.ts';

/** What a run is expected to take, beside what there is. */
export interface RunEstimate {
  readonly memory: MemoryEstimate & { readonly availableBytes: number };
  readonly disk: DiskEstimate & { readonly availableBytes: number };
  readonly time: TimeEstimate;
  /** What is kept of the frozen layers, where it is. */
  readonly cache?: CacheEstimate;
}

/** The cached states of a run's texts. */
export interface CacheEstimate extends PrefixDemand {
  readonly bytes: number;
  /** Of them, those that are yet to be written. */
  readonly missingBytes: number;
  readonly availableBytes: number;
}

/** The most that a run's folder holds on disk. */
export interface DiskEstimate {
  readonly bytes: number;
  readonly parts: readonly Part[];
}

/** What the machine offers a run. */
export interface Resources {
  readonly speed: MachineSpeed;
  /** What the process holds before the run begins. */
  readonly processBytes: number;
  readonly availableMemoryBytes: number;
  readonly availableDiskBytes: number;
  /** On the disk of the cache. */
  readonly availableCacheBytes: number;
}

/** Measures the engine's speed and looks at memory and disks. About half a second. */
export async function inspectResources(
  device: Device,
  { out, cache }: { readonly out: string; readonly cache: string },
): Promise<Resources> {
  const speed = await measureSpeed(device);
  return {
    speed,
    processBytes: residentBytes(),
    availableMemoryBytes: availableMemoryBytes(),
    availableDiskBytes: await freeDiskBytes(out),
    availableCacheBytes: await freeDiskBytes(cache),
  };
}

/**
 * Memory, disk and time that a run will take.
 *
 * @throws ConfigError if LoRA names modules that are not there.
 */
export function estimateRun(work: Workload, graphs: WorkloadGraphs, resources: Resources): RunEstimate {
  checkSites(graphs.gradient, work.lora);
  const memory = estimateMemory(work, graphs, resources.processBytes);
  const openingBytes = memory.bytes - resources.processBytes;
  return {
    memory: { ...memory, availableBytes: resources.availableMemoryBytes },
    disk: { ...estimateDisk(work, graphs), availableBytes: resources.availableDiskBytes },
    time: estimateTime(work, graphs, { speed: resources.speed, openingBytes }),
    ...(work.prefixDemand ? { cache: estimateCache(work, work.prefixDemand, resources) } : {}),
  };
}

function estimateCache({ spec }: Workload, demand: PrefixDemand, { availableCacheBytes }: Resources): CacheEstimate {
  const each = rowBytes(spec.config.hidden_size);
  return {
    ...demand,
    bytes: demand.tokens * each,
    missingBytes: demand.missingTokens * each,
    availableBytes: availableCacheBytes,
  };
}

/** A line of metrics.jsonl. */
const EVENT_BYTES = 300;

/**
 * There is most while a training checkpoint is written beside those that are kept. Of the adapter there are two for a moment,
 * too, but another one, and it is smaller.
 *
 *     adapter = P + F,   checkpoint = P + F + P (the best epoch's) + P per vector of the optimiser
 *
 * of P trained values and, with PiSSA, F frozen ones: those make the saved adapter one of twice the rank.
 */
function estimateDisk(work: Workload, { gradient, layout }: WorkloadGraphs): DiskEstimate {
  const trained = 4 * layout.size;
  const adapter = trained + 4 * flatLayout(pissaParameters(gradient)).size;
  const checkpoint = adapter + (1 + work.optimizer.state.length) * trained;
  const parts = [
    { name: 'adapter', bytes: adapter },
    { name: 'training checkpoints', bytes: (KEPT + 1) * checkpoint },
    { name: 'log', bytes: EVENT_BYTES * work.epochs * stepsOf(work) },
  ];
  return { parts, bytes: parts.reduce((n, { bytes }) => n + bytes, 0) };
}
