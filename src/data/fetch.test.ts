import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { hubForTest } from '../hub/testing/hub-for-test.ts';
import { fetchSource } from './fetch.ts';
import { requireFiles } from './sources/files.ts';
import { socialPosts } from './sources/social-posts.ts';
import type { Source } from './sources/source.ts';
import { temporaryFolder } from './testing/files.ts';

const contents = { 'train.tsv': 'a\t1\n'.repeat(1000), 'sub/labels.txt': 'joy\nanger' };
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

/** A source whose files are served by a fake Hub. */
async function served(): Promise<
  Awaited<ReturnType<typeof hubForTest>> & { readonly source: Source; readonly dataDir: string }
> {
  const test = await hubForTest();
  test.hub.commit('some-org/data', contents);
  const files = Object.entries(contents).map(([path, text]) => ({
    path,
    sha256: sha256(text),
    url: `${test.hub.url}/some-org/data/resolve/main/${path}`,
  }));
  const source: Source = {
    ...socialPosts,
    name: 'served',
    licence: 'Some Licence 1.0',
    home: 'https://example.org/served',
    folder: (dataDir) => join(dataDir, 'served'),
    files,
  };
  return { ...test, source, dataDir: temporaryFolder() };
}

/** The same, but its authors must be asked. */
function onRequest(source: Source): Source {
  const files = source.files.map(({ url: _, ...file }) => file);
  return { ...source, files, access: { ask: 'ask its authors with the form at https://example.org/form' } };
}

describe('data fetch', () => {
  it('gets what is missing, checks it, and leaves what is right alone', async () => {
    const { source, dataDir, hub, options } = await served();
    const at = (path: string) => join(dataDir, 'served', path);
    expect(await fetchSource(source, { dataDir, hub: options })).toEqual([
      { path: at('train.tsv'), state: 'fetched' },
      { path: at('sub/labels.txt'), state: 'fetched' },
    ]);
    for (const [path, text] of Object.entries(contents)) expect(readFileSync(at(path), 'utf8')).toBe(text);
    expect(readdirSync(join(dataDir, 'served')).sort()).toEqual(['sub', 'train.tsv']);
    hub.seen.length = 0;
    const again = await fetchSource(source, { dataDir, hub: options });
    expect(again.map(({ state }) => state)).toEqual(['there', 'there']);
    expect(hub.seen).toEqual([]);
    await expect(requireFiles(source, dataDir)).resolves.toBeUndefined();
  });

  it('sends no token', async () => {
    const { source, dataDir, hub, options } = await served();
    await fetchSource(source, { dataDir, hub: { ...options, token: 'hf_secret' } });
    expect(hub.seen.map(({ authorization }) => authorization)).toEqual([undefined, undefined]);
  });

  it('gets the rest and tells of a file that is there and wrong; replaces it only when told', async () => {
    const { source, dataDir, options } = await served();
    const at = (path: string) => join(dataDir, 'served', path);
    mkdirSync(join(dataDir, 'served'));
    writeFileSync(at('train.tsv'), 'mine');
    await expect(fetchSource(source, { dataDir, hub: options })).rejects.toThrow(
      `served: ${at('train.tsv')}: there, but not as published (SHA-256 differs), and left alone; move it away, or replace it with --overwrite`,
    );
    expect(readFileSync(at('train.tsv'), 'utf8')).toBe('mine');
    expect(readFileSync(at('sub/labels.txt'), 'utf8')).toBe(contents['sub/labels.txt']);
    await fetchSource(source, { dataDir, hub: options, overwrite: true });
    expect(readFileSync(at('train.tsv'), 'utf8')).toBe(contents['train.tsv']);
  });

  it('survives a broken connection and refuses wrong bytes', async () => {
    const { source, dataDir, hub, options } = await served();
    hub.faults.push({ path: /train/, dropAfter: 1000 });
    await fetchSource(source, { dataDir, hub: options });
    expect(readFileSync(join(dataDir, 'served', 'train.tsv'), 'utf8')).toBe(contents['train.tsv']);
    const fresh = temporaryFolder();
    hub.faults.push({ path: /train/, wrong: true, times: 2 });
    await expect(fetchSource(source, { dataDir: fresh, hub: options })).rejects.toThrow(
      /train\.tsv: its sha256 is .*, twice/,
    );
    expect(readdirSync(join(fresh, 'served')).filter((name) => name.startsWith('train'))).toEqual([]);
  });

  it('says where to look when a file has moved, and what is missing offline', async () => {
    const { source, dataDir, hub, options } = await served();
    hub.faults.push({ path: /train/, status: 404 });
    await expect(fetchSource(source, { dataDir, hub: options })).rejects.toThrow(
      /^served: the server answered 404 for .*train\.tsv; the file may have moved, look at https:\/\/example\.org\/served$/,
    );
    await expect(
      fetchSource(source, { dataDir: temporaryFolder(), hub: { ...options, offline: true } }),
    ).rejects.toThrow(/served: offline, and these files are not here:\n .*train\.tsv\n/);
  });

  it('finds what comes with emotune', async () => {
    expect((await fetchSource(socialPosts)).map(({ state }) => state)).toEqual(['there']);
  });
});

describe('a dataset whose terms forbid fetching', () => {
  it('names whom to ask and what to put where', async () => {
    const { source, dataDir, hub, options } = await served();
    const asked = onRequest(source);
    const folder = join(dataDir, 'served');
    await expect(fetchSource(asked, { dataDir, hub: options })).rejects.toThrow(
      'served: it is not fetched for you (Some Licence 1.0): ask its authors with the form at ' +
        `https://example.org/form, and put the files there:\n  ${folder}/train.tsv\n  ${folder}/sub/labels.txt`,
    );
    expect(hub.seen).toEqual([]);
    expect(existsSync(folder)).toBe(false);
    await expect(requireFiles(asked, dataDir)).rejects.toThrow(
      /files are missing: .*train\.tsv.*not fetched for you \(.*\): ask its authors.*or set dataDir/,
    );
  });

  it('is checked once the files are there', async () => {
    const { source, dataDir, options } = await served();
    await fetchSource(source, { dataDir, hub: options });
    const files = await fetchSource(onRequest(source), { dataDir, hub: options });
    expect(files.map(({ state }) => state)).toEqual(['there', 'there']);
  });

  it('may be of files whose SHA-256 nobody here knows', async () => {
    const { source, dataDir, options } = await served();
    const asked = onRequest(source);
    const unknown = { ...asked, files: asked.files.map(({ path }) => ({ path })) };
    await expect(fetchSource(unknown, { dataDir, hub: options })).rejects.toThrow(
      /put the files there:\n .*train\.tsv/,
    );
    await fetchSource(source, { dataDir, hub: options });
    const files = await fetchSource(unknown, { dataDir, hub: options });
    expect(files.map(({ state }) => state)).toEqual(['unchecked', 'unchecked']);
  });
});
