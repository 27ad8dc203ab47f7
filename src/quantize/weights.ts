/** Weights rounded once and kept: a cache beside the checkpoints they were made of. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, readFile, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { makeFolder, writeJson } from '../checkpoint/atomic.ts';
import { type Checkpoint, requireTensors } from '../checkpoint/checkpoint.ts';
import { byteLengthOf } from '../checkpoint/header.ts';
import {
  openSafetensors,
  readTensor,
  type TensorEntry,
  type TensorSpec,
  writeSafetensorsStream,
} from '../checkpoint/safetensors.ts';
import { CheckpointError } from '../core/errors.ts';
import { withLock } from '../hub/lock.ts';
import { freeDiskBytes } from '../runtime/disk.ts';
import type { RoundedPart, Rounding } from './rounding.ts';

/** A weight to be rounded, [out, in]. */
export interface LinearWeight {
  readonly name: string;
  readonly shape: readonly [outputs: number, inputs: number];
}

export interface RoundingOptions {
  readonly rounding: Rounding;
  /** Where rounded weights are kept. */
  readonly cacheDir: string;
  readonly signal?: AbortSignal | undefined;
  /** Bytes that are written, of all: only where they are not in the cache. */
  readonly onProgress?: ((doneBytes: number, totalBytes: number) => void) | undefined;
  /** A line for the user: a wait, a damaged file that is made again. */
  readonly onNotice?: ((line: string) => void) | undefined;
}

/**
 * A checkpoint that also has its linear weights in fewer bits. They are made once, one weight at a time, and kept in the
 * cache under the checkpoint's fingerprint; a file whose SHA-256 is not right is made again.
 *
 * @throws CheckpointError if a weight is missing or there is no room on the disk.
 * @throws ShapeError if a weight's shape cannot be rounded so.
 */
export async function withRoundedWeights(
  checkpoint: Checkpoint,
  weights: readonly LinearWeight[],
  options: RoundingOptions,
): Promise<Checkpoint> {
  requireTensors(checkpoint, weights);
  const parts = weights.flatMap((weight) => partsOf(weight, options.rounding));
  const key = await keyOf(checkpoint, weights, options.rounding);
  const path = join(options.cacheDir, 'weights', `${key}.safetensors`);
  await makeFolder(dirname(path));
  const lock = { signal: options.signal, onWait: waitNotice(options) };
  await withLock(`${path}.lock`, () => ensure(path, checkpoint, { ...options, parts }), lock);
  const { tensors } = await openSafetensors(path);
  return { ...checkpoint, tensors: new Map([...checkpoint.tensors, ...tensors, ...aliases(parts, tensors)]) };
}

const waitNotice =
  ({ onNotice }: RoundingOptions) =>
  (owner: string) =>
    onNotice?.(`waiting for ${owner}, which is rounding the same weights`);

async function keyOf(checkpoint: Checkpoint, weights: readonly LinearWeight[], rounding: Rounding): Promise<string> {
  const { name: precision, format } = rounding;
  const settings = JSON.stringify([precision, format, await checkpoint.fingerprint(), weights.map(({ name }) => name)]);
  return createHash('sha256').update(settings).digest('hex').slice(0, 32);
}

type Making = RoundingOptions & { readonly parts: readonly PartOfWeight[] };

async function ensure(path: string, checkpoint: Checkpoint, options: Making): Promise<void> {
  const known = await recordedHash(path);
  if (known !== undefined) {
    if ((await hashOf(path)) === known) return;
    options.onNotice?.(`${path} is damaged and made again`);
  }
  await removeRemains(path);
  await make(path, checkpoint, options);
}

async function make(
  path: string,
  checkpoint: Checkpoint,
  { parts, rounding, signal, onProgress }: Making,
): Promise<void> {
  const total = parts.reduce((n, { spec }) => n + byteLengthOf(spec), 0);
  const free = await freeDiskBytes(dirname(path));
  if (free < total)
    throw new CheckpointError(
      `${dirname(path)}: the rounded weights take ${gigabytes(total)}, there is room for ${gigabytes(free)}; make room, or let HF_HOME name a folder on another disk`,
    );
  const byName = new Map(parts.map((part) => [part.spec.name, part]));
  let done = 0;
  let current: { readonly weight: string; readonly rounded: readonly Uint8Array[] } | undefined;
  const produce = async ({ name }: TensorSpec): Promise<Uint8Array> => {
    signal?.throwIfAborted();
    const { weight, index } = byName.get(name)!;
    if (current?.weight !== weight)
      current = { weight, rounded: rounding.round(await readTensor(checkpoint.tensors.get(weight)!)) };
    const bytes = current.rounded[index]!;
    done += bytes.byteLength;
    onProgress?.(done, total);
    return bytes;
  };
  await writeSafetensorsStream(
    path,
    parts.map(({ spec }) => spec),
    { produce },
  );
  await writeJson(recordOf(path), { sha256: await hashOf(path), madeOf: checkpoint.dir });
}

interface PartOfWeight {
  readonly weight: string;
  /** Which of the weight's parts. */
  readonly index: number;
  readonly spec: TensorSpec;
  readonly alias: RoundedPart['alias'];
}

const partsOf = ({ name: weight, shape }: LinearWeight, rounding: Rounding): PartOfWeight[] =>
  rounding.parts(shape).map(({ ending, alias, ...stored }, index) => ({
    weight,
    index,
    spec: { name: `${weight}.${ending}`, ...stored },
    alias,
  }));

function aliases(parts: readonly PartOfWeight[], tensors: ReadonlyMap<string, TensorEntry>): [string, TensorEntry][] {
  return parts.flatMap(({ weight, spec, alias }): [string, TensorEntry][] => {
    if (!alias) return [];
    const name = `${weight}.${alias.ending}`;
    return [[name, { ...tensors.get(spec.name)!, name, shape: alias.shape }]];
  });
}

const recordOf = (path: string): string => `${path}.json`;

/** The SHA-256 that is written last: a file without one is not whole. */
async function recordedHash(path: string): Promise<string | undefined> {
  const text = await readFile(recordOf(path), 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    return String((JSON.parse(text) as { sha256?: unknown }).sha256);
  } catch {
    return 'unreadable';
  }
}

async function hashOf(path: string): Promise<string | undefined> {
  const hash = createHash('sha256');
  try {
    for await (const piece of createReadStream(path, { highWaterMark: 2 ** 22 })) hash.update(piece as Buffer);
  } catch {
    return undefined;
  }
  return hash.digest('hex');
}

/** What a killed process left half-written. */
async function removeRemains(path: string): Promise<void> {
  const folder = dirname(path);
  const remains = (await readdir(folder)).filter((f) => f.startsWith(`${basename(path)}.`) && f.endsWith('.tmp'));
  for (const name of remains) await rm(join(folder, name), { force: true });
}

const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(1)} GB`;
