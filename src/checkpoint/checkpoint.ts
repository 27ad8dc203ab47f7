/** A model's folder in Hugging Face's layout: config.json beside one safetensors file or several with an index. */
import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { CheckpointError } from '../core/errors.ts';
import { openSafetensors, readRange, type SafetensorsFile, type TensorEntry } from './safetensors.ts';

export interface Checkpoint {
  readonly dir: string;
  /** config.json, unchecked. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  /** {@link fingerprint} of the tensors, read once. */
  fingerprint(): Promise<string>;
}

const singleFile = 'model.safetensors';
const indexFile = 'model.safetensors.index.json';

/**
 * Opens a checkpoint: reads config.json and the headers of the weights, not the weights.
 *
 * @throws CheckpointError if the folder, its config or any of its weights is missing or damaged; all bad files at once.
 */
export async function openCheckpoint(dir: string): Promise<Checkpoint> {
  const files = await listFolder(dir);
  if (!files.includes('config.json'))
    throw new CheckpointError(`${dir}: no config.json; is this a model's folder in Hugging Face's layout?`);
  return openCheckpointOf(dir, () => openWeights(dir, files));
}

/** {@link openCheckpoint} with tensors that are known otherwise, since the weights are not there yet. */
export async function openCheckpointOf(
  dir: string,
  weights: () => Promise<Checkpoint['tensors']>,
): Promise<Checkpoint> {
  const config = await readJsonObject(join(dir, 'config.json'));
  const tensors = await weights();
  let known: Promise<string> | undefined;
  return {
    dir,
    config,
    tensors,
    fingerprint() {
      known ??= fingerprint(tensors.values());
      return known;
    },
  };
}

/**
 * Tells one set of weights from another without reading all of it.
 *
 *     SHA-256 over the tensors sorted by name (code units), for each:
 *       UTF-8 of JSON [name, dtype, [shape]] and a newline, then its first and its last 4096 bytes (all, twice, if fewer)
 *
 * in lower-case hexadecimal. How the tensors are ordered or cut into shards, and the rest of the folder, do not matter.
 * A change that keeps both ends of every tensor is not seen: this identifies a base, it does not guard against malice.
 */
async function fingerprint(tensors: Iterable<TensorEntry>): Promise<string> {
  const hash = createHash('sha256');
  const sorted = [...tensors].sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const entry of sorted) {
    const { name, dtype, shape, byteLength } = entry;
    hash.update(`${JSON.stringify([name, dtype, shape])}\n`);
    hash.update(new Uint8Array(await readRange(entry, 0, Math.min(4096, byteLength))));
    hash.update(new Uint8Array(await readRange(entry, Math.max(0, byteLength - 4096), byteLength)));
  }
  return hash.digest('hex');
}

/**
 * Checks that tensors are there with the shapes a model wants.
 *
 * @throws CheckpointError listing every missing and every misshapen tensor (the first 20 in full).
 */
export function requireTensors(
  { dir, tensors }: Pick<Checkpoint, 'dir' | 'tensors'>,
  wanted: Iterable<{ readonly name: string; readonly shape: readonly number[] }>,
): void {
  const problems: string[] = [];
  for (const { name, shape } of wanted) {
    const found = tensors.get(name);
    if (!found) problems.push(`${name} [${shape.join(', ')}] is missing`);
    else if (found.shape.join() !== shape.join())
      problems.push(`${name} is [${found.shape.join(', ')}], not [${shape.join(', ')}]`);
  }
  if (problems.length > 0) throw new CheckpointError(`${dir}: the weights do not fit config.json:${bullets(problems)}`);
}

async function openWeights(dir: string, files: readonly string[]): Promise<ReadonlyMap<string, TensorEntry>> {
  if (files.includes(indexFile)) return openShards(dir);
  if (files.includes(singleFile)) return (await openSafetensors(join(dir, singleFile))).tensors;
  const pickled = files.filter((file) => /\.(bin|pth|pt)$/.test(file));
  const hint = pickled.length
    ? `it has ${pickled.join(', ')}, which are Python pickles and not read here: save the model with transformers' \`save_pretrained\`, or download its safetensors files`
    : "download the model's safetensors files";
  throw new CheckpointError(`${dir}: no weights: neither ${singleFile} nor ${indexFile}; ${hint}`);
}

/**
 * The names of the shards that an index lists.
 *
 * @throws CheckpointError if it cannot be read, or names what is no file of its folder.
 */
export async function shardNames(index: string): Promise<string[]> {
  return [...new Set((await readIndex(index)).values())];
}

const readIndex = async (index: string): Promise<ReadonlyMap<string, string>> =>
  parseWeightMap((await readJsonObject(index)).weight_map, index);

async function openShards(dir: string): Promise<ReadonlyMap<string, TensorEntry>> {
  const index = join(dir, indexFile);
  const shardOf = await readIndex(index);
  const names = [...new Set(shardOf.values())];
  const opened = await Promise.allSettled(names.map((name) => openSafetensors(join(dir, name))));
  const failed = opened.flatMap((result) => (result.status === 'rejected' ? [result.reason.message as string] : []));
  if (failed.length > 0)
    throw new CheckpointError(
      `${dir}: ${failed.length} of ${names.length} shards are missing or damaged:${bullets(failed)}`,
    );

  const shards = new Map(names.map((name, i) => [name, (opened[i] as PromiseFulfilledResult<SafetensorsFile>).value]));
  const tensors = new Map<string, TensorEntry>();
  const absent: string[] = [];
  for (const [name, shard] of shardOf) {
    const entry = shards.get(shard)!.tensors.get(name);
    if (entry) tensors.set(name, entry);
    else absent.push(`${name} is not in ${shard}`);
  }
  if (absent.length > 0) throw new CheckpointError(`${index}: names tensors that their shards lack:${bullets(absent)}`);
  return tensors;
}

function parseWeightMap(map: unknown, index: string): ReadonlyMap<string, string> {
  const entries = typeof map === 'object' && map !== null ? Object.entries(map) : [];
  if (entries.length === 0) throw new CheckpointError(`${index}: no weight_map; download it again`);
  // A shard's name is a file of this folder, never a way out of it.
  const bad = entries.find(([, shard]) => typeof shard !== 'string' || shard !== basename(shard));
  if (bad) throw new CheckpointError(`${index}: ${JSON.stringify(bad[1])} (for ${bad[0]}) is not a file's name`);
  return new Map(entries);
}

async function listFolder(dir: string): Promise<readonly string[]> {
  const found = await stat(dir).catch(() => undefined);
  if (!found) throw new CheckpointError(`${dir}: no such folder; give the folder of a downloaded model`);
  if (!found.isDirectory())
    throw new CheckpointError(`${dir}: not a folder; give the folder that has config.json in it`);
  return readdir(dir);
}

async function readJsonObject(path: string): Promise<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(await readFile(path, 'utf8'));
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error('not an object');
    return value as Record<string, unknown>;
  } catch (cause) {
    throw new CheckpointError(`${path}: cannot be read as a JSON object: ${(cause as Error).message}`, { cause });
  }
}

function bullets(lines: readonly string[]): string {
  const shown = lines.slice(0, 20).map((line) => `\n  ${line}`);
  return shown.join('') + (lines.length > 20 ? `\n  … and ${lines.length - 20} more` : '');
}
