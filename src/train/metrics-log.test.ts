import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { MetricsLog } from './metrics-log.ts';

const newPath = async () => join(await mkdtemp(join(tmpdir(), 'emotune-log-')), 'metrics.jsonl');

test('a new log has a line per value; one that goes on drops what came after', async () => {
  const path = await newPath();
  await writeFile(path, 'left over from another run');
  const log = await MetricsLog.open(path);
  await log.append({ step: 1 });
  const bytes = await log.sync();
  await log.append({ step: 2 });
  await log.close();
  expect(await readFile(path, 'utf8')).toBe('{"step":1}\n{"step":2}\n');
  const again = await MetricsLog.open(path, bytes);
  await again.append({ step: 'two' });
  await again.close();
  expect(await readFile(path, 'utf8')).toBe('{"step":1}\n{"step":"two"}\n');
});

/** A file in memory that takes `room` bytes and then is a full disk. */
function smallDisk(room: number) {
  const disk = { content: Buffer.alloc(0), room };
  const full = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
  const file = {
    async write(bytes: Buffer, offset: number, length: number, position: number) {
      const written = Math.min(length, disk.room - position);
      if (written <= 0) throw full;
      disk.content = Buffer.concat([disk.content.subarray(0, position), bytes.subarray(offset, offset + written)]);
      return { bytesWritten: written };
    },
    async truncate(length = 0) {
      disk.content = disk.content.subarray(0, length);
    },
    async datasync() {},
    async close() {},
  };
  return { disk, log: new MetricsLog(file, 0) };
}

test('on a full disk lines wait, none is left half-written, and all come in order once there is room', async () => {
  const { disk, log } = smallDisk(14);
  expect(await log.append(1)).toBeUndefined();
  expect(await log.append('a line too long')).toMatchObject({ code: 'ENOSPC' });
  expect(disk.content.toString()).toBe('1\n');
  expect(await log.append(3)).toMatchObject({ code: 'ENOSPC' });
  await expect(log.sync()).rejects.toThrow('ENOSPC');
  disk.room = 1000;
  expect(await log.append(4)).toBeUndefined();
  expect(disk.content.toString()).toBe('1\n"a line too long"\n3\n4\n');
  expect(await log.sync()).toBe(disk.content.length);
});
