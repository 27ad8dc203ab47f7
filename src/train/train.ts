import { resolve } from 'node:path';
import { TrainingError } from '../core/errors.ts';
import { random } from '../core/random.ts';
import type { Tensor } from '../core/tensor.ts';
import { epochBatches } from '../data/batches.ts';
import { formatReport } from '../data/report.ts';
import { type Evaluation, evaluate, primaryMetric } from '../metrics/evaluate.ts';
import { baseReference } from '../models/base.ts';
import { parameterCount } from '../models/weights.ts';
import { schedule } from '../optim/schedule.ts';
import { tokenizerFingerprint } from '../predict/artifact.ts';
import { scoresOf } from '../predict/scores.ts';
import { Device } from '../runtime/device.ts';
import { peakMemoryBytes } from '../runtime/memory.ts';
import { parseTrainConfig, type TrainConfig, type TrainOptions } from './config.ts';
import type { TrainEvent, TrainResult } from './events.ts';
import { type Prepared, prepare } from './prepare.ts';
import { chooseRunFolder, createRunFolder, type RunFolder } from './run-folder.ts';
import { advice, type EncodedExample, Trainer } from './trainer.ts';

/**
 * Fine-tunes a base with LoRA on a dataset and evaluates the best epoch on the test split.
 *
 * Yields events as they happen. Ends cleanly when its consumer breaks off or the signal is aborted: the run's folder then
 * holds the best weights so far, or the current ones if none were evaluated.
 *
 * @throws ConfigError, DataError, CheckpointError before anything is computed; TrainingError if the loss is no number.
 *
 * @example
 * for await (const event of train({ data: 'social-posts' })) if (event.type === 'step') console.log(event.loss);
 */
export async function* train(
  options: TrainOptions,
  { signal }: { readonly signal?: AbortSignal } = {},
): AsyncGenerator<TrainEvent, void> {
  const config = parseTrainConfig(options);
  const dir = await chooseRunFolder(config);
  const prepared = await prepare(config);
  const device = new Device(config.threads === undefined ? {} : { threads: config.threads });
  try {
    const trainer = await openTrainer(device, config, prepared);
    const folder = await createRunFolder(dir, config);
    const run = new Run({ config, prepared, folder, signal }, trainer);
    for await (const event of run.events()) {
      await folder.log(event);
      yield event;
    }
  } finally {
    await device.close();
  }
}

function openTrainer(device: Device, config: TrainConfig, prepared: Prepared): Promise<Trainer> {
  const { checkpoint, spec, lora, optimizer, dataset, posWeight } = prepared;
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
    ...(posWeight ? { posWeight } : {}),
  });
}

interface Context {
  readonly config: TrainConfig;
  readonly prepared: Prepared;
  readonly folder: RunFolder;
  readonly signal: AbortSignal | undefined;
}

/** The best weights so far, by the validation score. */
interface Best {
  readonly epoch: number;
  readonly validation: Evaluation;
  readonly tensors: ReadonlyMap<string, Tensor>;
}

/** What an epoch is chosen by; nothing is worse than a score that is not defined. */
const headline = ({ task, metrics }: Evaluation): number =>
  metrics[primaryMetric(task)]?.value ?? Number.NEGATIVE_INFINITY;

/** A run in progress. */
class Run {
  readonly #context: Context;
  readonly #trainer: Trainer;
  #best: Best | undefined;
  #saved = false;
  #seconds = 0;
  #tokens = 0;
  #step = 0;

  constructor(context: Context, trainer: Trainer) {
    this.#context = context;
    this.#trainer = trainer;
  }

  /** All of a run, in order. What is not saved yet when the consumer breaks off or a step fails is saved on the way out. */
  async *events(): AsyncGenerator<TrainEvent, void> {
    yield this.#started();
    let failed = false;
    try {
      const reason = yield* this.#epochs();
      if (!this.#best) yield* this.#save();
      yield* this.#finish(reason);
    } catch (error) {
      failed = true;
      throw error;
    } finally {
      if (!this.#saved) await this.#rescue(failed);
    }
  }

  /** A failure on the way out must not hide the one that led here. */
  async #rescue(failed: boolean): Promise<void> {
    try {
      await this.#write();
    } catch (error) {
      if (!failed) throw error;
    }
  }

  async *#epochs(): AsyncGenerator<TrainEvent, TrainResult['reason']> {
    const { config } = this.#context;
    let sinceBest = 0;
    for (let epoch = 1; epoch <= config.epochs; epoch++) {
      if (yield* this.#epoch(epoch)) return 'aborted';
      const evaluation = await this.#evaluate(this.#context.prepared.validation, { intervals: false });
      if (!evaluation) return 'aborted';
      const better = yield* this.#compare(epoch, evaluation);
      sinceBest = better ? 0 : sinceBest + 1;
      if (config.patience !== undefined && sinceBest >= config.patience && epoch < config.epochs)
        return 'early stopping';
    }
    return 'finished';
  }

  /** @returns whether the run was aborted on the way. */
  async *#epoch(epoch: number): AsyncGenerator<TrainEvent, boolean> {
    const { config, prepared, signal } = this.#context;
    const batches = epochBatches(prepared.train.length, this.#batchSize, random(config.seed).fork('order').fork(epoch));
    const rate = schedule(config.schedule, { total: this.#steps, warmup: Math.ceil(config.warmup * this.#steps) });
    for (const [i, batch] of batches.entries()) {
      if (signal?.aborted) return true;
      const learningRate = prepared.learningRate * rate(this.#step);
      const from = performance.now();
      const result = await this.#trainer.step(
        batch.map((e) => prepared.train[e]!),
        learningRate,
      );
      const seconds = (performance.now() - from) / 1000;
      this.#seconds += seconds;
      this.#tokens += result.tokens;
      yield {
        type: 'step',
        step: ++this.#step,
        epoch: epoch - 1 + (i + 1) / batches.length,
        learningRate,
        seconds,
        ...result,
      };
    }
    return false;
  }

  /** Keeps the weights if they are the best so far. */
  async *#compare(epoch: number, evaluation: Evaluation): AsyncGenerator<TrainEvent, boolean> {
    const better = !this.#best || headline(evaluation) > headline(this.#best.validation);
    if (better) {
      this.#best = { epoch, validation: evaluation, tensors: await this.#trainer.tensors() };
      this.#saved = false;
    }
    yield { type: 'evaluated', split: 'validation', epoch, best: better, evaluation };
    if (better) yield* this.#save();
    return better;
  }

  async *#save(): AsyncGenerator<TrainEvent, void> {
    await this.#write();
    yield { type: 'checkpoint', path: this.#context.folder.dir, step: this.#step };
  }

  async *#finish(reason: TrainResult['reason']): AsyncGenerator<TrainEvent, void> {
    const { folder, prepared } = this.#context;
    let test: Evaluation | undefined;
    if (this.#best && reason !== 'aborted') {
      await this.#trainer.load(this.#best.tensors);
      test = await this.#evaluate(prepared.test, { intervals: true });
      if (test) yield { type: 'evaluated', split: 'test', epoch: this.#best.epoch, best: true, evaluation: test };
    }
    const result: TrainResult = {
      reason: this.#context.signal?.aborted && !test ? 'aborted' : reason,
      out: folder.dir,
      bestEpoch: this.#best?.epoch,
      validation: this.#best?.validation,
      test,
      trainingSeconds: this.#seconds,
      tokensPerSecond: this.#seconds > 0 ? this.#tokens / this.#seconds : 0,
      peakMemoryBytes: peakMemoryBytes(),
    };
    await folder.saveResult(result);
    yield { type: 'done', ...result };
  }

  /**
   * Scores under the current weights; undefined if the run is aborted on the way.
   *
   * @throws TrainingError if a logit is no number: the last step was too large. The weights before it are kept.
   */
  async #evaluate(
    examples: readonly EncodedExample[],
    { intervals }: { intervals: boolean },
  ): Promise<Evaluation | undefined> {
    const { config, prepared, signal } = this.#context;
    const { task, labels } = prepared.dataset;
    const logits = await this.#trainer
      .logits(
        examples.map((e) => e.ids),
        signal,
      )
      .catch((error: unknown) => {
        if (!signal?.aborted) throw error;
      });
    if (!logits) return undefined;
    if (!logits.flat().every(Number.isFinite)) {
      this.#trainer.revert();
      throw new TrainingError(
        `after step ${this.#step} the model answers with what is no number; the weights before that step are kept. ${advice(prepared.learningRate)}`,
      );
    }
    return evaluate(
      task,
      labels,
      { targets: examples.map((e) => e.target), scores: logits.map(scoresOf[task]) },
      { threshold: config.threshold, ...(intervals ? { bootstrap: { seed: config.seed } } : {}) },
    );
  }

  /** The best weights so far, or the current ones if none were evaluated. */
  async #write(): Promise<void> {
    const { config, folder, prepared } = this.#context;
    const { checkpoint, dataset, lora, maxLength } = prepared;
    const tensors = this.#best?.tensors ?? (await this.#trainer.tensors());
    await folder.saveAdapter(
      { options: lora, tensors, baseModel: resolve(checkpoint.dir) },
      {
        task: dataset.task,
        labels: [...dataset.labels],
        maxLength,
        threshold: config.threshold,
        base: { path: baseReference(config.base), fingerprint: await checkpoint.fingerprint() },
        tokenizer: { fingerprint: await tokenizerFingerprint(checkpoint.dir) },
      },
    );
    this.#saved = true;
  }

  get #batchSize(): number {
    const { config } = this.#context;
    return config.batchSize * config.accumulate;
  }

  get #steps(): number {
    const { config, prepared } = this.#context;
    return config.epochs * Math.ceil(prepared.train.length / this.#batchSize);
  }

  #started(): TrainEvent {
    const { config, prepared, folder } = this.#context;
    const { dataset, train, validation, test, checkpoint } = prepared;
    return {
      type: 'started',
      out: folder.dir,
      base: config.base,
      data: dataset.name,
      task: dataset.task,
      labels: dataset.labels,
      examples: { train: train.length, validation: validation.length, test: test.length },
      truncated: prepared.truncated,
      steps: this.#steps,
      epochs: config.epochs,
      learningRate: prepared.learningRate,
      parameters: { trained: this.#trainer.size, total: parameterCount(checkpoint) + this.#trainer.size },
      dataReport: formatReport(prepared.report),
    };
  }
}
