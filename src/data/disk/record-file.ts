import { internal } from '../../core/errors.ts';
import { AppendFile } from './append-file.ts';

/** The bytes read at once when records are read in order. */
const chunkBytes = 1 << 17;
const chunkRecords = 2048;

/** Some records in a row. Valid until the next chunk is asked for: the memory is used again. */
export interface RecordChunk {
  /** The number of its first record. */
  readonly first: number;
  readonly length: number;
  /** Where the records lie; it starts at a multiple of 8 bytes. */
  readonly buffer: Buffer;
  /** Where in `buffer` record `first + k` starts. */
  start(k: number): number;
  end(k: number): number;
  /** Record `first + k` as UTF-8 text. */
  text(k: number): string;
}

/**
 * Records of any length on disk, by number: `path` holds their bytes, `path.ends` where each ends, 8 bytes a record.
 * Written once in order, then read in order by chunks, or any of them by number. Memory does not grow with the records.
 */
export class RecordFile {
  readonly #data: AppendFile;
  readonly #ends: AppendFile;
  #length = 0;

  /** @param onWrite sees all records' bytes in their order, in large pieces. */
  constructor(path: string, onWrite?: (bytes: Uint8Array) => void) {
    this.#data = new AppendFile(path, onWrite);
    this.#ends = new AppendFile(`${path}.ends`);
  }

  get length(): number {
    return this.#length;
  }

  appendText(text: string): void {
    this.#data.appendText(text);
    this.#end();
  }

  appendBytes(bytes: Uint8Array): void {
    this.#data.appendBytes(bytes);
    this.#end();
  }

  #end(): void {
    this.#ends.appendNumber(this.#data.size);
    this.#length++;
  }

  /** Makes all that was appended readable. */
  flush(): void {
    this.#data.flush();
    this.#ends.flush();
  }

  /** The bytes of one record, in memory of their own that starts at a multiple of 8. */
  read(place: number): Buffer {
    if (!(place >= 0 && place < this.#length)) internal(`record ${place} of ${this.#length} in ${this.#data.path}`);
    const [from, to] = this.#bounds(place, 1, new Float64Array(2));
    const bytes = Buffer.allocUnsafeSlow(to! - from!);
    this.#data.read(bytes, from!);
    return bytes;
  }

  /** Where records `first` to `first + count - 1` start, and the end of the last; in the memory given. */
  #bounds(first: number, count: number, into: Float64Array): Float64Array {
    const bounds = into.subarray(0, count + 1);
    const skip = first === 0 ? 1 : 0; // nothing stands before the first record, which starts at 0
    if (skip) bounds[0] = 0;
    const bytes = new Uint8Array(bounds.buffer, bounds.byteOffset, bounds.byteLength);
    this.#ends.read(bytes.subarray(skip * 8), (first - 1 + skip) * 8);
    return bounds;
  }

  /** All records in order, some at a time; {@link RecordFile.flush} first. */
  async *chunks(): AsyncGenerator<RecordChunk, void> {
    let buffer = Buffer.allocUnsafeSlow(chunkBytes);
    const memory = new Float64Array(chunkRecords + 1);
    for (let first = 0; first < this.#length; ) {
      const bounds = this.#bounds(first, Math.min(chunkRecords, this.#length - first), memory);
      for (let i = 0; i < bounds.length - 1; ) {
        let end = i + 1;
        while (end < bounds.length - 1 && bounds[end + 1]! - bounds[i]! <= chunkBytes) end++;
        const size = bounds[end]! - bounds[i]!;
        if (size > buffer.length) buffer = Buffer.allocUnsafeSlow(size);
        await this.#data.readLater(buffer.subarray(0, size), bounds[i]!);
        yield chunkOf(buffer, bounds.subarray(i, end + 1), first + i);
        i = end;
      }
      first += bounds.length - 1;
    }
  }

  close(): void {
    this.#data.close();
    this.#ends.close();
  }
}

function chunkOf(buffer: Buffer, bounds: Float64Array, first: number): RecordChunk {
  const base = bounds[0]!;
  return {
    first,
    length: bounds.length - 1,
    buffer,
    start: (k) => bounds[k]! - base,
    end: (k) => bounds[k + 1]! - base,
    text: (k) => buffer.toString('utf8', bounds[k]! - base, bounds[k + 1]! - base),
  };
}
