/** The JSON header of a safetensors file: 8 bytes of length, the header, then the data it describes. */
import { CheckpointError } from '../core/errors.ts';
import { sizeOf } from '../core/tensor.ts';
import { type Dtype, dtypeBytes, isDtype } from './dtype.ts';

/** What a tensor is called and how it is stored. */
export interface TensorSpec {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
}

/** Where a tensor's bytes lie: `byteLength` bytes from `offset` on in `file`, a real path (no symlink). */
export interface TensorEntry extends TensorSpec {
  readonly file: string;
  readonly offset: number;
  readonly byteLength: number;
}

export interface Header {
  readonly metadata: Readonly<Record<string, string>>;
  readonly tensors: ReadonlyMap<string, TensorEntry>;
}

/** The region of `file` that the header's offsets count from. */
export interface DataRegion {
  readonly file: string;
  readonly offset: number;
  readonly byteLength: number;
}

export const byteLengthOf = ({ dtype, shape }: Pick<TensorSpec, 'dtype' | 'shape'>): number =>
  sizeOf(shape) * dtypeBytes[dtype];

/** The limit of the reference implementation. */
const maxHeaderBytes = 100_000_000;

/**
 * The length of the header's JSON, from the first bytes of a file.
 *
 * @throws CheckpointError if it cannot be that of a file of this size.
 */
export function headerLength(start: Uint8Array, fileBytes: number, file: string): number {
  if (start.length < 8) throw damaged(file, `it has ${fileBytes} bytes`);
  if (Buffer.from(start.subarray(0, 8)).toString('latin1') === 'version ')
    throw damaged(file, 'it is a Git LFS pointer, not the weights (run `git lfs pull`)');
  const length = Number(new DataView(start.buffer, start.byteOffset).getBigUint64(0, true));
  if (length > fileBytes - 8 || length > maxHeaderBytes)
    throw damaged(file, `its header would have ${length} bytes, the file has ${fileBytes}`);
  return length;
}

/**
 * Parses and checks a header. Gaps between tensors are accepted, overlaps are not.
 *
 * @throws CheckpointError that names the file, and the tensor where there is one.
 */
export function parseHeader(json: string, data: DataRegion): Header {
  const fields = parseObject(json, data.file);
  const { __metadata__: metadata = {}, ...rest } = fields;
  if (!isObject(metadata) || !Object.values(metadata).every((value) => typeof value === 'string'))
    throw damaged(data.file, '__metadata__ is not an object of strings');
  const entries = Object.entries(rest).map(([name, field]) => parseEntry(name, field, data));
  rejectOverlaps(entries, data.file);
  return {
    metadata: metadata as Record<string, string>,
    tensors: new Map(entries.map((entry) => [entry.name, entry])),
  };
}

/** The first bytes of a file with these tensors one after another: length and header, padded with spaces to 8 bytes. */
export function formatHeader(
  specs: readonly TensorSpec[],
  metadata: Readonly<Record<string, string>>,
): Uint8Array<ArrayBuffer> {
  // A Map, since an object would move keys such as "0" to the front.
  const fields = new Map<string, unknown>();
  if (Object.keys(metadata).length > 0) fields.set('__metadata__', metadata);
  let begin = 0;
  for (const spec of specs) {
    if (fields.has(spec.name)) throw new CheckpointError(`two tensors of one file are called ${spec.name}`);
    const end = begin + byteLengthOf(spec);
    fields.set(spec.name, { dtype: spec.dtype, shape: spec.shape, data_offsets: [begin, end] });
    begin = end;
  }
  const json = `{${[...fields].map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(',')}}`;
  const text = new TextEncoder().encode(json);
  const bytes = new Uint8Array(8 + Math.ceil(text.length / 8) * 8).fill(0x20);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(bytes.length - 8), true);
  bytes.set(text, 8);
  return bytes;
}

export const damaged = (file: string, why: string, cause?: unknown): CheckpointError =>
  new CheckpointError(`${file}: not a usable safetensors file: ${why}; download or export it again`, { cause });

function parseObject(json: string, file: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (cause) {
    throw damaged(file, `its header is not JSON (${(cause as Error).message})`, cause);
  }
  if (!isObject(value)) throw damaged(file, 'its header is not a JSON object');
  return value;
}

function parseEntry(name: string, field: unknown, data: DataRegion): TensorEntry {
  const fail = (why: string) => damaged(data.file, `tensor ${name}: ${why}`);
  if (!isObject(field)) throw fail('its description is not an object');
  const { dtype, shape, data_offsets: range } = field;
  if (!isDtype(dtype)) throw fail(`unknown dtype ${JSON.stringify(dtype)}`);
  if (!isCounts(shape)) throw fail(`its shape is ${JSON.stringify(shape)}`);
  if (!isCounts(range) || range.length !== 2) throw fail(`its data_offsets are ${JSON.stringify(range)}`);
  const [begin, end] = range as [number, number];
  if (begin > end || end > data.byteLength)
    throw fail(`bytes ${begin} to ${end} are not within the ${data.byteLength} bytes of data; the file is cut short`);
  const wanted = byteLengthOf({ dtype, shape });
  if (end - begin !== wanted)
    throw fail(`${dtype} [${shape.join(', ')}] takes ${wanted} bytes, its range ${begin} to ${end} has ${end - begin}`);
  return { name, dtype, shape, file: data.file, offset: data.offset + begin, byteLength: wanted };
}

function rejectOverlaps(entries: readonly TensorEntry[], file: string): void {
  const sorted = entries.filter((entry) => entry.byteLength > 0).sort((a, b) => a.offset - b.offset);
  for (let i = 1; i < sorted.length; i++) {
    const [before, after] = [sorted[i - 1]!, sorted[i]!];
    if (after.offset < before.offset + before.byteLength)
      throw damaged(file, `tensors ${before.name} and ${after.name} overlap`);
  }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isCounts = (value: unknown): value is number[] =>
  Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= 0);
