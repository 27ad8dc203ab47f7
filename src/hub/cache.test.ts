import { lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { knownCommit, type Linker, linkers, placeFile, rememberCommit, repositoryCache } from './cache.ts';

const impossible: Linker = () => Promise.reject(Object.assign(new Error('not here'), { code: 'EPERM' }));

it.each([
  ['a link into blobs', linkers, { isSymbolicLink: true, links: 1 }],
  [
    'a second name, where there are no such links',
    [impossible, ...linkers.slice(1)],
    { isSymbolicLink: false, links: 2 },
  ],
  [
    'a copy, where there are no links at all',
    [impossible, impossible, linkers[2]!],
    { isSymbolicLink: false, links: 1 },
  ],
])('a file of a snapshot is %s', async (_, ways, expected) => {
  const dir = mkdtempSync(join(tmpdir(), 'emotune-cache-'));
  const blob = join(dir, 'blobs', 'abc');
  mkdirSync(join(dir, 'blobs'));
  writeFileSync(blob, 'content');
  const path = join(dir, 'snapshots', 'commit', 'file');
  for (let i = 0; i < 2; i++) await placeFile(blob, path, ways);
  const found = lstatSync(path);
  expect({ isSymbolicLink: found.isSymbolicLink(), links: found.nlink }).toEqual(expected);
  expect(readFileSync(path, 'utf8')).toBe('content');
  expect(readdirSync(join(dir, 'snapshots', 'commit'))).toEqual(['file']);
});

it('says why a file cannot be placed', async () => {
  await expect(
    placeFile('/nowhere', join(mkdtempSync(join(tmpdir(), 'emotune-cache-')), 'x'), [impossible]),
  ).rejects.toThrow('not here');
});

it('remembers what a branch stood for', async () => {
  const cache = repositoryCache(mkdtempSync(join(tmpdir(), 'emotune-cache-')), 'org/name');
  const commit = 'a1'.repeat(20);
  expect(await knownCommit(cache, 'refs/pr/1')).toBeUndefined();
  await rememberCommit(cache, 'refs/pr/1', commit);
  expect(await knownCommit(cache, 'refs/pr/1')).toBe(commit);
  expect(readFileSync(cache.ref('refs/pr/1'), 'utf8')).toBe(commit);
  expect(await knownCommit(cache, commit)).toBe(commit);
});
