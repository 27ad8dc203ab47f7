import { setImmediate as nextTurn } from 'node:timers/promises';

import { AppendFile } from './append-file.ts';

const bucketBits = 8;
const bucketCount = 1 << bucketBits;
const blockWords = 512;

/** Called with an array and where in it a record starts. */
export type VisitRecord = (words: Uint32Array, at: number) => void;

/** The records of one bucket, in the order they were added; may be gone through more than once. */
export interface Bucket {
  /** How many records it has. */
  readonly size: number;
  each(visit: VisitRecord): void;
}

/**
 * Records of a few 32-bit words, dealt to 256 buckets by the top bits of their first word, a hash: whatever has the same
 * hash is in the same bucket, and a bucket of ten million records has 40,000. So equal items are found bucket by bucket,
 * in linear time and in memory that hardly grows (Grace hash join).
 *
 * One file holds the buckets' blocks of 2 KiB in the order they filled; memory, one open block for each bucket.
 */
export class Partition {
  readonly #file: AppendFile;
  readonly #width: number;
  readonly #open = new Uint32Array(bucketCount * blockWords);
  readonly #used = new Uint32Array(bucketCount);
  readonly #blocks: number[][] = Array.from({ length: bucketCount }, () => []);
  readonly #blockSize: number;
  readonly #block: Uint32Array;
  #written = 0;
  #size = 0;

  /** @param width words of a record. */
  constructor(path: string, width: number) {
    this.#file = new AppendFile(path);
    this.#width = width;
    this.#blockSize = Math.floor(blockWords / width) * width;
    this.#block = new Uint32Array(this.#blockSize);
  }

  /** How many records there are. */
  get size(): number {
    return this.#size;
  }

  /** Adds the record that starts at word `at`. */
  add(words: Uint32Array, at = 0): void {
    const bucket = words[at]! >>> (32 - bucketBits);
    const start = bucket * blockWords;
    if (this.#used[bucket] === this.#blockSize) this.#writeBlock(bucket);
    const to = start + this.#used[bucket]!;
    for (let i = 0; i < this.#width; i++) this.#open[to + i] = words[at + i]!;
    this.#used[bucket]! += this.#width;
    this.#size++;
  }

  #writeBlock(bucket: number): void {
    this.#file.appendBytes(new Uint8Array(this.#open.buffer, bucket * blockWords * 4, this.#blockSize * 4));
    this.#blocks[bucket]!.push(this.#written++);
    this.#used[bucket] = 0;
  }

  /** All buckets, one after the other; the event loop gets a turn between them. */
  async *buckets(): AsyncGenerator<Bucket, void> {
    this.#file.flush();
    for (let bucket = 0; bucket < bucketCount; bucket++) {
      if (this.#used[bucket] === 0) continue; // the open block of a bucket with records is never empty
      const words = this.#blocks[bucket]!.length * this.#blockSize + this.#used[bucket]!;
      yield { size: words / this.#width, each: (visit) => this.#each(bucket, visit) };
      await nextTurn();
    }
  }

  #each(bucket: number, visit: VisitRecord): void {
    const block = this.#block;
    for (const number of this.#blocks[bucket]!) {
      this.#file.read(new Uint8Array(block.buffer), number * this.#blockSize * 4);
      for (let at = 0; at < block.length; at += this.#width) visit(block, at);
    }
    const start = bucket * blockWords;
    for (let at = start; at < start + this.#used[bucket]!; at += this.#width) visit(this.#open, at);
  }

  close(): void {
    this.#file.close();
  }
}
