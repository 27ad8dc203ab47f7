/** Reading and writing safetensors files: https://huggingface.co/docs/safetensors. */
import { type FileHandle, open, realpath } from 'node:fs/promises';
import { CheckpointError } from '../core/errors.ts';
import type { Tensor } from '../core/tensor.ts';
import { replaceFile } from './atomic.ts';
import { decode, encode, type FloatDtype, storedAs } from './dtype.ts';
import {
  byteLengthOf,
  damaged,
  formatHeader,
  type Header,
  headerLength,
  parseHeader,
  type TensorEntry,
  type TensorSpec,
} from './header.ts';

export type { TensorEntry, TensorSpec } from './header.ts';

export interface SafetensorsFile extends Header {
  /** The real path: symlinks are resolved. */
  readonly path: string;
}

/** One read call moves less than 2 GiB. */
const maxReadBytes = 2 ** 30;

/**
 * Reads and checks the header of a safetensors file; its tensors stay on the disk.
 *
 * @throws CheckpointError if the file cannot be read, is cut short, or its header is damaged.
 */
export async function openSafetensors(path: string): Promise<SafetensorsFile> {
  return withFile(path, async (file, real) => {
    const { size } = await file.stat();
    const start = await readBytes(file, real, { offset: 0, byteLength: Math.min(8, size) });
    const headerBytes = headerLength(new Uint8Array(start), size, path);
    const json = Buffer.from(await readBytes(file, real, { offset: 8, byteLength: headerBytes })).toString('utf8');
    const offset = 8 + headerBytes;
    return { path: real, ...parseHeader(json, { file: real, offset, byteLength: size - offset }) };
  });
}

/**
 * Reads a whole tensor. F16, BF16 and F64 become float32; I64 becomes int32.
 *
 * @throws CheckpointError if the file has changed, an I64 does not fit, or the type has no counterpart in memory.
 */
export async function readTensor(entry: TensorEntry): Promise<Tensor> {
  const bytes = await withFile(entry.file, (file) => readBytes(file, entry.file, entry));
  return decode(entry.dtype, bytes, entry.shape, `${entry.file}: ${entry.name}`);
}

/** The raw bytes of part of a tensor, `[from, to)` counted from its first byte. */
export async function readRange(entry: TensorEntry, from: number, to: number): Promise<ArrayBuffer> {
  return withFile(entry.file, (file) =>
    readBytes(file, entry.file, { offset: entry.offset + from, byteLength: to - from }),
  );
}

/**
 * Reads only the given rows of a matrix, in the given order, repeats included: row i of the result is `rows[i]`.
 * Each row is read once, neighbours in one go; for the embeddings of a batch from a table of gigabytes.
 *
 * Shapes: entry [N, D], rows [R] → [R, D]
 *
 * @throws CheckpointError if the tensor is not a float matrix or has no such row.
 */
export async function readRows(entry: TensorEntry, rows: ArrayLike<number>): Promise<Float32Array<ArrayBuffer>> {
  const where = `${entry.file}: ${entry.name} [${entry.shape.join(', ')}]`;
  const [count, width] = entry.shape;
  if (count === undefined || width === undefined || entry.shape.length !== 2)
    throw new CheckpointError(`${where}: rows can only be read from a matrix`);
  const wanted = Array.from(rows);
  const bad = wanted.find((row) => !Number.isInteger(row) || row < 0 || row >= count);
  if (bad !== undefined)
    throw new CheckpointError(`${where}: there is no row ${bad}; does the tokenizer belong to this model?`);

  const distinct = [...new Set(wanted)].sort((a, b) => a - b);
  const rowBytes = entry.byteLength / count;
  const bytes = new ArrayBuffer(distinct.length * rowBytes);
  await withFile(entry.file, (file) =>
    Promise.all(
      runs(distinct).map(({ at, row, length }) =>
        readInto({ bytes, at: at * rowBytes, length: length * rowBytes }, file, {
          path: entry.file,
          offset: entry.offset + row * rowBytes,
        }),
      ),
    ),
  );
  const { data } = decode(entry.dtype, bytes, [distinct.length, width], where);
  if (!(data instanceof Float32Array)) throw new CheckpointError(`${where}: ${entry.dtype} values are not floats`);

  const at = new Map(distinct.map((row, i) => [row, i]));
  const out = new Float32Array(wanted.length * width); // [R, D]
  wanted.forEach((row, i) => {
    const from = at.get(row)! * width;
    out.set(data.subarray(from, from + width), i * width);
  });
  return out;
}

export interface WriteOptions {
  /** Free text pairs of the header. Default `{format: 'pt'}`, which Hugging Face's loaders insist on. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/**
 * Writes named tensors (a Map, or pairs) in the given order; float32 values as `dtype` (default F32), rounded to
 * nearest-even. The file appears whole or not at all.
 */
export async function writeSafetensors(
  path: string,
  tensors: Iterable<readonly [name: string, tensor: Tensor]>,
  options: WriteOptions & { readonly dtype?: FloatDtype } = {},
): Promise<void> {
  const floats = options.dtype ?? 'F32';
  const byName = new Map(tensors);
  const specs = [...byName].map(([name, { dtype, shape }]) => ({ name, dtype: storedAs(dtype, floats), shape }));
  await writeSafetensorsStream(path, specs, { ...options, produce: ({ name }) => encode(byName.get(name)!, floats) });
}

export interface StreamOptions<S extends TensorSpec> extends WriteOptions {
  /** The bytes of a tensor, whole or in pieces. A piece is on the disk before the next is asked for: its memory can be reused. */
  readonly produce: (spec: S) => Uint8Array | Promise<Uint8Array> | AsyncIterable<Uint8Array>;
}

/** Writes a file that need not fit in memory: the header from `specs`, then each tensor as `produce` yields it. */
export async function writeSafetensorsStream<S extends TensorSpec>(
  path: string,
  specs: readonly S[],
  { metadata = { format: 'pt' }, produce }: StreamOptions<S>,
): Promise<void> {
  const header = formatHeader(specs, metadata);
  await replaceFile(path, async (file) => {
    await file.writeFile(header);
    for (const spec of specs) {
      let written = 0;
      for await (const piece of pieces(produce(spec))) {
        await file.writeFile(piece);
        written += piece.byteLength;
      }
      if (written !== byteLengthOf(spec))
        throw new CheckpointError(
          `${path}: ${spec.name} ${spec.dtype} [${spec.shape.join(', ')}] takes ${byteLengthOf(spec)} bytes, got ${written}`,
        );
    }
  });
}

async function* pieces(produced: Uint8Array | Promise<Uint8Array> | AsyncIterable<Uint8Array>) {
  if (Symbol.asyncIterator in produced) yield* produced;
  else yield await produced;
}

/** Opens the real file behind `path` for the time of `use`. */
async function withFile<T>(path: string, use: (file: FileHandle, real: string) => Promise<T>): Promise<T> {
  const [file, real] = await openReal(path);
  try {
    return await use(file, real);
  } finally {
    await file.close();
  }
}

async function openReal(path: string): Promise<[FileHandle, string]> {
  try {
    const real = await realpath(path);
    return [await open(real, 'r'), real];
  } catch (cause) {
    throw new CheckpointError(`${path}: cannot be opened (${(cause as Error).message})`, { cause });
  }
}

async function readBytes(
  file: FileHandle,
  path: string,
  { offset, byteLength }: { readonly offset: number; readonly byteLength: number },
): Promise<ArrayBuffer> {
  const bytes = new ArrayBuffer(byteLength);
  await readInto({ bytes, at: 0, length: byteLength }, file, { path, offset });
  return bytes;
}

/** Fills part of a buffer from the file, by views of at most 1 GiB: the buffer may be larger than a view can be. */
async function readInto(
  target: { readonly bytes: ArrayBuffer; readonly at: number; readonly length: number },
  file: FileHandle,
  source: { readonly path: string; readonly offset: number },
): Promise<void> {
  for (let done = 0; done < target.length; ) {
    const view = new Uint8Array(target.bytes, target.at + done, Math.min(maxReadBytes, target.length - done));
    const { bytesRead } = await file.read(view, 0, view.length, source.offset + done);
    if (bytesRead === 0) throw damaged(source.path, `it ends at byte ${source.offset + done}, inside a tensor`);
    done += bytesRead;
  }
}

/** Maximal runs of consecutive numbers in an ascending list: `row`, `row + 1`, … lie from index `at` on. */
function runs(rows: readonly number[]): { at: number; row: number; length: number }[] {
  const out: { at: number; row: number; length: number }[] = [];
  rows.forEach((row, at) => {
    const last = out.at(-1);
    if (last && row === last.row + last.length) last.length++;
    else out.push({ at, row, length: 1 });
  });
  return out;
}
