import { formatBytes } from '../core/quantities.ts';
import type { Resources, RunEstimate } from './estimate.ts';
import { estimateMemory } from './estimate-memory.ts';
import { type Workload, type WorkloadGraphs, workloadGraphs } from './workload.ts';

/** Why a run cannot fit, with numbers and the options under which it would; undefined if it fits. */
export function shortageOf(
  work: Workload,
  graphs: WorkloadGraphs,
  { estimate, resources }: { readonly estimate: RunEstimate; readonly resources: Resources },
): string | undefined {
  const { memory, disk } = estimate;
  if (disk.bytes > disk.availableBytes)
    return `the run's folder takes up to ${formatBytes(disk.bytes)} (${listed(disk.parts)}), and ${formatBytes(disk.availableBytes)} are free on its disk: free some, choose --out on another, or train less (--rank, --layers, --target-modules)`;
  if (memory.bytes <= memory.availableBytes) return undefined;
  const needs = `the run needs about ${formatBytes(memory.bytes)} of memory (${memory.during}: ${listed(memory.parts)}), and ${formatBytes(memory.availableBytes)} can be had`;
  return `${needs}. ${advice(work, graphs, resources)}`;
}

/** The message of a run that is refused. */
export const refusal = (shortage: string): string => `${shortage}. To run anyway: --force`;

const listed = (parts: RunEstimate['memory']['parts']): string =>
  [...parts]
    .sort((a, b) => b.bytes - a.bytes)
    .map(({ name, bytes }) => `${name} ${formatBytes(Math.round(bytes))}`)
    .join(', ');

function advice(work: Workload, graphs: WorkloadGraphs, resources: Resources): string {
  const least = estimateMemory(...smallest(work), resources.processBytes);
  if (least.bytes > resources.availableMemoryBytes)
    return `No setting makes it fit: even ${SMALLEST_FLAGS} with one layer takes ${formatBytes(Math.round(least.bytes))}. Take a smaller base, or a machine with more memory`;
  const [together, ...single] = remedies(work, graphs).reverse();
  const alone = single.reverse().flatMap((series) => firstThatFits(series, resources));
  // All at once changes most: worth saying only where nothing alone is enough.
  const fitting = alone.length > 0 ? alone : firstThatFits(together!, resources);
  return `It would fit with ${fitting.map(({ flags, bytes }) => `${flags} (${formatBytes(Math.round(bytes))})`).join(', or with ')}`;
}

/** Other settings, and the run under them. */
interface Remedy {
  readonly flags: string;
  readonly work: Workload;
  /** Absent where the settings change the graphs. */
  readonly graphs?: WorkloadGraphs;
}

/** Settings that take less memory, in series from the least change to the greatest. The first does not change the result, the last is all at once. */
function remedies(work: Workload, graphs: WorkloadGraphs): Remedy[][] {
  const layers = work.spec.config.num_hidden_layers;
  const longest = Math.max(...work.lengths.train.flat(), 1);
  return [
    halvings(work.microBatchTokens, 64).map((n) => ({
      flags: `--micro-batch-tokens ${n}`,
      work: { ...work, microBatchTokens: n },
      graphs,
    })),
    halvings(longest, 32).map((n) => ({ flags: `--max-length ${n}`, work: shortened(work, n), graphs })),
    halvings(layers, 1).map((n) => ({ flags: layerFlag(layers, n), work: withLayers(work, n) })),
    halvings(work.lora.rank, 1).map((rank) => ({ flags: `--rank ${rank}`, work: withRank(work, rank) })),
    halvings(layers, 1).map((n) => ({
      flags: `${SMALLEST_FLAGS} ${layerFlag(layers, n)}`,
      work: small(withLayers(work, n)),
    })),
  ];
}

function firstThatFits(
  series: readonly Remedy[],
  { processBytes, availableMemoryBytes }: Resources,
): { readonly flags: string; readonly bytes: number }[] {
  for (const { flags, work, graphs = workloadGraphs(work) } of series) {
    const { bytes } = estimateMemory(work, graphs, processBytes);
    if (bytes <= availableMemoryBytes) return [{ flags, bytes }];
  }
  return [];
}

const SMALLEST_FLAGS = '--micro-batch-tokens 64 --rank 1 --max-length 32';
const small = (work: Workload): Workload => ({ ...withRank(shortened(work, 32), 1), microBatchTokens: 64 });

function smallest(work: Workload): [Workload, WorkloadGraphs] {
  const least = small(withLayers(work, 1));
  return [least, workloadGraphs(least)];
}

/** The powers of two below n, from the largest down to `least`. */
function halvings(n: number, least: number): number[] {
  const powers = Array.from({ length: 31 }, (_, i) => 2 ** i);
  return powers.filter((p) => p < n && p >= least).reverse();
}

const shortened = (work: Workload, longest: number): Workload => {
  const cut = (texts: Workload['lengths']['train']) => texts.map((text) => text.map((n) => Math.min(n, longest)));
  const { train, validation, test } = work.lengths;
  return { ...work, lengths: { train: cut(train), validation: cut(validation), test: cut(test) } };
};

/** The topmost layers: those below them need no backward pass. */
const topmost = (layers: number, count: number): number[] =>
  Array.from({ length: count }, (_, i) => layers - count + i);
const layerFlag = (layers: number, count: number): string => `--layers ${topmost(layers, count).join(',')}`;
const withLayers = (work: Workload, count: number): Workload => ({
  ...work,
  lora: { ...work.lora, layersToTransform: topmost(work.spec.config.num_hidden_layers, count) },
});

/** Patterns of ranks stay: who gave them meant them. */
const withRank = (work: Workload, rank: number): Workload => ({ ...work, lora: { ...work.lora, rank } });
