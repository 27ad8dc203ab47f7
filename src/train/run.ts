import { type Decision, plainDecision } from '../core/decision.ts';
import { TrainingError } from '../core/errors.ts';
import { random } from '../core/random.ts';
import type { Tensor } from '../core/tensor.ts';
import { epochBatches } from '../data/batches.ts';
import { formatReport } from '../data/report.ts';
import { type EvaluateOptions, type Evaluation, evaluate, primaryMetric } from '../metrics/evaluate.ts';
import { schedule } from '../optim/schedule.ts';
import { tokenizerFingerprint } from '../predict/artifact.ts';
import { type Answers, fitDecision } from '../predict/fit-decision.ts';
import { pooledScores } from '../predict/scores.ts';
import type { Device } from '../runtime/device.ts';
import { engineInfo } from '../runtime/info.ts';
import { peakMemoryBytes } from '../runtime/memory.ts';
import type { PrecisionChoice, SettledConfig } from './choose-precision.ts';
import type { TrainConfig } from './config.ts';
import type { EncodedExamples } from './encoded-examples.ts';
import type { TrainEvent, TrainPlan, TrainResult } from './events.ts';
import type { Prepared } from './prepare.ts';
import type { RunFolder } from './run-folder.ts';
import { advice, nothingKept, type Trainer } from './trainer.ts';
import type { Progress, TrainingCheckpoint } from './training-checkpoint.ts';

/** What a run works with; none of it changes while it runs. */
export interface RunContext {
  readonly config: SettledConfig;
  readonly precision: PrecisionChoice;
  readonly prepared: Prepared;
  readonly folder: RunFolder;
  readonly device: Pick<Device, 'choice' | 'threads'>;
  readonly signal: AbortSignal | undefined;
}

/** The best weights so far, by the validation score. */
interface Best {
  readonly epoch: number;
  readonly validation: Evaluation;
  /** Fitted on validation. */
  readonly decision: Decision;
  readonly tensors: ReadonlyMap<string, Tensor>;
}

const bestProgress = ({ epoch, validation, decision }: Best): Progress['best'] => ({ epoch, validation, decision });

/** What an epoch is chosen by; nothing is worse than a score that is not defined. */
const headline = ({ task, metrics }: Evaluation): number =>
  metrics[primaryMetric(task)]?.value ?? Number.NEGATIVE_INFINITY;

/** What a run is about to do. */
export function planOf(
  {
    config,
    precision,
    prepared,
    folder,
    device,
  }: Pick<RunContext, 'config' | 'precision' | 'prepared' | 'device'> & { readonly folder: Pick<RunFolder, 'dir'> },
  trained: number,
): TrainPlan {
  const { dataset, train, validation, test, baseParameters } = prepared;
  return {
    out: folder.dir,
    base: config.base,
    data: dataset.name,
    task: dataset.task,
    labels: dataset.labels,
    examples: { train: train.length, validation: validation.length, test: test.length },
    truncated: prepared.truncated,
    steps: stepCount(config, prepared),
    epochs: config.epochs,
    learningRate: prepared.learningRate,
    parameters: { trained, total: baseParameters + trained },
    dataReport: formatReport(prepared.report),
    device: device.choice,
    precision,
    ...(config.initFrom && prepared.start ? { start: { from: config.initFrom, head: prepared.start.head } } : {}),
  };
}

/** Settings that may change without changing what a run comes to; base and data are compared by their content. */
const indifferent = [
  ...['base', 'data', 'dataDir', 'validation', 'test', 'initFrom', 'out', 'overwrite', 'checkpointMinutes'],
  ...['device', 'threads', 'gradientCheckpointing', 'track', 'mlflowUri', 'mlflowExperiment'],
];

/** The settings that decide what a run comes to, as JSON has them. */
export const decisiveSettings = (config: TrainConfig): Progress['settings'] =>
  JSON.parse(
    JSON.stringify(Object.fromEntries(Object.entries(config).filter(([name]) => !indifferent.includes(name)))),
  );

/** Examples that are read from disk together to be scored. */
const evaluatedAtOnce = 2048;

function* range(from: number, to: number): Generator<number, void> {
  for (let place = from; place < to; place++) yield place;
}

/** Examples of one optimiser step. */
export const batchSizeOf = ({ batchSize, accumulate }: TrainConfig): number => batchSize * accumulate;

const stepCount = (config: TrainConfig, { train }: Prepared): number =>
  config.epochs * Math.ceil(train.length / batchSizeOf(config));

/**
 * A run in progress. All that decides what comes next is in its fields, and each is brought up to date before the event
 * that tells of it: whenever the consumer stops listening, a checkpoint continues with the next event.
 */
export class Run {
  readonly #context: RunContext;
  readonly #trainer: Trainer;
  #best: Best | undefined;
  #sinceBest = 0;
  /** The epoch in progress, from 1, and how many of its batches are done. */
  #epoch = 1;
  #batch = 0;
  #step = 0;
  #seconds = 0;
  #tokens = 0;
  /** Whether the run's folder holds the weights it should. */
  #saved = false;
  #checkpointAt = performance.now();
  /** Once the best weights are loaded for the test, the trainer no longer stands where the run does. */
  #trained = false;

  constructor(context: RunContext, trainer: Trainer) {
    this.#context = context;
    this.#trainer = trainer;
  }

  /** Whether there is anything to keep: weights that no step has changed are of no use. */
  get #hasLearnt(): boolean {
    return this.#step > 0;
  }

  /** Whether the run's folder lacks what is to be kept. */
  get #isUnsaved(): boolean {
    return !this.#saved && this.#hasLearnt;
  }

  /** Goes on from a checkpoint. */
  async restore({ progress, state, best }: TrainingCheckpoint): Promise<void> {
    await this.#trainer.restore(progress.step, state);
    this.#best = progress.best ? { ...progress.best, tensors: best } : undefined;
    this.#sinceBest = progress.sinceBest;
    this.#epoch = progress.epoch;
    this.#batch = progress.batch;
    this.#step = progress.step;
    this.#seconds = progress.seconds;
    this.#tokens = progress.tokens;
  }

  /**
   * The rest of the run, in order, after what is to be told first. What is not saved yet when the consumer breaks off or a
   * step fails is saved on the way out.
   */
  async *events(first: TrainEvent): AsyncGenerator<TrainEvent, void> {
    let outcome: 'broken off' | 'failed' | 'done' = 'broken off';
    try {
      yield first;
      const reason = yield* this.#epochs();
      if (this.#isUnsaved) yield* this.#save();
      if (reason === 'aborted') yield* this.#checkpoint();
      yield* this.#finish(reason);
      outcome = 'done';
    } catch (error) {
      outcome = 'failed';
      throw error;
    } finally {
      if (outcome !== 'done') await this.#rescue(outcome);
    }
  }

  /** A failure on the way out must not hide the one that led here. After a failed step there is nothing exact to go on from. */
  async #rescue(outcome: 'broken off' | 'failed'): Promise<void> {
    try {
      if (this.#isUnsaved && (this.#best || this.#trainer.isSound)) await this.#write();
      if (outcome === 'broken off' && !this.#trained) await this.#writeCheckpoint();
    } catch (error) {
      if (outcome !== 'failed') throw error;
    }
  }

  async *#epochs(): AsyncGenerator<TrainEvent, TrainResult['reason']> {
    const { config, prepared } = this.#context;
    while (this.#epoch <= config.epochs) {
      if (config.patience !== undefined && this.#sinceBest >= config.patience) return 'early stopping';
      if (yield* this.#steps()) return 'aborted';
      const answers = await this.#answers(prepared.validation);
      if (!answers) return 'aborted';
      yield* this.#endEpoch(answers);
    }
    return 'finished';
  }

  /**
   * The steps of the epoch that are left.
   *
   * @returns whether the run was aborted on the way.
   */
  async *#steps(): AsyncGenerator<TrainEvent, boolean> {
    const { config, prepared, signal } = this.#context;
    const order = random(config.seed).fork('order').fork(this.#epoch);
    const batches = epochBatches(prepared.train.length, batchSizeOf(config), order);
    const total = stepCount(config, prepared);
    const rate = schedule(config.schedule, { total, warmup: Math.ceil(config.warmup * total) });
    while (this.#batch < batches.length) {
      if (signal?.aborted) return true;
      const learningRate = prepared.learningRate * rate(this.#step);
      const from = performance.now();
      const result = await this.#trainer.step(prepared.train.read(batches.at(this.#batch)), learningRate);
      const seconds = (performance.now() - from) / 1000;
      this.#seconds += seconds;
      this.#tokens += result.tokens;
      this.#batch++;
      this.#step++;
      const epoch = this.#epoch - 1 + this.#batch / batches.length;
      yield { type: 'step', step: this.#step, epoch, learningRate, seconds, ...result };
      if (performance.now() - this.#checkpointAt >= config.checkpointMinutes * 60_000) yield* this.#checkpoint();
    }
    return false;
  }

  /** Keeps the weights if they are the best so far, and goes to the next epoch. */
  async *#endEpoch(answers: Answers): AsyncGenerator<TrainEvent, void> {
    const epoch = this.#epoch;
    const { config, prepared } = this.#context;
    const { task, labels } = prepared.dataset;
    const { decision, notes } = fitDecision(task, labels, answers, {
      ...config,
      standardization: prepared.standardization,
    });
    const evaluation = this.#evaluate(answers, decision);
    const best = !this.#best || headline(evaluation) > headline(this.#best.validation);
    if (best) {
      this.#best = { epoch, validation: evaluation, decision, tensors: await this.#trainer.tensors() };
      this.#saved = false;
    }
    this.#sinceBest = best ? 0 : this.#sinceBest + 1;
    this.#epoch++;
    this.#batch = 0;
    yield { type: 'evaluated', split: 'validation', epoch, best, evaluation };
    if (best) for (const message of notes) yield { type: 'warning', message };
    if (!this.#saved) yield* this.#save();
    yield* this.#checkpoint();
  }

  /** A disk that is full now may have room later: the weights stay in memory, and the next chance is taken. */
  async *#save(): AsyncGenerator<TrainEvent, void> {
    try {
      await this.#write();
    } catch (error) {
      yield { type: 'warning', message: `the best weights could not be saved yet: ${(error as Error).message}` };
      return;
    }
    yield { type: 'saved', path: this.#context.folder.dir, step: this.#step };
  }

  /** Without a checkpoint the run goes on; the last good one is still there. */
  async *#checkpoint(): AsyncGenerator<TrainEvent, void> {
    try {
      yield { type: 'checkpoint', path: await this.#writeCheckpoint(), step: this.#step };
    } catch (error) {
      const message = `no checkpoint could be written, the last good one is kept: ${(error as Error).message}`;
      yield { type: 'warning', message };
    }
    this.#checkpointAt = performance.now();
  }

  async #writeCheckpoint(): Promise<string> {
    const { config, folder, prepared, device } = this.#context;
    const progress = {
      version: 1,
      step: this.#step,
      epoch: this.#epoch,
      batch: this.#batch,
      seconds: this.#seconds,
      tokens: this.#tokens,
      sinceBest: this.#sinceBest,
      best: this.#best ? bestProgress(this.#best) : null,
      metricsBytes: await folder.metrics.sync(),
      settings: decisiveSettings(config),
      data: prepared.dataFingerprint,
      base: await prepared.checkpoint.fingerprint(),
      threads: device.threads,
      device: device.choice.provider,
      engine: engineInfo().version,
    } as const;
    const state = await this.#trainer.state();
    return folder.checkpoints.write({ progress, state, best: this.#best?.tensors ?? new Map() });
  }

  async *#finish(reason: TrainResult['reason']): AsyncGenerator<TrainEvent, void> {
    const { config, folder, prepared, signal } = this.#context;
    this.#trained = true;
    let test: Evaluation | undefined;
    if (this.#best && reason !== 'aborted') {
      await this.#trainer.load(this.#best.tensors);
      const answers = await this.#answers(prepared.test);
      const { epoch, decision } = this.#best;
      test = answers && this.#evaluate(answers, decision, { bootstrap: { seed: config.seed } });
      if (test) yield { type: 'evaluated', split: 'test', epoch, best: true, evaluation: test };
    }
    const result: TrainResult = {
      reason: signal?.aborted && !test ? 'aborted' : reason,
      out: folder.dir,
      bestEpoch: this.#best?.epoch,
      validation: this.#best?.validation,
      test,
      decision: this.#best?.decision,
      trainingSeconds: this.#seconds,
      tokensPerSecond: this.#seconds > 0 ? this.#tokens / this.#seconds : 0,
      peakMemoryBytes: peakMemoryBytes(),
    };
    // The last chance: what cannot be saved now is an error, and the checkpoint stays to go on from.
    if (this.#isUnsaved) await this.#write();
    if (this.#hasLearnt) await folder.saveResult(result);
    if (result.reason !== 'aborted') await folder.checkpoints.clear();
    yield { type: 'done', ...result };
  }

  /**
   * What the current weights answer; undefined if the run is aborted on the way.
   *
   * @throws TrainingError if a logit is no number: the last step was too large. The weights before it are kept.
   */
  async #answers(examples: EncodedExamples): Promise<Answers | undefined> {
    const targets: (readonly number[])[] = [];
    const logits: (readonly number[])[] = [];
    const counts: number[] = [];
    for (let at = 0; at < examples.length; at += evaluatedAtOnce) {
      const part = examples.read(range(at, Math.min(at + evaluatedAtOnce, examples.length)));
      const rows = await this.#logits(part.flatMap(({ sequences }) => sequences));
      if (!rows) return undefined;
      for (const row of rows) logits.push(row);
      for (const { sequences, target } of part) {
        counts.push(sequences.length);
        targets.push(target);
      }
    }
    return { targets, logits, counts, pooling: this.#context.config.windowPooling };
  }

  #evaluate(answers: Answers, decision: Decision, options: Pick<EvaluateOptions, 'bootstrap'> = {}): Evaluation {
    const { task, labels } = this.#context.prepared.dataset;
    const { thresholds: threshold, abstainBelow } = decision;
    const scores = pooledScores(task, answers.logits, { ...answers, labels: labels.length, ...decision });
    return evaluate(task, labels, { targets: answers.targets, scores }, { threshold, abstainBelow, ...options });
  }

  /** Logits under the current weights; undefined if the run is aborted on the way. */
  async #logits(sequences: readonly Int32Array[]): Promise<number[][] | undefined> {
    const { prepared, signal } = this.#context;
    const logits = await this.#trainer.logits(sequences, signal).catch((error: unknown) => {
      if (!signal?.aborted) throw error;
    });
    if (logits?.every((row) => row.every(Number.isFinite)) ?? true) return logits ?? undefined;
    const kept = this.#trainer.revert() ? 'the weights before that step are kept' : nothingKept;
    throw new TrainingError(
      `after step ${this.#step} the model answers with what is no number; ${kept}. ${advice(prepared.learningRate)}`,
    );
  }

  /** The best weights so far, or the current ones if none were evaluated. */
  async #write(): Promise<void> {
    const { config, folder, prepared } = this.#context;
    const { base, checkpoint, dataset, reading, report, standardization } = prepared;
    const tensors = this.#best?.tensors ?? (await this.#trainer.tensors());
    const adapter = await this.#trainer.adapter(tensors);
    await folder.saveAdapter(
      { ...adapter, baseModel: base.peft.name, baseRevision: base.peft.revision },
      {
        task: dataset.task,
        labels: dataset.labels,
        ...reading,
        windowPooling: config.windowPooling,
        decision: this.#best?.decision ?? { ...plainDecision(dataset.labels.length), standardization },
        precision: config.precision,
        base: {
          path: base.reference,
          fingerprint: await checkpoint.fingerprint(),
          ...(base.licence === undefined ? {} : { licence: base.licence }),
        },
        tokenizer: { fingerprint: await tokenizerFingerprint(checkpoint.dir) },
        data: { name: dataset.name, licence: report.licence, split: report.split },
      },
    );
    this.#saved = true;
  }
}
