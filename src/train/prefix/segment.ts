import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { openSafetensors, readTensor, writeSafetensorsStream } from '../../checkpoint/safetensors.ts';
import { CheckpointError } from '../../core/errors.ts';
import type { TensorData } from '../../core/tensor.ts';
import { rowBytes } from './rows.ts';

/** What the states of a cache belong to. */
export interface SegmentOwner {
  /** Tells base, layer and format: {@link cacheKey}. */
  readonly key: string;
  /** Values of a state. */
  readonly width: number;
}

/** A text in a segment. */
export interface StoredText {
  /** Half of its hash each. */
  readonly high: number;
  readonly low: number;
  readonly tokens: number;
  /** Of its rows. */
  readonly checksum: number;
  /** Of its rows in the file. */
  readonly offset: number;
}

/** 64 bits that tell one text's token ids from another's. */
export function hashOf(ids: Int32Array): readonly [high: number, low: number] {
  const digest = createHash('sha256').update(bytesOf(ids)).digest();
  return [digest.readUInt32LE(0), digest.readUInt32LE(4)];
}

export const checksumOf = (rows: Uint8Array): number => crc32(rows);

/**
 * Writes the states of some texts: a safetensors file that appears whole or not at all.
 *
 *     texts      U32 [M, 3]      the two halves of each text's hash, its tokens
 *     rows       I16 [N, C + 1]  the states of all tokens, as {@link encodeRows} gives them
 *     checksums  U32 [M]         CRC-32 of each text's rows
 *
 * The header has the owner's key and the SHA-256 of `texts`.
 *
 * @param rows of one text after the other, in pieces that hold whole texts.
 */
export async function writeSegment(
  path: string,
  texts: readonly Int32Array[],
  { key, width, rows }: SegmentOwner & { readonly rows: () => AsyncIterable<Int16Array> },
): Promise<void> {
  const table = Uint32Array.from(texts.flatMap((ids) => [...hashOf(ids), ids.length]));
  const checksums = new Uint32Array(texts.length);
  const tokens = texts.reduce((n, { length }) => n + length, 0);
  async function* summed(): AsyncGenerator<Uint8Array, void> {
    let text = 0;
    for await (const piece of rows()) {
      const bytes = bytesOf(piece);
      for (let at = 0; at < bytes.length; text++) {
        const end = at + texts[text]!.length * rowBytes(width);
        checksums[text] = checksumOf(bytes.subarray(at, end));
        at = end;
      }
      yield bytes;
    }
  }
  const produce = {
    texts: () => Promise.resolve(bytesOf(table)),
    rows: summed,
    checksums: async () => bytesOf(checksums),
  };
  await writeSafetensorsStream(
    path,
    [
      { name: 'texts', dtype: 'U32', shape: [texts.length, 3] },
      { name: 'rows', dtype: 'I16', shape: [tokens, width + 1] },
      { name: 'checksums', dtype: 'U32', shape: [texts.length] },
    ] as const,
    { metadata: { key, texts: sha256(table) }, produce: ({ name }) => produce[name]() },
  );
}

/**
 * What texts a segment holds. Their rows are not looked at: each has its checksum.
 *
 * @throws CheckpointError if the file is damaged, or of another owner.
 */
export async function readSegment(path: string, { key, width }: SegmentOwner): Promise<StoredText[]> {
  const { metadata, tensors } = await openSafetensors(path);
  const [texts, rows, checksums] = ['texts', 'rows', 'checksums'].map((name) => tensors.get(name));
  if (metadata.key !== key || !texts || !rows || !checksums || rows.shape[1] !== width + 1)
    throw new CheckpointError(`${path}: holds no states of these layers`);
  const { data: table } = await readTensor(texts);
  if (sha256(table) !== metadata.texts) throw new CheckpointError(`${path}: its list of texts is damaged`);
  const { data: sums } = await readTensor(checksums);
  let offset = rows.offset;
  return Array.from(sums, (checksum, i) => {
    const [high, low, tokens] = table.subarray(3 * i, 3 * i + 3) as unknown as [number, number, number];
    const text = { high, low, tokens, checksum, offset };
    offset += tokens * rowBytes(width);
    return text;
  });
}

const bytesOf = ({ buffer, byteOffset, byteLength }: TensorData | Int16Array | Int32Array): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);
const sha256 = (table: TensorData): string => createHash('sha256').update(bytesOf(table)).digest('hex');
