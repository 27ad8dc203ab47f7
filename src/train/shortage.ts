import { ConfigError } from '../core/errors.ts';
import { formatBytes } from '../core/quantities.ts';
import { checkSites } from '../lora/trained.ts';
import { allowsPrecision } from '../models/precision.ts';
import { type Precision, precisions } from '../nn/linear.ts';
import type { Resources, RunEstimate } from './estimate.ts';
import { estimateMemory } from './estimate-memory.ts';
import { type Workload, type WorkloadGraphs, workloadGraphs } from './workload.ts';

/** Why a run cannot fit, with numbers and the options under which it would; undefined if it fits. */
export function shortageOf(
  work: Workload,
  graphs: WorkloadGraphs,
  { estimate, resources }: { readonly estimate: RunEstimate; readonly resources: Resources },
): string | undefined {
  const { memory, disk, cache } = estimate;
  // Run and cache may lie on one disk.
  if (cache && cache.missingBytes > 0 && cache.missingBytes + disk.bytes > cache.availableBytes)
    return `the states of the frozen layers take ${formatBytes(cache.missingBytes)} in ${cache.root} and the run's folder ${formatBytes(disk.bytes)}, and ${formatBytes(cache.availableBytes)} are free on that disk: free some, let HF_HOME name a folder on another disk, ${work.fixed === 'all' ? 'or go on where there is more' : 'or do without (--prefix-cache off)'}`;
  if (disk.bytes > disk.availableBytes)
    return `the run's folder takes up to ${formatBytes(disk.bytes)} (${listed(disk.parts)}), and ${formatBytes(disk.availableBytes)} are free on its disk: ${diskAdvice(work)}`;
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

function diskAdvice({ fixed }: Workload): string {
  if (fixed === 'all') return 'free some, or move the run to another';
  if (fixed === 'adapter') return 'free some, or choose --out on another';
  return 'free some, choose --out on another, or train less (--rank, --layers, --target-modules)';
}

function advice(work: Workload, graphs: WorkloadGraphs, resources: Resources): string {
  if (work.fixed === 'all') return 'A run that goes on keeps its settings: free some, or go on where there is more';
  const { flags, work: least } = smallest(work);
  const { bytes } = estimateMemory(least, workloadGraphs(least), resources.processBytes);
  if (bytes > resources.availableMemoryBytes)
    return `No setting makes it fit: even ${flags} takes ${formatBytes(Math.round(bytes))}. ${ELSEWHERE}`;
  const alone = remedies(work, graphs).flatMap((series) => firstThatFits(series, resources));
  // All at once changes most: worth saying only where nothing alone is enough.
  const fitting = alone.length > 0 ? alone : firstThatFits(allAtOnce(work), resources);
  if (fitting.length === 0) return ELSEWHERE;
  return `It would fit with ${fitting.map(({ flags, bytes }) => `${flags} (${formatBytes(Math.round(bytes))})`).join(', or with ')}`;
}

const ELSEWHERE = 'Take a smaller base, or a machine with more memory';

/** Other settings, and the run under them. */
interface Remedy {
  readonly flags: string;
  readonly work: Workload;
  /** Absent where the settings change the graphs. */
  readonly graphs?: WorkloadGraphs;
}

/** Settings that take less memory, one at a time, in series from the least change to the greatest. The first two do not change the result. */
function remedies(work: Workload, graphs: WorkloadGraphs): Remedy[][] {
  const layers = layersOf(work);
  const ofTexts = [
    halvings(work.microBatchTokens, 64).map((n) => ({
      flags: `--micro-batch-tokens ${n}`,
      work: { ...work, microBatchTokens: n },
      graphs,
    })),
    work.gradientCheckpointing
      ? []
      : [{ flags: '--gradient-checkpointing', work: { ...work, gradientCheckpointing: true } }],
    narrower(work).map((precision) => ({ flags: `--precision ${precision}`, work: { ...work, precision } })),
    halvings(longest(work), shortest(work)).map((n) => ({
      flags: `--max-length ${n}`,
      work: shortened(work, n),
      graphs,
    })),
  ];
  if (work.fixed) return ofTexts;
  return [
    ...ofTexts,
    halvings(layers, 1).map((n) => ({ flags: layerFlag(layers, n), work: withLayers(work, n) })),
    halvings(work.lora.rank, 1).map((rank) => ({ flags: `--rank ${rank}`, work: withRank(work, rank) })),
  ];
}

/** Precisions whose weights take less than those of the run. */
function narrower({ precision = 'fp32', lora, spec }: Workload): Precision[] {
  if (lora.dora) return [];
  const smaller = precisions.slice(precisions.indexOf(precision) + 1);
  // The processor widens halves.
  return smaller.filter((p) => p !== 'fp16' && allowsPrecision(spec, p));
}

/** The least of everything else, with fewer and fewer layers. */
function allAtOnce(work: Workload): Remedy[] {
  const layers = layersOf(work);
  const least = small(work);
  const fewer = halvings(layers, 1).map((n) => ({
    flags: `${least.flags} ${layerFlag(layers, n)}`,
    work: withLayers(least.work, n),
  }));
  return work.fixed ? [least] : [least, ...fewer];
}

function firstThatFits(
  series: readonly Remedy[],
  { processBytes, availableMemoryBytes }: Resources,
): { readonly flags: string; readonly bytes: number }[] {
  for (const { flags, work, graphs = workloadGraphs(work) } of series) {
    const { bytes } = estimateMemory(work, graphs, processBytes);
    if (bytes <= availableMemoryBytes && isAccepted(work, graphs)) return [{ flags, bytes }];
  }
  return [];
}

/** Whether a run would start so: modules and patterns may name what only layers have that would be left out. */
function isAccepted({ lora }: Workload, { gradient }: WorkloadGraphs): boolean {
  try {
    checkSites(gradient, lora);
    return true;
  } catch (error) {
    if (error instanceof ConfigError) return false;
    throw error;
  }
}

/** Tokens of the longest sequence that is trained on. */
const longest = ({ lengths }: Workload): number =>
  lengths.train.reduce((most, text) => text.reduce((a, b) => Math.max(a, b), most), 1);

/** The least `--max-length` that is proposed. */
const shortest = (work: Workload): number => Math.max(work.leastLength ?? 1, Math.min(32, longest(work)));

/** The least of everything but the layers. */
function small(work: Workload): Remedy {
  const [tokens, length] = [Math.min(64, work.microBatchTokens), shortest(work)];
  const { precision: given = 'fp32' } = work;
  const precision = narrower(work).at(-1) ?? given;
  const cut = { ...shortened(work, length), microBatchTokens: tokens, gradientCheckpointing: true, precision };
  const narrow = precision === given ? '' : ` --precision ${precision}`;
  return {
    flags: `--micro-batch-tokens ${tokens} --gradient-checkpointing${narrow}${work.fixed ? '' : ' --rank 1'} --max-length ${length}`,
    work: work.fixed ? cut : withRank(cut, 1),
  };
}

function smallest(work: Workload): Remedy {
  const least = small(work);
  return work.fixed ? least : { flags: `${least.flags} with one layer`, work: withLayers(least.work, 1) };
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
const layersOf = ({ spec }: Workload): number => spec.config.num_hidden_layers;
const layerFlag = (layers: number, count: number): string => `--layers ${topmost(layers, count).join(',')}`;
const withLayers = (work: Workload, count: number): Workload => ({
  ...work,
  lora: { ...work.lora, layersToTransform: topmost(layersOf(work), count) },
  ...(work.prefixDemand ? { prefixDemand: { ...work.prefixDemand, layer: layersOf(work) - count } } : {}),
});

/** Patterns of ranks stay: who gave them meant them. */
const withRank = (work: Workload, rank: number): Workload => ({ ...work, lora: { ...work.lora, rank } });
