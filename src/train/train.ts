import { rmdir } from 'node:fs/promises';
import { CheckpointError, ConfigError } from '../core/errors.ts';
import type { HubOptions } from '../hub/options.ts';
import { describeBase, findBase } from '../models/base.ts';
import { FROZEN } from '../optim/flat.ts';
import { Device } from '../runtime/device.ts';
import { engineInfo } from '../runtime/info.ts';
import { parseTrainConfig, type TrainConfig, type TrainOptions } from './config.ts';
import type { RunEstimate } from './estimate.ts';
import type { TrainEvent } from './events.ts';
import { assess } from './plan.ts';
import { type Prepared, type PrepareOptions, prepare } from './prepare.ts';
import { planOf, Run, type RunContext } from './run.ts';
import {
  chooseRunFolder,
  createRunFolder,
  openRunFolder,
  type RunFolder,
  readRunConfig,
  workFolderOf,
} from './run-folder.ts';
import { refusal } from './shortage.ts';
import { Trainer, type TrainerOptions } from './trainer.ts';
import { type Progress, TrainingCheckpoints } from './training-checkpoint.ts';
import { readStart } from './warm-start.ts';

export interface TrainControl {
  /** Once aborted, the run ends after its current step, with a checkpoint to go on from. */
  readonly signal?: AbortSignal;
  /** How a base on the Hub is fetched. */
  readonly hub?: HubOptions;
  /** Run even if memory or disk are expected not to suffice. */
  readonly force?: boolean;
}

/**
 * Fine-tunes a base with LoRA on a dataset and evaluates the best epoch on the test split.
 *
 * Yields events as they happen. Ends cleanly when its consumer breaks off or the signal is aborted: the run's folder then
 * holds the best weights so far, or the current ones if none were evaluated, and a checkpoint that {@link resume} takes.
 *
 * @throws ConfigError, DataError, CheckpointError, HubError before anything is computed; TrainingError if the loss is no number.
 *
 * @example
 * for await (const event of train({ data: 'social-posts' })) if (event.type === 'step') console.log(event.loss);
 */
export async function* train(
  options: TrainOptions,
  { signal, hub, force = false }: TrainControl = {},
): AsyncGenerator<TrainEvent, void> {
  const reach = { signal, ...hub };
  const { config: asked, from } = await readStart(parseTrainConfig(options), options, reach);
  const dir = await chooseRunFolder(asked);
  const { base, checkpoint, fetchWeights } = await describeBase(asked.base, reach);
  const config = { ...asked, base: base.name };
  const plan = await prepareIn(dir, config, { base, checkpoint, from });
  yield* onDevice({ threads: config.threads, prepared: plan }, async function* (device) {
    const estimate = await fitting(device, { config, prepared: plan, dir, force });
    const prepared = { ...plan, checkpoint: await fetchWeights() }; // gigabytes, so after all that may be refused
    const trainer = await openTrainer(device, config, prepared);
    const folder = await createRunFolder(dir, config);
    const context = { config, prepared, folder, threads: device.threads, signal };
    const run = new Run(context, trainer);
    yield* recorded(folder, run.events({ type: 'started', ...planOf(context, trainer.size), estimate }));
  });
}

/**
 * Goes on with a run that was interrupted, from its newest checkpoint that is whole: optimiser, order of the data, dropout
 * masks and metrics continue exactly, so the run ends with the adapter it would have had (same threads, same engine).
 *
 * Yields the run's `started` again for its consumer, then `resumed`; metrics.jsonl has every step once.
 *
 * @throws CheckpointError if there is nothing to go on from, or base, data or settings are no longer those of the run.
 */
export async function* resume(
  dir: string,
  { signal, hub, force = false, threads }: TrainControl & Pick<TrainOptions, 'threads'> = {},
): AsyncGenerator<TrainEvent, void> {
  const config = await readRunConfig(dir);
  const { path, checkpoint, damaged } = await new TrainingCheckpoints(dir).latest();
  const { progress } = checkpoint;
  const prepared = await prepareIn(dir, config, { base: await findBase(config.base, { signal, ...hub }) });
  yield* onDevice({ threads: threads ?? progress.threads, prepared }, async function* (device) {
    await checkUnchanged(dir, progress, prepared);
    const estimate = await fitting(device, { config, prepared, dir, force, stepsDone: progress.step });
    const trainer = await openTrainer(device, config, { ...prepared, frozen: checkpoint.state.get(FROZEN) });
    const folder = await openRunFolder(dir, progress.metricsBytes);
    const context: RunContext = { config, prepared, folder, threads: device.threads, signal };
    yield* recorded(folder, goOn(context, trainer, { path, checkpoint, damaged, estimate }), { told: 1 });
  });
}

async function* goOn(
  context: RunContext,
  trainer: Trainer,
  {
    path,
    checkpoint,
    damaged,
    estimate,
  }: Awaited<ReturnType<TrainingCheckpoints['latest']>> & {
    readonly estimate: RunEstimate;
  },
): AsyncGenerator<TrainEvent, void> {
  const run = new Run(context, trainer);
  await run.restore(checkpoint);
  yield { type: 'started', ...planOf(context, trainer.size), estimate };
  const { step, epoch } = checkpoint.progress;
  const notes = [...damaged, ...differences(checkpoint.progress, context.threads)];
  yield* run.events({ type: 'resumed', step, epoch, path, notes });
}

/** Prepares a run with its working files in its folder, which does not stay behind where nothing else came into it. */
async function prepareIn(
  dir: string,
  config: TrainConfig,
  options: Omit<PrepareOptions, 'workFolder'>,
): Promise<Prepared> {
  const removeEmpty = () => rmdir(dir).catch(() => {}); // it holds something, or was never made
  try {
    const prepared = await prepare(config, { ...options, workFolder: workFolderOf(dir) });
    return { ...prepared, close: () => prepared.close().then(removeEmpty) };
  } catch (error) {
    await removeEmpty();
    throw error;
  }
}

/**
 * What the run is expected to take.
 *
 * @throws ConfigError if that is more than there is, with what would fit.
 */
async function fitting(
  device: Device,
  { force, ...run }: Parameters<typeof assess>[1] & { readonly force: boolean },
): Promise<RunEstimate> {
  const { estimate, shortage } = await assess(device, run);
  if (shortage !== null && !force) throw new ConfigError(refusal(shortage));
  return estimate;
}

/** What runs on a device, which is closed whatever happens, as are the working files. */
async function* onDevice(
  { threads, prepared }: { readonly threads: number | undefined; readonly prepared: Prepared },
  run: (device: Device) => AsyncGenerator<TrainEvent, void>,
): AsyncGenerator<TrainEvent, void> {
  try {
    const device = new Device(threads === undefined ? {} : { threads });
    try {
      yield* run(device);
    } finally {
      await device.close();
    }
  } finally {
    await prepared.close();
  }
}

/**
 * Events written to the run's metrics before they are handed on.
 *
 * @param told how many of the first are there already.
 */
async function* recorded(
  folder: RunFolder,
  events: AsyncGenerator<TrainEvent, void>,
  { told }: { readonly told: number } = { told: 0 },
): AsyncGenerator<TrainEvent, void> {
  let isFull = false;
  let count = 0;
  try {
    for await (const event of events) {
      const failure = count++ < told ? undefined : await folder.metrics.append(event);
      if (failure && !isFull)
        yield { type: 'warning', message: `metrics wait in memory until they can be written: ${failure.message}` };
      isFull = failure !== undefined;
      yield event;
    }
  } finally {
    await folder.close();
  }
}

function openTrainer(
  device: Device,
  config: TrainConfig,
  prepared: Prepared & Pick<TrainerOptions, 'frozen'>,
): Promise<Trainer> {
  const { checkpoint, spec, lora, optimizer, dataset, posWeight, start, frozen } = prepared;
  return Trainer.open(device, {
    checkpoint,
    spec,
    lora,
    optimizer,
    task: dataset.task,
    labels: dataset.labels.length,
    maxGradNorm: config.maxGradNorm || undefined,
    microBatchTokens: config.microBatchTokens,
    seed: config.seed,
    start: start?.tensors,
    frozen,
    ...(posWeight ? { posWeight } : {}),
    ...(config.loraPlusRatio === undefined ? {} : { loraPlusRatio: config.loraPlusRatio }),
  });
}

/** @throws CheckpointError naming what is no longer what it was when the run stopped. */
async function checkUnchanged(dir: string, { data, base }: Progress, prepared: Prepared): Promise<void> {
  const changed = [
    data === prepared.dataFingerprint ? [] : `the training data (${prepared.report.source})`,
    base === (await prepared.checkpoint.fingerprint()) ? [] : `the base (${prepared.checkpoint.dir})`,
  ].flat();
  if (changed.length === 0) return;
  throw new CheckpointError(
    `${dir} cannot go on: ${changed.join(' and ')} changed since it stopped. Bring back what it was, or start a new run`,
  );
}

/** What makes the rest of a run differ in its last digits from what it would have been. */
function differences({ threads, engine }: Progress, threadsNow: number): string[] {
  const now = engineInfo().version;
  return [
    threads === threadsNow ? [] : `the run had ${threads} threads and now has ${threadsNow}`,
    engine === now ? [] : `the run was computed by engine ${engine}, this is ${now}`,
  ].flat();
}
