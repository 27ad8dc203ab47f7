import { copyFile, mkdir, readdir, rename, rm, rmdir } from 'node:fs/promises';
import { extname, join, resolve } from 'node:path';
import { encode, type FloatDtype } from '../checkpoint/dtype.ts';
import { byteLengthOf } from '../checkpoint/header.ts';
import type { TensorSpec } from '../checkpoint/safetensors.ts';
import { writeCheckpoint } from '../checkpoint/write.ts';
import { ConfigError } from '../core/errors.ts';
import type { Tensor } from '../core/tensor.ts';
import type { HubOptions } from '../hub/options.ts';
import { mergedWeight } from '../lora/merge.ts';
import type { Adapter } from '../lora/peft.ts';
import { isHeadParameter } from '../lora/trained.ts';
import { readWeight } from '../models/weights.ts';
import { loadTokenizer } from '../text/tokenizer.ts';
import { tokenizerFingerprint, writeArtifact } from './artifact.ts';
import { readClassifier, type SavedClassifier } from './saved-classifier.ts';

/** How a merged checkpoint is written. */
export interface MergeOptions {
  /** The base, where it is not where the run found it: a folder, or a model on the Hub. */
  readonly base?: string;
  /** How what is on the Hub is fetched. */
  readonly hub?: HubOptions;
  /** How the weights are stored; default: as in the base. F32 keeps the logits; narrower types round the adapter's changes. */
  readonly dtype?: FloatDtype;
  readonly onProgress?: (writtenBytes: number, totalBytes: number) => void;
}

/**
 * Folds an adapter into its base and writes a plain checkpoint that transformers' AutoModelForSequenceClassification and
 * emotune classify with, tensor by tensor.
 *
 * @throws ConfigError if the folder is not empty, the model is merged already, or transformers would pool another token.
 */
export async function mergeAdapter(model: string, outDir: string, options: MergeOptions = {}): Promise<void> {
  const saved = await readClassifier(model, options);
  const { adapter } = saved;
  if (!adapter) throw new ConfigError(`${model} has no adapter: it is a plain checkpoint already`);
  await checkPadToken(saved);
  await checkVacant(outDir);
  const beside = `${resolve(outDir)}.${process.pid}.tmp`;
  try {
    await writeMerged(beside, saved, adapter, options);
    await rmdir(outDir).catch(() => {}); // an empty one; rename refuses anything else
    await rename(beside, outDir);
  } finally {
    await rm(beside, { recursive: true, force: true });
  }
}

async function checkVacant(dir: string): Promise<void> {
  const inside = await readdir(dir).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw new ConfigError(`${dir} is no folder (${error.code}): choose a new one`);
  });
  if (inside.length > 0) throw new ConfigError(`${dir} is not empty: choose another folder`);
}

async function writeMerged(
  dir: string,
  saved: SavedClassifier,
  adapter: Adapter,
  options: MergeOptions,
): Promise<void> {
  const { checkpoint, settings } = saved;
  await mkdir(dir, { recursive: true });
  for (const file of await readdir(checkpoint.dir))
    if (isTextFile(file)) await copyFile(join(checkpoint.dir, file), join(dir, file));
  const tokenizer = { fingerprint: await tokenizerFingerprint(checkpoint.dir) };
  await writeArtifact(dir, { ...settings, base: null, tokenizer });
  const specs = mergedSpecs(saved, adapter, options.dtype);
  const total = specs.reduce((sum, spec) => sum + byteLengthOf(spec), 0);
  let written = 0;
  await writeCheckpoint(dir, {
    config: mergedConfig(saved, options.dtype),
    specs,
    async produce(spec) {
      const bytes = encode(await mergedTensor(saved, adapter, spec.name), spec.dtype);
      written += bytes.byteLength;
      options.onProgress?.(written, total);
      return bytes;
    },
  });
}

/** Tokenizer, generation settings and the like; not the weights, their index, or config.json, which change. */
const isTextFile = (file: string): boolean =>
  ['.json', '.jinja', '.model', '.txt'].includes(extname(file)) &&
  file !== 'config.json' &&
  !file.endsWith('.index.json');

type FloatSpec = TensorSpec & { readonly dtype: FloatDtype };

/** The base's tensors but a language model's head, and the adapter's head. */
function mergedSpecs(
  { checkpoint }: SavedClassifier,
  { tensors }: Adapter,
  dtype: FloatDtype | undefined,
): FloatSpec[] {
  const head = [...tensors].filter(([name]) => isHeadParameter(name));
  const stored = (name: string) => dtype ?? (checkpoint.tensors.get(name)?.dtype as FloatDtype | undefined) ?? 'F32';
  const body = [...checkpoint.tensors.values()].filter(
    ({ name }) => !name.startsWith('lm_head.') && !tensors.has(name),
  );
  return [
    ...body.map(({ name, shape }) => ({ name, shape })),
    ...head.map(([name, { shape }]) => ({ name, shape })),
  ].map((spec) => ({ ...spec, dtype: stored(spec.name) }));
}

async function mergedTensor({ checkpoint }: SavedClassifier, adapter: Adapter, name: string): Promise<Tensor> {
  const own = adapter.tensors.get(name);
  return own ?? mergedWeight(name, await readWeight(checkpoint, name), adapter);
}

const dtypeNames: Readonly<Record<FloatDtype, string>> = { F32: 'float32', F16: 'float16', BF16: 'bfloat16' };

/** What transformers reads labels, task, padding and precision from. */
function mergedConfig(
  { checkpoint: { config }, spec, settings: { labels, task } }: SavedClassifier,
  dtype: FloatDtype | undefined,
): Record<string, unknown> {
  const { torch_dtype, ...rest } = config;
  return {
    ...rest,
    dtype: dtype ? dtypeNames[dtype] : (config.dtype ?? torch_dtype),
    architectures: [`${spec.className}ForSequenceClassification`],
    problem_type: task === 'ordinal_regression' ? 'regression' : task, // transformers knows no levels
    id2label: Object.fromEntries(labels.map((label, k) => [k, label])),
    label2id: Object.fromEntries(labels.map((label, k) => [label, k])),
    pad_token_id: padToken(config),
  };
}

const padToken = (config: Readonly<Record<string, unknown>>): unknown =>
  config.pad_token_id ?? firstOf(config.eos_token_id);

/** transformers reads a text's last token that is not the pad token: texts must not end in it. */
async function checkPadToken({ checkpoint: { config, dir } }: SavedClassifier): Promise<void> {
  const tokenizer = await loadTokenizer(dir);
  const [ids] = await tokenizer.encode(['a']);
  if (ids!.at(-1) !== padToken(config)) return;
  throw new ConfigError(
    `${dir}: every text ends with token ${ids!.at(-1)}, which is also the pad token: transformers would pool before it. Set another pad_token_id in config.json`,
  );
}

const firstOf = (ids: unknown): unknown => (Array.isArray(ids) ? ids[0] : ids);
