/**
 * The TFRecord format, in which TensorBoard's event files are written. A record is
 *
 *     length  uint64, little-endian
 *     masked CRC-32C of the length  uint32
 *     data  length bytes
 *     masked CRC-32C of the data  uint32
 *
 * @see https://www.tensorflow.org/tutorials/load_data/tfrecord#tfrecords_format_details
 */
import { createReadStream } from 'node:fs';
import { crc32c } from './crc32c.ts';

const HEADER = 12;
const FOOTER = 4;

/** A checksum of data that itself holds checksums is weak, so they are rotated and shifted. */
function maskedCrc(bytes: Uint8Array): number {
  const crc = crc32c(bytes);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

/** Data as a record. */
export function frame(data: Uint8Array): Uint8Array {
  const record = Buffer.alloc(HEADER + data.length + FOOTER);
  record.writeBigUInt64LE(BigInt(data.length), 0);
  record.writeUInt32LE(maskedCrc(record.subarray(0, 8)), 8);
  record.set(data, HEADER);
  record.writeUInt32LE(maskedCrc(data), HEADER + data.length);
  return record;
}

/** The data of a file's records, up to the first that is damaged or not whole: what a killed writer leaves ends so. */
export async function* readRecords(path: string): AsyncGenerator<Uint8Array, void> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    rest = Buffer.concat([rest, chunk]);
    for (;;) {
      const record = firstRecord(rest);
      if (record === 'damaged') return;
      if (record === 'not whole') break;
      yield record;
      rest = rest.subarray(HEADER + record.length + FOOTER);
    }
  }
}

function firstRecord(bytes: Buffer): Uint8Array | 'damaged' | 'not whole' {
  if (bytes.length < HEADER) return 'not whole';
  if (bytes.readUInt32LE(8) !== maskedCrc(bytes.subarray(0, 8))) return 'damaged';
  const end = HEADER + Number(bytes.readBigUInt64LE(0));
  if (bytes.length < end + FOOTER) return 'not whole';
  const data = bytes.subarray(HEADER, end);
  return bytes.readUInt32LE(end) === maskedCrc(data) ? data : 'damaged';
}
