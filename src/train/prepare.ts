import { createHash } from 'node:crypto';
import { type Checkpoint, openCheckpoint } from '../checkpoint/checkpoint.ts';
import { ConfigError } from '../core/errors.ts';
import { classWeights, oversample, posWeights, undersample } from '../data/balance.ts';
import { type Dataset, type Example, type PerSplit, perSplit } from '../data/example.ts';
import { loadDataset } from '../data/load.ts';
import type { DataReport } from '../data/report.ts';
import type { LoraOptions } from '../lora/options.ts';
import type { Base } from '../models/base.ts';
import { type DecoderSpec, describeModel } from '../models/registry.ts';
import { adamw } from '../optim/adamw.ts';
import type { Optimizer } from '../optim/optimizer.ts';
import { sgd } from '../optim/sgd.ts';
import type { SavedAdapter } from '../predict/saved-adapter.ts';
import { type Encoder, openEncoder, type Reading } from '../text/encoder.ts';
import { loadTokenizer } from '../text/tokenizer.ts';
import { dataSchema, type TrainConfig } from './config.ts';
import { loraOptions } from './lora-options.ts';
import { lossTarget, type TargetOptions } from './targets.ts';
import type { EncodedExample, TrainExample } from './trainer.ts';
import { type WarmStart, warmStart } from './warm-start.ts';

/** Everything a run works on, loaded and checked before anything is computed. */
export interface Prepared {
  readonly base: Base;
  readonly checkpoint: Checkpoint;
  readonly spec: DecoderSpec;
  readonly dataset: Dataset;
  readonly report: DataReport;
  readonly train: readonly TrainExample[];
  readonly validation: readonly EncodedExample[];
  readonly test: readonly EncodedExample[];
  readonly truncated: number;
  readonly reading: Reading;
  readonly learningRate: number;
  readonly lora: LoraOptions;
  readonly optimizer: Optimizer;
  readonly posWeight: readonly number[] | undefined;
  /** SHA-256 of what is trained on: ids, tokens and targets, in order. */
  readonly dataFingerprint: string;
  readonly start: WarmStart | undefined;
}

/**
 * Loads and encodes the data, resolves what the configuration leaves open.
 *
 * @param from the adapter to train further, whose settings the configuration has.
 */
export async function prepare(config: TrainConfig, base: Base, from?: SavedAdapter): Promise<Prepared> {
  const checkpoint = await openCheckpoint(base.dir);
  const spec = describeModel(checkpoint.config);
  const tokenizer = await loadTokenizer(checkpoint.dir);
  const { dataset, report } = await loadDataset(dataSchema.parse(config));
  checkTask(dataset, config);
  const train = balanced(dataset.splits.train.slice(0, config.limit), dataset, config);
  const reading = readingOf(config, spec);
  const encoded = await encodeSplits({ ...dataset.splits, train }, await openEncoder(tokenizer, reading));
  const targets = targetOptions(train, dataset, config);
  const hash = createHash('sha256');
  for (const { id, sequences, target } of encoded.train.texts)
    hash.update(JSON.stringify([id, sequences.map((ids) => [...ids]), target]));
  return {
    dataFingerprint: hash.digest('hex'),
    base,
    checkpoint,
    spec,
    dataset,
    report,
    reading,
    train: encoded.train.texts.map((e) => ({ ...e, loss: lossTarget(dataset.task, e.target, targets) })),
    validation: encoded.validation.texts,
    test: encoded.test.texts,
    truncated: encoded.train.truncated + encoded.validation.truncated + encoded.test.truncated,
    learningRate: config.learningRate ?? defaultLearningRate(config, spec),
    lora: loraOptions(config, spec),
    optimizer: optimizerOf(config),
    start: from && warmStart(from, dataset),
    posWeight:
      dataset.task === 'multi_label_classification' && config.classWeights === 'balanced'
        ? posWeights(train, dataset.labels)
        : undefined,
  };
}

function checkTask({ task }: Dataset, config: TrainConfig): void {
  const single = task === 'single_label_classification';
  const refuse = (option: string, why: string) => {
    throw new ConfigError(`${option} does not go with ${task}: ${why}`);
  };
  if (config.labelSmoothing > 0 && !single)
    refuse('labelSmoothing', 'it spreads a target over classes of which one holds; leave it out');
  if (config.classWeights === 'balanced' && task === 'regression')
    refuse('classWeights', 'values have no classes; leave it out');
}

function balanced(train: readonly Example[], { task }: Dataset, { balance, seed }: TrainConfig): readonly Example[] {
  if (balance === 'oversample') return oversample(train, { task, seed });
  return balance === 'undersample' ? undersample(train, { task, seed }) : train;
}

async function encodeSplits(splits: PerSplit<readonly Example[]>, encoder: Encoder) {
  const encode = async (examples: readonly Example[]) => {
    const encoded = await encoder.encode(examples);
    return {
      texts: examples.map(({ id, target }, i) => ({ id, target, sequences: encoded[i]!.sequences })),
      truncated: encoded.filter((e) => e.truncated).length,
    };
  };
  const [train, validation, test] = [
    await encode(splits.train),
    await encode(splits.validation),
    await encode(splits.test),
  ];
  return perSplit((name) => ({ train, validation, test })[name]);
}

function targetOptions(train: readonly Example[], { task, labels }: Dataset, config: TrainConfig): TargetOptions {
  const weighted = task === 'single_label_classification' && config.classWeights === 'balanced';
  return { labelSmoothing: config.labelSmoothing, ...(weighted ? { classWeights: classWeights(train, labels) } : {}) };
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
