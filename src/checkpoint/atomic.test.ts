import { type FileHandle, mkdtemp, readdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { expect, test, vi } from 'vitest';
import { replaceFile, writeFileAtomic, writeJson } from './atomic.ts';

/** What was flushed to the disk, in order. */
const synced: string[] = [];
vi.mock(import('node:fs/promises'), async (original) => {
  const real = await original();
  const open: typeof real.open = async (path, ...rest) => {
    const file: FileHandle = await real.open(path, ...rest);
    const sync = file.sync.bind(file);
    file.sync = async () => {
      await sync();
      synced.push(String(path));
    };
    return file;
  };
  return { ...real, open };
});

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

test.skipIf(process.platform === 'win32')('what is written is on the disk, with the folders made for it', async () => {
  const dir = await folder();
  const flushed = async (...path: readonly string[]): Promise<string[]> => {
    synced.length = 0;
    await writeFileAtomic(path.join('/'), 'text');
    return synced.map((each) => relative(dir, each).replace(/\.[0-9a-f]{8}\.tmp$/, ''));
  };
  expect(await flushed(dir, 'a', 'b', 'file')).toEqual(['a', '', 'a/b/file', 'a/b']);
  expect(await flushed(dir, 'a', 'b', 'file')).toEqual(['a/b/file', 'a/b']);
  expect(await flushed(dir, 'a', 'c', 'file')).toEqual(['a', 'a/c/file', 'a/c']);
  // A path from the working folder, as --out has it.
  expect(await flushed(relative(process.cwd(), dir), 'd', 'e', 'file')).toEqual(['d', '', 'd/e/file', 'd/e']);
});
