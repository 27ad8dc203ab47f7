import { mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { parseRepositoryName, remoteName } from './repository-name.ts';

it.each([
  ['meta-llama/Meta-Llama-3-8B', { id: 'meta-llama/Meta-Llama-3-8B', revision: 'main' }],
  ['a/b@refs/pr/2', { id: 'a/b', revision: 'refs/pr/2' }],
  ['a/b.c_d@v1.0', { id: 'a/b.c_d', revision: 'v1.0' }],
  ['nano', undefined],
  ['./a/b', undefined],
  ['/a/b', undefined],
  ['a/b/c', undefined],
  ['../b', undefined],
  ['a/..', undefined],
  ['a/b@../../x', undefined],
  ['a/b@x@y', undefined],
  ['a/b@', undefined],
  ['a--b/c', undefined],
  ['C:\\a\\b', undefined],
  ['a /b', undefined],
])('%s is a name on the Hub, or none', (text, name) => {
  expect(parseRepositoryName(text)).toEqual(name);
});

it('is a path where there is such a folder, or one like its organisation', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'emotune-names-'));
  mkdirSync(join(dir, 'runs', 'posts'), { recursive: true });
  const back = process.cwd();
  process.chdir(dir);
  try {
    expect(await remoteName('runs/posts')).toBeUndefined();
    expect(await remoteName('runs/psots')).toBeUndefined();
    expect(await remoteName('runs/psots@main')).toEqual({ id: 'runs/psots', revision: 'main' });
    expect(await remoteName('jane/emotions')).toEqual({ id: 'jane/emotions', revision: 'main' });
  } finally {
    process.chdir(back);
  }
});
