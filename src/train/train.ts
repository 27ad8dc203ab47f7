import { CheckpointError, ConfigError } from '../core/errors.ts';
import type { HubOptions } from '../hub/options.ts';
import { describeBase, findBase } from '../models/base.ts';
import { CUTPOINTS } from '../models/heads.ts';
import { inPrecision } from '../models/precision.ts';
import { FROZEN } from '../optim/flat.ts';
import type { SavedAdapter } from '../predict/saved-adapter.ts';
import type { Device } from '../runtime/device.ts';
import { engineInfo } from '../runtime/info.ts';
import { openDevice } from '../runtime/open-device.ts';
import type { DeviceName } from '../runtime/provider.ts';
import type { SettledConfig } from './choose-precision.ts';
import { parseTrainConfig, type TrainConfig, type TrainOptions } from './config.ts';
import type { RunEstimate } from './estimate.ts';
import type { TrainEvent } from './events.ts';
import { type Assessment, assess } from './plan.ts';
import { prefixModel, prefixRoot, sequencesOf } from './prefix/demand.ts';
import { fillPrefix } from './prefix/fill.ts';
import { type Prepared, prepare } from './prepare.ts';
import { decisiveSettings, planOf, Run, type RunContext } from './run.ts';
import {
  claimNewRun,
  claimRun,
  createRunFolder,
  hasBarelyBegun,
  isDone,
  openRunFolder,
  type RunClaim,
  type RunFolder,
  readRunConfig,
  workFolderOf,
} from './run-folder.ts';
import { refusal } from './shortage.ts';
import { type FrozenPrefix, Trainer, type TrainerOptions } from './trainer.ts';
import { type Progress, TrainingCheckpoints } from './training-checkpoint.ts';
import { readStart } from './warm-start.ts';

export interface TrainControl {
  /** Once aborted, the run ends after its current step, with a checkpoint to go on from. */
  readonly signal?: AbortSignal;
  /** How a base on the Hub is fetched. */
  readonly hub?: HubOptions;
  /** Bytes of rounded weights that are written, of all that are to be, where the precision wants them and the cache has none. */
  readonly onRounding?: ((doneBytes: number, totalBytes: number) => void) | undefined;
  /** Tokens of which the frozen layers were computed, of all that are to be, before a run with `prefixCache` begins. */
  readonly onCaching?: ((doneTokens: number, totalTokens: number) => void) | undefined;
  /** Run even if memory or disk are expected not to suffice. */
  readonly force?: boolean;
}

/**
 * Fine-tunes a base with LoRA on a dataset and evaluates the best epoch on the test split.
 *
 * Yields events as they happen. Ends cleanly when its consumer breaks off or the signal is aborted: the run's folder then
 * holds the best weights so far, or the current ones if none were evaluated, and a checkpoint that {@link resume} takes.
 *
 * @throws ConfigError, DataError, CheckpointError, HubError before anything is computed; TrainingError if the loss is no number;
 *         the signal's reason if it is aborted before the run has begun.
 *
 * @example
 * for await (const event of train({ data: 'social-posts' })) if (event.type === 'step') console.log(event.loss);
 */
export async function* train(options: TrainOptions, control: TrainControl = {}): AsyncGenerator<TrainEvent, void> {
  const reach = { signal: control.signal, ...control.hub };
  const { config, from } = await readStart(parseTrainConfig(options), options, reach);
  yield* inFolder(await claimNewRun(config), (dir) => begin(dir, { config, from, ...control }));
}

/**
 * Goes on with a run that was interrupted, from its newest checkpoint that is whole: optimiser, order of the data, dropout
 * masks and metrics continue exactly, so the run ends with the adapter it would have had (same device, threads and engine). One
 * that was killed before its first checkpoint is begun again.
 *
 * Yields the run's `started` again for its consumer, then `resumed`; metrics.jsonl has every step once.
 *
 * @throws CheckpointError if there is nothing to go on from, or base, data or settings are no longer those of the run.
 */
export async function* resume(
  dir: string,
  { device, threads, ...control }: TrainControl & Pick<TrainOptions, 'device' | 'threads'> = {},
): AsyncGenerator<TrainEvent, void> {
  await readRunConfig(dir); // nothing is written into a folder that is no run
  yield* inFolder(await claimRun(dir), async function* () {
    const config = await readRunConfig(dir);
    if (await hasBarelyBegun(dir)) {
      const start = await readStart(config, config, { signal: control.signal, ...control.hub });
      const machine = { device: device ?? config.device, threads: threads ?? config.threads };
      yield* begin(dir, { ...start, config: { ...start.config, ...machine }, ...control });
    } else yield* goOn(dir, { config, device, threads, ...control });
  });
}

/** What runs in a claimed folder, which is given back whatever happens. */
async function* inFolder(
  { dir, release }: RunClaim,
  run: (dir: string) => AsyncGenerator<TrainEvent, void>,
): AsyncGenerator<TrainEvent, void> {
  try {
    yield* run(dir);
  } finally {
    await release();
  }
}

async function* begin(
  dir: string,
  {
    config: asked,
    from,
    ...control
  }: TrainControl & { readonly config: TrainConfig; readonly from: SavedAdapter | undefined },
): AsyncGenerator<TrainEvent, void> {
  const { signal, hub } = control;
  const { base, checkpoint, fetchWeights } = await describeBase(asked.base, { signal, ...hub });
  const named = { ...asked, base: base.name };
  const plan = await prepare(named, { base, checkpoint, from, workFolder: workFolderOf(dir), signal });
  yield* onDevice({ ...named, prepared: plan }, async function* (device) {
    const { estimate, config, precision } = await fitting(device, { config: named, prepared: plan, dir, ...control });
    // Gigabytes, so after all that may be refused.
    const prepared = await inItsPrecision({ ...plan, checkpoint: await fetchWeights() }, config, control);
    yield* withPrefix(device, { config, prepared, estimate, ...control }, async function* (prefix) {
      const trainer = await openTrainer(device, config, { ...prepared, prefix });
      const folder = await createRunFolder(dir, config);
      const context = { config, precision, prepared, folder, device, signal };
      const run = new Run(context, trainer);
      yield* recorded(folder, run.events({ type: 'started', ...planOf(context, trainer.size), estimate }));
    });
  });
}

async function* goOn(
  dir: string,
  { config: before, device: name, threads, ...control }: TrainControl & { readonly config: TrainConfig } & Machine,
): AsyncGenerator<TrainEvent, void> {
  if (await isDone(dir))
    throw new CheckpointError(
      `${dir} is done, there is nothing to go on with: use it with predict, train its adapter further with --init-from ${dir}, or begin again with --overwrite`,
    );
  const { path, checkpoint, damaged } = await new TrainingCheckpoints(dir).latest();
  const { progress } = checkpoint;
  const { signal, hub } = control;
  checkSettings(dir, progress.settings, before);
  const base = await findBase(before.base, { signal, ...hub });
  const plan = await prepare(before, { base, workFolder: workFolderOf(dir), signal });
  const machine = { device: name ?? progress.device, threads: threads ?? progress.threads };
  yield* onDevice({ ...machine, prepared: plan }, async function* (device) {
    await checkUnchanged(dir, progress, plan);
    const assessed = { config: before, prepared: plan, dir, ...control, stepsDone: progress.step };
    const { estimate, config, precision } = await fitting(device, assessed);
    const prepared = await inItsPrecision(plan, config, control);
    yield* withPrefix(device, { config, prepared, estimate, ...control }, async function* (prefix) {
      const frozen = checkpoint.state.get(FROZEN);
      const trainer = await openTrainer(device, config, { ...prepared, frozen, prefix });
      const folder = await openRunFolder(dir, progress.metricsBytes);
      const context: RunContext = { config, precision, prepared, folder, device, signal };
      const run = new Run(context, trainer);
      await run.restore(checkpoint);
      const { step, epoch } = progress;
      const notes = [...damaged, ...differences(progress, device), ...missing(folder)];
      const started: TrainEvent = { type: 'started', ...planOf(context, trainer.size), estimate };
      yield* recorded(folder, run.events({ type: 'resumed', step, epoch, path, notes }), { told: started });
    });
  });
}

/**
 * What the run is expected to take, and the settings that were left open.
 *
 * @throws ConfigError if that is more than there is, with what would fit.
 */
async function fitting(
  device: Device,
  { force = false, ...run }: Parameters<typeof assess>[1] & TrainControl,
): Promise<Assessment> {
  const assessment = await assess(device, run);
  const { shortage } = assessment;
  if (shortage !== null && !force) throw new ConfigError(refusal(shortage));
  return assessment;
}

/** What a run is computed on: it may change without making it another run. */
interface Machine {
  readonly device?: DeviceName | undefined;
  readonly threads?: number | undefined;
}

/** What runs once the states of the frozen layers are in the cache, where it starts above them. */
async function* withPrefix(
  device: Device,
  {
    config,
    prepared,
    estimate,
    signal,
    hub,
    onCaching,
  }: TrainControl & { readonly config: SettledConfig; readonly prepared: Prepared; readonly estimate: RunEstimate },
  run: (prefix: FrozenPrefix | undefined) => AsyncGenerator<TrainEvent, void>,
): AsyncGenerator<TrainEvent, void> {
  const model = await prefixModel(prepared, config);
  if (!model) return yield* run(undefined);
  const total = estimate.cache?.missingTokens ?? 0;
  let done = 0;
  const cache = await fillPrefix(prefixRoot(hub), {
    device,
    checkpoint: prepared.checkpoint,
    model,
    texts: sequencesOf(prepared),
    signal,
    onProgress(tokens) {
      done += tokens;
      onCaching?.(done, Math.max(done, total)); // damaged ones come on top
    },
    onWait: (owner) => hub?.onNotice?.(`${owner} is computing the layers below ${model.layer}: waiting for it`),
  });
  try {
    yield* run({ layer: model.layer, states: cache.states });
  } finally {
    await cache.close();
  }
}

/** What runs on a device, which is closed whatever happens, as are the working files. */
async function* onDevice(
  { device: name, threads, prepared }: Machine & { readonly prepared: Prepared },
  run: (device: Device) => AsyncGenerator<TrainEvent, void>,
): AsyncGenerator<TrainEvent, void> {
  try {
    const device = await openDevice({ device: name, threads });
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
 * @param told one that is handed on first, and is there already.
 */
async function* recorded(
  { metrics }: RunFolder,
  events: AsyncGenerator<TrainEvent, void>,
  { told }: { readonly told?: TrainEvent } = {},
): AsyncGenerator<TrainEvent, void> {
  let isFull = false;
  let failure: Error | undefined;
  try {
    if (told) yield told;
    for await (const event of events) {
      failure = await metrics.append(event);
      if (failure && !isFull)
        yield { type: 'warning', message: `metrics wait in memory until they can be written: ${failure.message}` };
      isFull = failure !== undefined;
      yield event;
    }
  } finally {
    failure = await metrics.close();
  }
  if (failure)
    yield { type: 'warning', message: `the last lines of metrics.jsonl could not be written: ${failure.message}` };
}

/** What a run works on, with the weights that its frozen layers read. */
async function inItsPrecision(
  prepared: Prepared,
  { precision }: SettledConfig,
  { signal, hub, onRounding }: TrainControl,
): Promise<Prepared> {
  const told = { signal, ...hub, onProgress: onRounding };
  return { ...prepared, checkpoint: await inPrecision(prepared.checkpoint, prepared.spec, precision, told) };
}

function openTrainer(
  device: Device,
  config: SettledConfig,
  prepared: Prepared & Pick<TrainerOptions, 'frozen' | 'prefix'>,
): Promise<Trainer> {
  const { checkpoint, spec, lora, optimizer, dataset, posWeight, cutpoints, start, frozen, prefix } = prepared;
  return Trainer.open(device, {
    checkpoint,
    spec,
    lora,
    optimizer,
    task: dataset.task,
    labels: dataset.labels.length,
    cutpoints: cutpoints?.shape[1],
    focalGamma: config.focalGamma,
    maxGradNorm: config.maxGradNorm || undefined,
    microBatchTokens: config.microBatchTokens,
    precision: config.precision,
    gradientCheckpointing: config.gradientCheckpointing,
    seed: config.seed,
    start: new Map([...(cutpoints ? [[CUTPOINTS, cutpoints] as const] : []), ...(start?.tensors ?? [])]),
    frozen,
    prefix,
    ...(posWeight ? { posWeight } : {}),
    ...(config.loraPlusRatio === undefined ? {} : { loraPlusRatio: config.loraPlusRatio }),
  });
}

/** @throws CheckpointError naming the settings that were changed since, and how. */
function checkSettings(dir: string, before: Progress['settings'], config: TrainConfig): void {
  const now = decisiveSettings(config);
  const show = (value: unknown): string => (value === undefined ? 'not set' : JSON.stringify(value));
  const changed = [...new Set([...Object.keys(before), ...Object.keys(now)])]
    .filter((name) => show(before[name]) !== show(now[name]))
    .map((name) => `${name} is ${show(now[name])} and was ${show(before[name])}`);
  if (changed.length === 0) return;
  throw new CheckpointError(
    `${dir} cannot go on: in its config.yaml ${changed.join(', ')}. Put back what it was, or start a new run with other settings`,
  );
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

/** What the run's own log has lost. */
const missing = ({ metrics: { missingBytes } }: RunFolder): string[] =>
  missingBytes === 0 ? [] : [`metrics.jsonl has lost its last ${missingBytes} bytes: some steps are not in it`];

/** What makes the rest of a run differ in its last digits from what it would have been. */
function differences({ threads, device, engine }: Progress, { choice, threads: threadsNow }: Device): string[] {
  const now = engineInfo().version;
  return [
    threads === threadsNow ? [] : `the run had ${threads} threads and now has ${threadsNow}`,
    device === choice.provider ? [] : `the run was computed on ${device} and now is on ${choice.provider}`,
    engine === now ? [] : `the run was computed by engine ${engine}, this is ${now}`,
  ].flat();
}
