import type { Hash } from 'node:crypto';
import { RecordFile } from '../data/disk/record-file.ts';
import type { WorkFolder } from '../data/disk/work-folder.ts';
import { type Example, type Examples, inParts } from '../data/example.ts';
import type { Encoder } from '../text/encoder.ts';
import type { EncodedExample } from './trainer.ts';

/** Examples as the engine takes them, on disk: nothing of them stays in memory but what is read. */
export interface EncodedExamples<T extends EncodedExample = EncodedExample> {
  readonly length: number;
  /** The examples at `places` (from 0), in the order asked for. */
  read(places: Iterable<number>): T[];
}

/** What one split was turned into. */
export interface EncodedSplit extends EncodedExamples {
  /** Texts that were cut. */
  readonly truncated: number;
}

export interface EncodeOptions {
  readonly encoder: Pick<Encoder, 'encode'>;
  readonly work: WorkFolder;
  /** Of the working file. */
  readonly name: string;
  /** Takes in all that is written. */
  readonly hash: Hash;
  /** Only these examples, in this order. Default: all. */
  readonly places?: Uint32Array | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Examples that are tokenised at once: the native side's encodings are large, and live until V8 collects. */
const chunkSize = 64;

/** Encodes examples chunk by chunk into a working file. */
export async function encodeExamples(examples: Examples, options: EncodeOptions): Promise<EncodedSplit> {
  const { encoder, work, name, hash, signal } = options;
  const file = work.keep(new RecordFile(work.path(name), (bytes) => hash.update(bytes)));
  let truncated = 0;
  for await (const chunk of inParts(examples, options.places, chunkSize)) {
    signal?.throwIfAborted();
    const encoded = await encoder.encode(chunk);
    for (const [i, example] of chunk.entries()) {
      file.appendBytes(toRecord(example, encoded[i]!.sequences));
      if (encoded[i]!.truncated) truncated++;
    }
  }
  file.flush();
  return {
    length: file.length,
    truncated,
    read: (places) => Array.from(places, (place) => fromRecord(file.read(place))),
  };
}

/**
 * An encoded example as bytes; numbers as this machine has them, since no other reads them:
 *
 *     K and the number of sequences (uint32 each) · weight, target [K] (float64) · length of each sequence, their ids
 *     (int32) · id (UTF-8)
 */
function toRecord({ id, target, weight = 1 }: Example, sequences: readonly Int32Array[]): Uint8Array {
  const name = Buffer.from(id);
  const idCount = sequences.reduce((n, ids) => n + ids.length, 0);
  const doublesAt = 8;
  const integersAt = doublesAt + 8 * (1 + target.length);
  const nameAt = integersAt + 4 * (sequences.length + idCount);
  const buffer = new ArrayBuffer(nameAt + name.length);
  new Uint32Array(buffer, 0, 2).set([target.length, sequences.length]);
  new Float64Array(buffer, doublesAt, 1 + target.length).set([weight, ...target]);
  const integers = new Int32Array(buffer, integersAt, sequences.length + idCount);
  let at = sequences.length;
  for (const [s, ids] of sequences.entries()) {
    integers[s] = ids.length;
    integers.set(ids, at);
    at += ids.length;
  }
  const bytes = new Uint8Array(buffer);
  bytes.set(name, nameAt);
  return bytes;
}

function fromRecord(bytes: Buffer): EncodedExample & { readonly weight: number } {
  const { buffer, byteOffset } = bytes;
  const [labels, count] = new Uint32Array(buffer, byteOffset, 2) as unknown as [number, number];
  const [weight, ...target] = new Float64Array(buffer, byteOffset + 8, 1 + labels) as unknown as [number, ...number[]];
  let at = byteOffset + 8 * (2 + labels);
  const lengths = new Int32Array(buffer, at, count);
  at += 4 * count;
  const sequences = Array.from(lengths, (length) => {
    const ids = new Int32Array(buffer, at, length);
    at += 4 * length;
    return ids;
  });
  const id = Buffer.from(buffer, at, byteOffset + bytes.length - at).toString('utf8');
  return { id, sequences, target, weight };
}
