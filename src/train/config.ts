import { z } from 'zod';
import { baselineNames } from '../baselines/names.ts';
import { ConfigError, showIssues } from '../core/errors.ts';
import { listed } from '../core/quoted.ts';
import { tasks } from '../core/task.ts';
import { encodings } from '../data/text-file.ts';
import { loraInits } from '../lora/options.ts';
import { precisions } from '../nn/linear.ts';
import { scheduleNames } from '../optim/schedule.ts';
import { windowPoolings } from '../predict/scores.ts';
import { deviceNames } from '../runtime/provider.ts';
import { longTextRules } from '../text/encoder.ts';
import { promptFormats } from '../text/prompt.ts';

const share = z.number().min(0).max(1);
const decay = z.number().min(0).lt(1);
const count = z.int().min(1);
const perPattern = z.record(z.string(), z.number().positive());

/** Where texts and labels come from: one schema for `train`, `evaluate` and `data`. */
export const dataShape = {
  data: z
    .union([z.string(), z.array(z.string()).min(1)])
    .describe(
      "dataset: a name that `data list` shows, such as 'social-posts', a .csv, .tsv, .jsonl or .parquet file, or a folder made by `data split`; several, separated by commas, are joined",
    ),
  dataDir: z
    .string()
    .optional()
    .describe('folder of datasets that do not come with emotune, such as goemotions/ (default: data)'),
  validation: z.string().optional().describe('separate file of validation rows'),
  test: z.string().optional().describe('separate file of test rows'),
  task: z.enum(tasks).optional().describe('what is predicted (default: seen from the labels)'),
  textColumn: z.string().optional().describe('column of the texts (default: found by its name)'),
  labelColumns: z
    .array(z.string())
    .optional()
    .describe('column of the label, or 0/1 or numeric columns (default: found by name)'),
  idColumn: z.string().optional().describe('column of row ids'),
  splitColumn: z.string().optional().describe('column that says train, validation or test'),
  groupColumn: z
    .string()
    .optional()
    .describe('column of authors, threads or the like: rows with the same value are never in two splits'),
  weightColumn: z
    .string()
    .optional()
    .describe("column of what a row counts in training's loss, such as the annotators' agreement: 0.000001 to 1000000"),
  contextColumn: z
    .string()
    .optional()
    .describe('column of the turns before the text: a JSON array of texts or of {"role": …, "text": …}'),
  dialogueColumn: z
    .string()
    .optional()
    .describe('column that names the dialogue whose turns the rows are, in order: those before a row are its context'),
  contextTurns: count.optional().describe('turns of the dialogue before a row that are its context (default: 4)'),
  labels: z.array(z.string()).optional().describe('the label set in its order; any other label is an error'),
  labelMap: z
    .record(z.string(), z.string())
    .optional()
    .describe('new names of labels, of one dataset as dataset:label=name; nothing after = drops the label'),
  labelSeparator: z.string().optional().describe('separates several labels in a cell'),
  delimiter: z
    .string()
    .length(1)
    .optional()
    .describe('character between the fields of a table, such as ; (default: a comma in .csv, a tab in .tsv)'),
  quoting: z
    .boolean()
    .optional()
    .describe(
      'whether quotes hold fields together (default: yes); with --no-quoting they are characters like any other',
    ),
  encoding: z
    .enum(encodings)
    .optional()
    .describe('how the characters of a file are written (default: as its byte order mark says, else utf-8)'),
  strict: z.boolean().default(false).describe('stop at malformed rows instead of skipping them'),
};

/** The part of a configuration that says what data to load. */
export const dataSchema = z.object({ ...dataShape, seed: z.int().default(0) });

const shape = {
  model: z
    .enum(baselineNames)
    .optional()
    .describe('a classical baseline in place of a base with LoRA, on the same data'),
  base: z
    .string()
    .default('nano')
    .describe(
      "base model: 'nano' (comes with emotune), a folder in Hugging Face's layout, or a model on the Hub: organisation/name, with @revision if need be",
    ),
  ...dataShape,
  out: z.string().optional().describe('folder of the run (default: a new one under runs/)'),
  overwrite: z.boolean().default(false).describe('replace a run that is already in the out folder'),
  seed: z
    .int()
    .min(0)
    .max(0xffffffff)
    .default(0)
    .describe('seed of the split, the initial adapter, the order and the dropout'),
  limit: count.optional().describe('train on the first N examples only'),
  maxLength: count.default(256).describe('most tokens read at once, the prompt included'),
  longTexts: z
    .enum(longTextRules)
    .default('truncate')
    .describe(
      'texts longer than that: drop their end (counted and reported), or read them in windows and pool the scores',
    ),
  windowOverlap: z.int().min(0).default(32).describe('tokens that neighbouring windows share'),
  windowPooling: z.enum(windowPoolings).default('mean').describe('how the scores of windows become those of the text'),
  promptFormat: z
    .enum(promptFormats)
    .default('plain')
    .describe("how turns are written: 'plain' lines, or the chat format a base was trained on"),
  instruction: z.string().default('').describe('system message of a chat format, or first line of a plain prompt'),
  promptPrefix: z.string().default('').describe('put before every text; saved with the model'),
  promptSuffix: z.string().default('').describe('put after every text; saved with the model'),

  precision: z
    .enum([...precisions, 'auto'])
    .default('fp32')
    .describe(
      'how the frozen weights are held and computed with: fp32; fp16, on GPUs; int8, which is faster and smaller; int4, which is smallest; or (auto) the fastest that fits here. Rounded weights are kept in the cache',
    ),

  rank: count.default(16).describe('LoRA rank'),
  alpha: z.number().positive().optional().describe('LoRA alpha (default: 2 × rank)'),
  dropout: z.number().min(0).lt(1).default(0).describe('LoRA dropout'),
  targetModules: z
    .array(z.string())
    .default(['all-linear'])
    .describe("modules with LoRA: 'all-linear' or names such as q_proj,v_proj"),
  layers: z.array(z.int().min(0)).optional().describe('only these layers, by number (default: all)'),
  rankPattern: perPattern.optional().describe('ranks of modules whose path ends in a pattern'),
  alphaPattern: perPattern.optional().describe('alphas of modules whose path ends in a pattern'),
  rslora: z.boolean().default(false).describe('scale by alpha / √rank'),
  dora: z.boolean().default(false).describe('weight-decomposed LoRA'),
  initLora: z
    .enum(loraInits)
    .default('default')
    .describe('how A and B start: A random and B zero, or (pissa) as the principal part of each weight'),
  initFrom: z
    .string()
    .optional()
    .describe(
      'train the adapter of an earlier run or a PEFT folder further; its base and LoRA settings are taken over',
    ),

  epochs: count.default(3).describe('passes over the training data'),
  batchSize: count.default(16).describe('examples of one optimiser step'),
  accumulate: count.default(1).describe('multiplies batchSize, as gradient accumulation does elsewhere'),
  microBatchTokens: count.default(2048).describe('tokens computed at once: bounds memory, does not change the result'),
  gradientCheckpointing: z
    .boolean()
    .default(false)
    .describe(
      'compute the layers a second time in the backward pass: a third more time, little memory beside the weights',
    ),
  optimizer: z.enum(['adamw', 'sgd']).default('adamw').describe('update rule'),
  learningRate: z
    .number()
    .positive()
    .optional()
    .describe('peak learning rate (default: 2e-4 · √(4096 / hidden size); 25 times that for sgd)'),
  loraPlusRatio: z
    .number()
    .min(1)
    .optional()
    .describe('LoRA+: train B with this many times the learning rate of A (default: both alike)'),
  schedule: z.enum(scheduleNames).default('linear').describe('course of the learning rate after warm-up'),
  warmup: share.default(0.06).describe('share of the steps in which the learning rate rises'),
  weightDecay: z.number().min(0).default(0).describe('weight decay of every trained tensor'),
  beta1: decay.default(0.9).describe('AdamW β₁'),
  beta2: decay.default(0.999).describe('AdamW β₂'),
  epsilon: z.number().positive().default(1e-8).describe('AdamW ε'),
  momentum: share.default(0.9).describe('momentum of sgd'),
  maxGradNorm: z.number().min(0).default(1).describe('clip the gradient to this norm; 0 for no clipping'),
  labelSmoothing: share.default(0).describe('share of the target spread over all classes (single-label)'),
  classWeights: z
    .enum(['none', 'balanced'])
    .default('none')
    .describe('weigh rare classes up: n / (K · n_k); for multi-label: negatives / positives, at most 20'),
  balance: z
    .enum(['none', 'oversample', 'undersample'])
    .default('none')
    .describe('repeat or drop training examples until all classes are equally frequent'),
  patience: count.optional().describe('stop after this many epochs without a better validation score'),
  focalGamma: z
    .number()
    .min(0)
    .default(0)
    .describe('focal loss: how much less the examples count that are easy already (2 is usual; 0: cross entropy)'),
  threshold: z
    .number()
    .gt(0)
    .lt(1)
    .optional()
    .describe(
      'multi-label: probability from which a label is given (default: for each label the one with the best F1 on validation)',
    ),
  temperature: z
    .number()
    .positive()
    .optional()
    .describe('divides the logits of labels (default: the one under which the validation labels are likeliest)'),
  minPrecision: z
    .number()
    .gt(0)
    .lt(1)
    .optional()
    .describe('give a label only where this share of such labels is right on validation; else none'),
  checkpointMinutes: z
    .number()
    .positive()
    .default(5)
    .describe(
      'minutes between checkpoints, from which an interrupted run goes on; one is written after every epoch, too',
    ),
  device: z
    .enum(deviceNames)
    .default('cpu')
    .describe('what computes: the processor, a GPU by WebGPU or CUDA, or (auto) the fastest that works here'),
  threads: count.optional().describe('threads of the engine on the processor (default: all cores)'),
  prefixCache: z
    .enum(['off', 'auto', 'on'])
    .default('off')
    .describe(
      'compute the layers below the lowest adapter once, and keep what they give on disk for every epoch and run: off, auto (where there are such layers, and more than one epoch), on',
    ),

  track: z
    .array(z.enum(['tensorboard', 'mlflow']))
    .optional()
    .describe('where the run can be followed: tensorboard (event files in its folder), mlflow (a server)'),
  mlflowUri: z.string().optional().describe('address of the MLflow server (default: MLFLOW_TRACKING_URI)'),
  mlflowExperiment: z
    .string()
    .min(1)
    .default('emotune')
    .describe('experiment on the MLflow server; MLFLOW_EXPERIMENT_NAME is the default where it is set'),
};

/** Everything a training run can be told: one schema for flags, YAML, defaults and the documentation. */
export const trainSchema = z.strictObject(shape);
/** A complete configuration: every default filled in. */
export type TrainConfig = z.output<typeof trainSchema>;
/** What {@link train} takes: only `data` must be given. */
export type TrainOptions = z.input<typeof trainSchema>;

/** The settings that a baseline has; all others are LoRA's. */
export const baselineKeys: ReadonlySet<string> = new Set([
  ...['model', ...Object.keys(dataShape), 'out', 'overwrite', 'seed', 'limit', 'classWeights', 'balance'],
  ...['threshold', 'temperature', 'minPrecision'],
  ...['track', 'mlflowUri', 'mlflowExperiment'],
]);

/** @throws ConfigError naming the options that a baseline does not have. */
function refuseLoraOptions(model: string, options: object): void {
  const given = Object.entries(options).flatMap(([key, value]) => (value === undefined ? [] : [key]));
  const idle = given.filter((key) => !baselineKeys.has(key));
  if (idle.length > 0)
    throw new ConfigError(`${listed(idle, 8)}: not for model ${model}, which has no base and no LoRA; leave it out`);
}

/**
 * Checks options and fills in the defaults.
 *
 * @throws ConfigError naming every option that cannot be used.
 */
export function parseTrainConfig(options: unknown): TrainConfig {
  const parsed = trainSchema.safeParse(options);
  if (parsed.success && parsed.data.dora && !['fp32', 'auto'].includes(parsed.data.precision))
    throw new ConfigError(
      `dora reads the norms of the base's weights, which precision ${parsed.data.precision} does not have exactly: set precision fp32, or leave dora out`,
    );
  if (parsed.success && parsed.data.model !== undefined) refuseLoraOptions(parsed.data.model, options as object);
  if (parsed.success) return parsed.data;
  throw new ConfigError(`the configuration cannot be used: ${showIssues(parsed.error.issues)}`);
}
