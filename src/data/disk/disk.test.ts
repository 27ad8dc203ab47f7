import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { basename, join } from 'node:path';

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { type Hash64, hash64, random } from '../../core/random.ts';
import { temporaryFolder } from '../testing/files.ts';
import { HashIndex } from './hash-index.ts';
import { Partition } from './partition.ts';
import { RecordFile } from './record-file.ts';
import { openWorkFolder } from './work-folder.ts';

const hashOf = (text: string): Hash64 => {
  const hash = new Uint32Array(2);
  hash64(text, hash);
  return hash;
};

describe('a record file', () => {
  it('gives back what was put in, in order and by number', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.string({ unit: 'grapheme', maxLength: 40 })), async (texts) => {
        const file = new RecordFile(join(temporaryFolder(), 'records'));
        for (const text of texts) file.appendText(text);
        file.flush();
        const read: string[] = [];
        for await (const chunk of file.chunks()) for (let k = 0; k < chunk.length; k++) read.push(chunk.text(k));
        expect(read).toEqual(texts);
        expect(texts.map((_, i) => file.read(i).toString())).toEqual(texts);
        file.close();
      }),
      { numRuns: 20 },
    );
  });

  it('takes records longer than its buffers, and many short ones', async () => {
    const file = new RecordFile(join(temporaryFolder(), 'records'));
    const sizes = [3, 300_000, 0, 1_000_000, ...new Array(10_000).fill(7), 262_144, 1];
    for (const [i, size] of sizes.entries()) {
      if (i % 2) file.appendBytes(new Uint8Array(size).fill(i % 251));
      else file.appendText(String.fromCharCode(97 + (i % 26)).repeat(size));
    }
    file.flush();
    let count = 0;
    for await (const chunk of file.chunks())
      for (let k = 0; k < chunk.length; k++, count++) expect(chunk.end(k) - chunk.start(k)).toBe(sizes[count]);
    expect(count).toBe(sizes.length);
    expect(file.read(3).every((byte) => byte === 3)).toBe(true);
    expect(() => file.read(sizes.length)).toThrow(`internal: record ${sizes.length} of ${sizes.length}`);
    file.close();
  });
});

describe('a partition', () => {
  it('has every record once, equal hashes in one bucket, in the order they came', async () => {
    const partition = new Partition(join(temporaryFolder(), 'partition'), 3);
    const rng = random(1);
    const names = Array.from({ length: 60_000 }, () => `name ${rng.integer(20_000)}`);
    for (const [i, name] of names.entries()) partition.add(Uint32Array.of(...hashOf(name), i));
    for (let pass = 0; pass < 2; pass++) {
      const bucketOf = new Map<string, number>();
      const seen = new Uint8Array(names.length);
      let bucketNumber = 0;
      for await (const bucket of partition.buckets()) {
        let [last, size] = [-1, 0];
        bucket.each((words, at) => {
          const i = words[at + 2]!;
          expect(i).toBeGreaterThan(last);
          last = i;
          size++;
          seen[i]!++;
          expect(bucketOf.get(names[i]!) ?? bucketNumber).toBe(bucketNumber);
          bucketOf.set(names[i]!, bucketNumber);
        });
        expect(size).toBe(bucket.size);
        bucketNumber++;
      }
      expect(seen.every((times) => times === 1)).toBe(true);
    }
    partition.close();
  });
});

it('a hash index numbers distinct hashes in the order they come', () => {
  const index = new HashIndex();
  for (let round = 0; round < 2; round++) {
    for (let i = 0; i < 5000; i++) {
      const [high, low] = hashOf(`item ${i % 3000}`);
      expect(index.place(high!, low!)).toBe(i % 3000);
    }
    expect(index.size).toBe(3000);
    index.clear();
  }
});

it('64-bit hashes of a million short texts differ', () => {
  const index = new HashIndex();
  const hash = new Uint32Array(2);
  for (let i = 0; i < 1_000_000; i++) {
    hash64(i.toString(36), hash);
    index.place(hash[0]!, hash[1]!);
  }
  expect(index.size).toBe(1_000_000);
});

describe('a work folder', () => {
  const lockOf = (owner: { readonly pid: number; readonly host: string }): string =>
    JSON.stringify({ id: 'other', ...owner });

  it('is gone once closed', async () => {
    const folder = join(temporaryFolder(), 'work');
    const listeners = process.listenerCount('exit');
    const work = await openWorkFolder(folder);
    work.keep(new RecordFile(work.path('records'))).appendText('x');
    await work.close();
    await work.close();
    expect(existsSync(folder)).toBe(false);
    expect(process.listenerCount('exit')).toBe(listeners);
  });

  it('is gone when the process exits without closing it', () => {
    const folder = join(temporaryFolder(), 'work');
    const module = new URL('work-folder.ts', import.meta.url).href;
    const program = `
      const { openWorkFolder } = await import(${JSON.stringify(module)});
      const { writeFileSync } = await import('node:fs');
      writeFileSync((await openWorkFolder(${JSON.stringify(folder)})).path('x'), 'x');
      process.exit(7);`;
    const { status } = spawnSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', program]);
    expect({ status, left: existsSync(folder) }).toEqual({ status: 7, left: false });
  });

  it('is gone when the process exits in the moment in which it has come', () => {
    const folder = join(temporaryFolder(), 'work');
    const module = new URL('work-folder.ts', import.meta.url).href;
    const program = `
      const { openWorkFolder } = await import(${JSON.stringify(module)});
      const { existsSync } = await import('node:fs');
      const look = () => (existsSync(${JSON.stringify(folder)}) ? process.exit(7) : setImmediate(look));
      look();
      void openWorkFolder(${JSON.stringify(folder)});`;
    const { status } = spawnSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', program]);
    expect({ status, left: existsSync(folder) }).toEqual({ status: 7, left: false });
  });

  it('is no one else’s, whoever names the same place at the same time', async () => {
    const folder = join(temporaryFolder(), 'work');
    const [one, other] = await Promise.all([openWorkFolder(folder), openWorkFolder(folder)]);
    writeFileSync(one.path('rows'), 'one');
    writeFileSync(other.path('rows'), 'other');
    await other.close();
    const third = await openWorkFolder(folder);
    expect(readFileSync(one.path('rows'), 'utf8')).toBe('one');
    await one.close();
    await third.close();
    expect(existsSync(folder)).toBe(false);
  });

  it('removes what killed processes left there, and nothing else', async () => {
    const folder = join(temporaryFolder(), 'work');
    const leave = (name: string, owner?: Parameters<typeof lockOf>[0]): void => {
      mkdirSync(join(folder, name), { recursive: true });
      writeFileSync(join(folder, name, 'rows'), 'x');
      if (owner) writeFileSync(join(folder, `${name}.lock`), lockOf(owner));
    };
    leave('00000001', { pid: 2 ** 30, host: hostname() });
    leave('00000002');
    leave('00000003', { pid: 1, host: 'elsewhere' });
    leave('00000004', { pid: 1, host: 'elsewhere' });
    utimesSync(join(folder, '00000004.lock'), 1, 1);
    leave('thesis');
    for (const name of ['replace.lock', '0000000a.lock.01234567.tmp'])
      writeFileSync(join(folder, name), lockOf({ pid: 2 ** 30, host: hostname() }));
    writeFileSync(join(folder, 'yarn.lock'), 'x');
    utimesSync(join(folder, 'yarn.lock'), 1, 1);
    const work = await openWorkFolder(folder);
    const own = basename(work.path('.'));
    const kept = ['00000003', '00000003.lock', 'thesis', 'yarn.lock'];
    expect(readdirSync(folder).filter((name) => !name.startsWith(own))).toEqual(kept);
    await work.close();
    expect(readdirSync(folder)).toEqual(kept);
  });
});
