import { dirname, relative, sep } from 'node:path';
import { type Checkpoint, requireTensors } from '../checkpoint/checkpoint.ts';
import { readRows, readTensor, type TensorEntry } from '../checkpoint/safetensors.ts';
import { CheckpointError, internal } from '../core/errors.ts';
import { float32, sizeOf, type Tensor } from '../core/tensor.ts';
import type { Graph } from '../graph/graph.ts';
import { type DType, elementBytes } from '../graph/shape.ts';
import type { ParameterSource } from '../onnx/emit.ts';
import { EMBEDDING } from './decoder.ts';
import type { DecoderSpec } from './registry.ts';

/** The folder all weights files lie in, by their real paths: the runtime reads them there. */
export function weightsFolder({ dir, tensors }: Checkpoint): string {
  const folders = [...new Set(Array.from(tensors.values(), ({ file }) => dirname(file)))];
  let common = folders[0] ?? dir;
  const holds = (folder: string) =>
    folders.every((f) => f === folder || f.startsWith(folder.endsWith(sep) ? folder : folder + sep));
  while (!holds(common)) {
    if (dirname(common) === common)
      throw new CheckpointError(
        `${dir}: its weights lie on different drives (${folders.join(', ')}); put them into one folder`,
      );
    common = dirname(common);
  }
  return common;
}

/** A tensor of the checkpoint, to be used in place. */
export function fileSource(checkpoint: Checkpoint, name: string): ParameterSource {
  const entry = entryOf(checkpoint, name);
  const { dtype } = entry;
  if (dtype !== 'F32' && dtype !== 'F16' && dtype !== 'BF16' && dtype !== 'I8' && dtype !== 'U8')
    throw new CheckpointError(`${checkpoint.dir}: ${name} is stored as ${dtype}; emotune reads F32, F16 and BF16`);
  return {
    kind: 'file',
    location: relative(weightsFolder(checkpoint), entry.file),
    offset: entry.offset,
    byteLength: entry.byteLength,
    dtype,
  };
}

/** A tensor of the checkpoint, read as float32. */
export const readWeight = (checkpoint: Checkpoint, name: string): Promise<Tensor> =>
  readTensor(entryOf(checkpoint, name));

const entryOf = ({ tensors, dir }: Checkpoint, name: string): TensorEntry =>
  tensors.get(name) ?? internal(`${dir} was not checked to have ${name}`);

/** How many values a checkpoint holds. */
export const parameterCount = ({ tensors }: Checkpoint): number =>
  Array.from(tensors.values(), ({ shape }) => sizeOf(shape)).reduce((a, b) => a + b, 0);

/** A weight as a graph reads it. */
export interface StoredWeight {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
}

/** What a graph reads from a checkpoint: its parameters, but those that are given in another way. */
export const storedWeights = (graph: Graph, isGiven: (name: string) => boolean): StoredWeight[] =>
  [...graph.parameters]
    .filter(([name]) => !isGiven(name))
    .map(([name, { shape, dtype }]) => ({ name, dtype, shape: shape.map(Number) }));

/** Of weights larger than this, one copy is held: another would cost more memory than it gains time. */
const SMALL_BYTES = 2 ** 31;

/** Whether weights may be held more than once: repacked for the kernels, and by more than one session. */
export const fitTwice = (weights: readonly StoredWeight[]): boolean =>
  weights.reduce((bytes, weight) => bytes + heldBytes(weight), 0) <= SMALL_BYTES;

/**
 * Whether the engine is to repack weights for its kernels. Those of int4 always: products with them as they are stored are several times
 * slower, and the repacked blocks replace the others.
 */
export const wantPrepacking = (weights: readonly StoredWeight[]): boolean =>
  fitTwice(weights) || weights.some(({ name }) => name.endsWith('.int4.blocks'));

/** Bytes of a frozen weight as the engine holds it: floats widened to float32, beside those that are read in half precision. */
export const heldBytes = ({ dtype, shape }: StoredWeight): number =>
  (dtype === 'float16' ? elementBytes.float16 + elementBytes.float32 : elementBytes[dtype]) * sizeOf(shape);

/**
 * Looks up what the first layer of a graph takes of packed texts, for its input `embeddings`.
 *
 * @param ids of all the texts, one after the other. [N] → [N, C]
 */
export type InputLookup = (ids: Int32Array, texts: readonly Int32Array[]) => Promise<Tensor>;

/** Looks up rows of the embedding table for token ids. [N] → [N, C] */
export type EmbeddingLookup = (ids: Int32Array) => Promise<Tensor>;

/** Tables up to this size are read whole; of larger ones, the rows a batch needs. */
const IN_MEMORY_BYTES = 128 * 2 ** 20;

/** What the embedding table takes in memory: all of it in float32, or nothing. */
export function embeddingBytes({ config: { vocab_size, hidden_size } }: DecoderSpec): number {
  const bytes = 4 * vocab_size * hidden_size;
  return bytes <= IN_MEMORY_BYTES ? bytes : 0;
}

/** The embedding table of a checkpoint stays outside the graph: a batch needs few of its rows. */
export async function openEmbeddings(checkpoint: Checkpoint, spec: DecoderSpec): Promise<EmbeddingLookup> {
  const { config } = spec;
  const name = `${EMBEDDING}.weight`;
  const [rows, width] = [config.vocab_size, config.hidden_size];
  requireTensors(checkpoint, [{ name, shape: [rows, width] }]);
  const entry = entryOf(checkpoint, name);
  const whole = embeddingBytes(spec) > 0 ? await readTensor(entry) : undefined;
  return async (ids) => {
    const outside = ids.find((id) => id < 0 || id >= rows);
    if (outside !== undefined)
      throw new CheckpointError(
        `${checkpoint.dir}: token ${outside} is not in the embedding table of ${rows} rows; do tokenizer and model belong together?`,
      );
    if (!whole) return float32(await readRows(entry, ids), [ids.length, width]);
    const out = new Float32Array(ids.length * width);
    for (const [i, id] of ids.entries()) out.set(whole.data.subarray(id * width, (id + 1) * width), i * width);
    return float32(out, [ids.length, width]);
  };
}
