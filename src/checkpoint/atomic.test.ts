import { mkdtemp, readdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { replaceFile, writeFileAtomic, writeJson } from './atomic.ts';

const folder = () => mkdtemp(join(tmpdir(), 'emotune-atomic-'));

test('creates folders, replaces what is there and leaves nothing beside it', async () => {
  const path = join(await folder(), 'a', 'b', 'file.json');
  await writeFileAtomic(path, 'old');
  await writeJson(path, { x: 1 });
  expect(await readFile(path, 'utf8')).toBe('{\n  "x": 1\n}\n');
  expect(await readdir(join(path, '..'))).toEqual(['file.json']);
});

test('a write that fails leaves the old file alone', async () => {
  const dir = await folder();
  const path = join(dir, 'file');
  await writeFileAtomic(path, 'old');
  const failing = replaceFile(path, async (file) => {
    await file.writeFile('half of the n');
    throw new Error('disk on fire');
  });
  await expect(failing).rejects.toThrow('disk on fire');
  expect(await readFile(path, 'utf8')).toBe('old');
  expect(await readdir(dir)).toEqual(['file']);
});
