import { createHash } from 'node:crypto';
import { type Checkpoint, openCheckpoint } from '../checkpoint/checkpoint.ts';
import type { Standardization } from '../core/decision.ts';
import { ConfigError } from '../core/errors.ts';
import { hasValues, type Task } from '../core/task.ts';
import type { Tensor } from '../core/tensor.ts';
import { classWeights, countLabels, type LabelCounts, oversample, posWeights, undersample } from '../data/balance.ts';
import { openWorkFolder, type WorkFolder } from '../data/disk/work-folder.ts';
import { type Dataset, type SplitName, targetsAt } from '../data/example.ts';
import { loadDataset } from '../data/load.ts';
import type { DataReport } from '../data/report.ts';
import type { LoraOptions } from '../lora/options.ts';
import type { Base } from '../models/base.ts';
import { type DecoderSpec, describeModel } from '../models/registry.ts';
import { parameterCount } from '../models/weights.ts';
import { adamw } from '../optim/adamw.ts';
import type { Optimizer } from '../optim/optimizer.ts';
import { sgd } from '../optim/sgd.ts';
import type { SavedAdapter } from '../predict/saved-adapter.ts';
import { type Encoder, openEncoder, type Reading } from '../text/encoder.ts';
import { loadTokenizer } from '../text/tokenizer.ts';
import { dataSchema, type TrainConfig } from './config.ts';
import { initialCutpoints } from './cutpoints.ts';
import { type EncodedExamples, type EncodedSplit, encodeExamples } from './encoded-examples.ts';
import { loraOptions } from './lora-options.ts';
import { prefixLayer } from './prefix/demand.ts';
import { fitStandardization } from './standardization.ts';
import { lossTarget, type TargetOptions } from './targets.ts';
import type { TrainExample } from './trainer.ts';
import { type WarmStart, warmStart } from './warm-start.ts';

/** Everything a run works on, loaded and checked before anything is computed. */
export interface Prepared {
  readonly base: Base;
  readonly checkpoint: Checkpoint;
  readonly spec: DecoderSpec;
  readonly dataset: Pick<Dataset, 'name' | 'task' | 'labels'>;
  readonly report: DataReport;
  readonly train: EncodedExamples<TrainExample>;
  readonly validation: EncodedExamples;
  readonly test: EncodedExamples;
  readonly truncated: number;
  readonly reading: Reading;
  /** {@link Encoder.leastLength} */
  readonly leastLength: number;
  readonly learningRate: number;
  readonly lora: LoraOptions;
  /** How many values the base holds. */
  readonly baseParameters: number;
  /** {@link prefixLayer} */
  readonly prefixLayer: number | undefined;
  readonly optimizer: Optimizer;
  readonly posWeight: readonly number[] | undefined;
  /** Ordinal: where the cutpoints start. [K, J] */
  readonly cutpoints: Tensor | undefined;
  /** Regression: what is learnt instead of the values. */
  readonly standardization: Standardization | undefined;
  /** SHA-256 of what is trained and evaluated on: task and labels, then ids, tokens, targets and weights, in order. */
  readonly dataFingerprint: string;
  readonly start: WarmStart | undefined;
  /** Removes the working files that the examples are read from. */
  close(): Promise<void>;
}

export interface PrepareOptions {
  readonly base: Base;
  /** Default: opened in the base's folder. */
  readonly checkpoint?: Checkpoint;
  /**
   * For the encoded examples until {@link Prepared.close}; what a killed process left there is replaced. Default: among the
   * system's temporary files.
   */
  readonly workFolder?: string;
  /** The adapter to train further, whose settings the configuration has. */
  readonly from?: SavedAdapter | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Loads and encodes the data, resolves what the configuration leaves open.
 *
 * @throws the signal's reason once it is aborted.
 */
export async function prepare(
  config: TrainConfig,
  { base, workFolder, from, signal, ...given }: PrepareOptions,
): Promise<Prepared> {
  const checkpoint = given.checkpoint ?? (await openCheckpoint(base.dir));
  const spec = describeModel(checkpoint.config);
  const reading = readingOf(config, spec);
  const lora = loraOptions(config, spec);
  const layer = prefixLayer(config, spec, lora);
  const encoder = await openEncoder(await loadTokenizer(checkpoint.dir), reading);
  const work = await openWorkFolder(workFolder);
  try {
    const data = await prepareData(config, { encoder, work, from, signal });
    return {
      base,
      checkpoint,
      spec,
      reading,
      leastLength: encoder.leastLength,
      learningRate: config.learningRate ?? defaultLearningRate(config, spec),
      lora,
      baseParameters: parameterCount(checkpoint),
      prefixLayer: layer,
      optimizer: optimizerOf(config),
      ...data,
      close: () => work.close(),
    };
  } catch (error) {
    await work.close();
    throw error;
  }
}

type PreparedData = Pick<
  Prepared,
  | 'dataset'
  | 'report'
  | 'train'
  | 'validation'
  | 'test'
  | 'truncated'
  | 'posWeight'
  | 'cutpoints'
  | 'standardization'
  | 'start'
  | 'dataFingerprint'
>;

/** Loads the data, chooses what is trained on, and encodes it; the dataset's own working files are gone afterwards. */
async function prepareData(
  config: TrainConfig,
  {
    encoder,
    work,
    from,
    signal,
  }: { readonly encoder: Encoder; readonly work: WorkFolder } & Pick<PrepareOptions, 'from' | 'signal'>,
): Promise<PreparedData> {
  const { dataset, report } = await loadDataset({ ...dataSchema.parse(config), workFolder: work.path('dataset') });
  try {
    const { name, task, labels, splits } = dataset;
    checkTask(task, config);
    const selection = await selectExamples(dataset, config);
    const counts = await countLabels(splits.train, labels.length, selection);
    const cutpoints =
      task === 'ordinal_regression' ? await initialCutpoints(splits.train, labels, selection) : undefined;
    const start = from && warmStart(from, { task, labels }, cutpoints?.shape[1]);
    const fitted =
      task === 'regression' ? await fitStandardization(targetsAt(splits.train, selection), labels.length) : undefined;
    const { standardization } = start?.own ?? { standardization: fitted };
    const hash = createHash('sha256').update(JSON.stringify([task, labels]));
    const encode = (split: SplitName, places?: Uint32Array) =>
      encodeExamples(splits[split], { encoder, work, name: split, hash, places, signal });
    const train = await encode('train', selection && withoutRepeats(selection));
    const [validation, test] = [await encode('validation'), await encode('test')];
    return {
      dataset: { name, task, labels },
      report,
      train: withLoss(train, {
        task,
        selection,
        options: {
          ...targetOptions(counts, { task, labels }, config),
          cutpoints: cutpoints?.shape[1],
          standardization,
        },
      }),
      cutpoints,
      standardization,
      start,
      validation,
      test,
      truncated: train.truncated + validation.truncated + test.truncated,
      posWeight:
        task === 'multi_label_classification' && config.classWeights === 'balanced'
          ? posWeights(counts, labels)
          : undefined,
      dataFingerprint: hash.digest('hex'),
    };
  } finally {
    await dataset.close();
  }
}

export function checkTask(task: Task, config: TrainConfig): void {
  const single = task === 'single_label_classification';
  const refuse = (option: string, why: string) => {
    throw new ConfigError(`${option} does not go with ${task}: ${why}`);
  };
  if (config.labelSmoothing > 0 && !single)
    refuse('labelSmoothing', 'it spreads a target over classes of which one holds; leave it out');
  if (config.classWeights === 'balanced' && hasValues(task))
    refuse('classWeights', 'values have no classes; leave it out');
  if (config.focalGamma > 0 && hasValues(task))
    refuse('focalGamma', 'values are not easy or hard to classify; leave it out');
  if (config.threshold !== undefined && task !== 'multi_label_classification')
    refuse('threshold', 'only where a text can hold several labels is each given by itself; leave it out');
  if (config.threshold !== undefined && config.minPrecision !== undefined)
    refuse('threshold', 'minPrecision chooses the thresholds; give one of the two');
  if (config.temperature !== undefined && hasValues(task))
    refuse('temperature', 'it is for the probabilities of labels; leave it out');
  if (config.minPrecision !== undefined && hasValues(task))
    refuse('minPrecision', 'values are not right or wrong; leave it out');
}

/** The places in the train split of the examples that are trained on, repeats last; undefined for all of them, once. */
export async function selectExamples(
  { splits, task }: Dataset,
  { balance, seed, limit }: TrainConfig,
): Promise<Uint32Array | undefined> {
  if (balance === 'oversample') return oversample(splits.train, { task, seed, limit });
  if (balance === 'undersample') return undersample(splits.train, { task, seed, limit });
  if (limit === undefined || limit >= splits.train.length) return undefined;
  return Uint32Array.from({ length: limit }, (_, place) => place);
}

/** Places in ascending order up to where they start to repeat. */
function withoutRepeats(selection: Uint32Array): Uint32Array {
  const end = selection.findIndex((place, i) => i > 0 && place <= selection[i - 1]!);
  return end < 0 ? selection : selection.subarray(0, end);
}

interface LossOptions {
  readonly task: Task;
  readonly selection: Uint32Array | undefined;
  readonly options: TargetOptions;
}

/** The examples of training: each as often as it was selected, with what the loss takes for it. */
function withLoss(encoded: EncodedSplit, { task, selection, options }: LossOptions): EncodedExamples<TrainExample> {
  const repeats = selection && selection.length > encoded.length; // then every example stands first in its own place
  return {
    length: selection?.length ?? encoded.length,
    read: (places) =>
      encoded
        .read(repeats ? Array.from(places, (place) => selection[place]!) : places)
        .map((example) => ({ ...example, loss: lossTarget(task, example.target, options) })),
  };
}

function targetOptions(
  counts: LabelCounts,
  { task, labels }: Pick<Dataset, 'task' | 'labels'>,
  { labelSmoothing, classWeights: weights }: TrainConfig,
): TargetOptions {
  const weighted = task === 'single_label_classification' && weights === 'balanced';
  return { labelSmoothing, ...(weighted ? { classWeights: classWeights(counts, labels) } : {}) };
}

function readingOf(config: TrainConfig, spec: DecoderSpec): Reading {
  const { promptFormat: format, instruction, promptPrefix: prefix, promptSuffix: suffix } = config;
  const { longTexts, windowOverlap } = config;
  const maxLength = Math.min(config.maxLength, spec.contextLength);
  return { maxLength, prompt: { format, instruction, prefix, suffix }, longTexts, windowOverlap };
}

/** Wider models want smaller steps: 2·10⁻⁴ at Llama-3-8B's width, growing as 1/√width below. */
function defaultLearningRate({ optimizer }: TrainConfig, { config }: DecoderSpec): number {
  return 2e-4 * Math.sqrt(4096 / config.hidden_size) * (optimizer === 'sgd' ? 25 : 1);
}

function optimizerOf(config: TrainConfig): Optimizer {
  const { weightDecay } = config;
  if (config.optimizer === 'sgd') return sgd({ momentum: config.momentum, weightDecay });
  return adamw({ betas: [config.beta1, config.beta2], eps: config.epsilon, weightDecay });
}
