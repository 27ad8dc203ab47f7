import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { crc32c } from './crc32c.ts';
import { frame, readRecords } from './tfrecord.ts';

const folder = mkdtempSync(join(tmpdir(), 'emotune-tfrecord-'));
const path = join(folder, 'records');
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

async function readAll(bytes: Uint8Array): Promise<string[]> {
  writeFileSync(path, bytes);
  const records: string[] = [];
  for await (const record of readRecords(path)) records.push(hex(record));
  return records;
}

describe('CRC-32C', () => {
  const ascending = Uint8Array.from({ length: 32 }, (_, i) => i);
  it.each([
    ['nothing', new Uint8Array(0), 0],
    ['123456789', Buffer.from('123456789'), 0xe3069283],
    ['32 zeros (RFC 3720)', new Uint8Array(32), 0x8a9136aa],
    ['32 × 0xff (RFC 3720)', new Uint8Array(32).fill(0xff), 0x62a8ab43],
    ['0 … 31 (RFC 3720)', ascending, 0x46dd794e],
    ['31 … 0 (RFC 3720)', ascending.toReversed(), 0x113fdb5c],
  ])('of %s', (_, bytes, crc) => expect(crc32c(bytes)).toBe(crc));
});

describe('records', () => {
  it('are what TensorBoard 2.21 writes', () => {
    const data = '09000000000000f83f1a0d627261696e2e4576656e743a32';
    expect(hex(frame(Buffer.from(data, 'hex')))).toBe(`1800000000000000a37f4b22${data}2a28646c`);
  });

  it('are read back whatever they hold', () =>
    fc.assert(
      fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 8 }), async (all) => {
        expect(await readAll(Buffer.concat(all.map(frame)))).toEqual(all.map(hex));
      }),
    ));

  it('longer than a chunk of the file are read back', async () => {
    const long = new Uint8Array(300_000).fill(7);
    expect(await readAll(Buffer.concat([frame(long), frame(Buffer.from('x'))]))).toEqual([hex(long), '78']);
  });

  it('end where a file was cut off', () =>
    fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 50 }), fc.nat(), async (data, n) => {
        const record = frame(data);
        const cut = record.slice(0, n % record.length);
        expect(await readAll(Buffer.concat([frame(Buffer.from('a')), cut]))).toEqual(['61']);
      }),
    ));

  it('end where a bit is wrong', () =>
    fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 50 }), fc.nat(), async (data, n) => {
        const record = frame(data);
        record[n % record.length]! ^= 1 << (n % 8);
        expect(await readAll(Buffer.concat([frame(Buffer.from('a')), record]))).toEqual(['61']);
      }),
    ));
});
