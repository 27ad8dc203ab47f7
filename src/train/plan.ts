import type { HubOptions } from '../hub/options.ts';
import { describeBase } from '../models/base.ts';
import type { Device } from '../runtime/device.ts';
import { openDevice } from '../runtime/open-device.ts';
import { choosePrecision, type PrecisionChoice, possiblePrecisions, type SettledConfig } from './choose-precision.ts';
import { parseTrainConfig, type TrainConfig, type TrainOptions } from './config.ts';
import type { EncodedExamples } from './encoded-examples.ts';
import { estimateRun, inspectResources, type RunEstimate } from './estimate.ts';
import type { TrainPlan } from './events.ts';
import { prefixDemand, prefixRoot } from './prefix/demand.ts';
import { type Prepared, prepare } from './prepare.ts';
import { batchSizeOf, planOf } from './run.ts';
import { chooseRunFolder } from './run-folder.ts';
import { shortageOf } from './shortage.ts';
import type { TrainControl } from './train.ts';
import { readStart } from './warm-start.ts';
import { type Workload, workloadGraphs } from './workload.ts';

/** What {@link train} would do with the same options, and what that takes. */
export type PlannedRun = TrainPlan & {
  readonly estimate: RunEstimate;
  /** Bytes of the base's weights that the run would fetch first. */
  readonly bytesToFetch: number;
  /** Why `train` would refuse to run, and what would fit; null if it would run. */
  readonly shortage: string | null;
};

/**
 * Looks at base, data and machine, and says what a run would take: memory, disk and time. Trains nothing, loads no
 * weights and writes no folder; of a base on the Hub it fetches all but the weights.
 *
 * @throws ConfigError, DataError, CheckpointError as `train`.
 */
export async function planTraining(
  options: TrainOptions,
  { hub, signal }: Pick<TrainControl, 'hub' | 'signal'> = {},
): Promise<PlannedRun> {
  const reach = { signal, ...hub };
  const { config: asked, from } = await readStart(parseTrainConfig(options), options, reach);
  const dir = await chooseRunFolder(asked);
  const { base, checkpoint, bytesToFetch } = await describeBase(asked.base, reach);
  const config = { ...asked, base: base.name };
  const prepared = await prepare(config, { base, checkpoint, from });
  const device = await openDevice(config);
  try {
    const { estimate, shortage, ...settled } = await assess(device, { config, prepared, dir, hub });
    const plan = planOf({ ...settled, prepared, folder: { dir }, device }, settled.trained);
    return { ...plan, estimate, shortage, bytesToFetch };
  } finally {
    await device.close();
    await prepared.close();
  }
}

/** What a run takes, and what was left open of its settings. */
export interface Assessment {
  readonly config: SettledConfig;
  readonly precision: PrecisionChoice;
  readonly estimate: RunEstimate;
  readonly shortage: string | null;
  /** How many values are trained. */
  readonly trained: number;
}

/** What a run takes on this machine, or the rest of one that goes on after `stepsDone`, and whether it fits. */
export async function assess(
  device: Device,
  {
    config,
    prepared,
    dir,
    hub,
    stepsDone,
  }: {
    readonly config: TrainConfig;
    readonly prepared: Prepared;
    readonly dir: string;
    readonly hub?: HubOptions | undefined;
    readonly stepsDone?: number;
  },
): Promise<Assessment> {
  const goesOn = stepsDone === undefined ? {} : ({ stepsDone, fixed: 'all' } as const);
  const resources = await inspectResources(device, { out: dir, cache: prefixRoot(hub) });
  const { provider } = device.choice;
  const possible = possiblePrecisions(config, { spec: prepared.spec, provider, speed: resources.speed });
  const candidates = await Promise.all(
    possible.map(async (precision) => {
      const settled = { ...config, precision };
      const demand = await prefixDemand(prepared, { config: settled, hub });
      const work = { ...workloadOf(settled, prepared), ...(demand ? { prefixDemand: demand } : {}), ...goesOn };
      const graphs = workloadGraphs(work);
      return { precision, config: settled, work, graphs, estimate: estimateRun(work, graphs, resources) };
    }),
  );
  const { work, graphs, estimate, choice, config: settled } = choosePrecision(candidates);
  const shortage = shortageOf(work, graphs, { estimate, resources }) ?? null;
  return { config: settled, precision: choice, estimate, shortage, trained: graphs.layout.size };
}

/** A configuration and its data, as far as cost depends on them. */
export function workloadOf(config: SettledConfig, prepared: Prepared): Workload {
  const { checkpoint, spec, dataset, lora, optimizer, posWeight, train, validation, test } = prepared;
  return {
    spec,
    tensors: checkpoint.tensors,
    task: dataset.task,
    labels: dataset.labels.length,
    cutpoints: prepared.cutpoints?.shape[1],
    focalGamma: config.focalGamma,
    lora,
    optimizer,
    maxGradNorm: config.maxGradNorm || undefined,
    microBatchTokens: config.microBatchTokens,
    precision: config.precision,
    gradientCheckpointing: config.gradientCheckpointing,
    ...(posWeight ? { posWeight } : {}),
    ...(config.loraPlusRatio === undefined ? {} : { loraPlusRatio: config.loraPlusRatio }),
    epochs: config.epochs,
    batchSize: batchSizeOf(config),
    examples: { train: train.length, validation: validation.length, test: test.length },
    lengths: { train: lengthsOf(train), validation: lengthsOf(validation), test: lengthsOf(test) },
    leastLength: prepared.leastLength,
    ...(prepared.start ? { fixed: 'adapter' } : {}),
  };
}

/** Examples whose lengths are looked at: enough for the distribution, few enough to be read in a moment. */
const SAMPLED_EXAMPLES = 8192;

/** Tokens of the sequences of examples evenly spread over a split. */
function lengthsOf(examples: EncodedExamples): number[][] {
  const count = Math.min(examples.length, SAMPLED_EXAMPLES);
  const places = Array.from({ length: count }, (_, i) => Math.floor((i * examples.length) / count));
  return examples.read(places).map(({ sequences }) => sequences.map((ids) => ids.length));
}
