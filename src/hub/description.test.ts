import { createHash } from 'node:crypto';
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { byteLengthOf, formatHeader, type TensorSpec } from '../checkpoint/header.ts';
import { repositoryCache } from './cache.ts';
import { fetchDescription } from './description.ts';
import type { HubOptions } from './options.ts';
import { parseRepositoryName } from './repository-name.ts';
import { baseFiles } from './selection.ts';
import { fetchSnapshot } from './snapshot.ts';
import type { FakeHub } from './testing/fake-hub.ts';
import { hubForTest, indexOf, modelFiles } from './testing/hub-for-test.ts';

const name = parseRepositoryName('some-org/tiny-model')!;
const { id } = name;
const describeIt = (options: HubOptions) => fetchDescription(name, baseFiles, options);
const tensor = (called: string, rows: number): TensorSpec => ({ name: called, dtype: 'BF16', shape: [rows, 100] });

/** A file of weights, all zeros. */
function weightsOf(specs: readonly TensorSpec[], metadata: Readonly<Record<string, string>> = {}): Buffer {
  const bytes = specs.reduce((n, spec) => n + byteLengthOf(spec), 0);
  return Buffer.concat([formatHeader(specs, metadata), Buffer.alloc(bytes)]);
}

const weights = weightsOf([tensor('a', 5000), tensor('b', 10)]);
const rangesAsked = (hub: FakeHub) => hub.seen.filter(({ host }) => host === 'files').map(({ range }) => range);

describe('a description', () => {
  it('has the tensors of weights that are not fetched', async () => {
    const { hub, options } = await hubForTest();
    const commit = hub.commit(id, { ...modelFiles({}), 'model.safetensors': weights });
    const { dir, absent, ...rest } = await describeIt(options);
    expect(rest).toEqual({ id, commit });
    expect(readdirSync(dir).sort()).toEqual(['README.md', 'config.json', 'tokenizer.json', 'tokenizer_config.json']);
    expect(absent!.bytes).toBe(weights.length);
    const file = join(dir, 'model.safetensors');
    const offset = weights.length - 5010 * 200;
    expect([...absent!.tensors.values()]).toEqual([
      { ...tensor('a', 5000), file, offset, byteLength: 1_000_000 },
      { ...tensor('b', 10), file, offset: offset + 1_000_000, byteLength: 2000 },
    ]);
    expect(rangesAsked(hub)).toEqual(['bytes=0-262143']);
  });

  it('has those of all shards', async () => {
    const { hub, options } = await hubForTest();
    const [first, second] = [weightsOf([tensor('a', 3)]), weightsOf([tensor('b', 4)])];
    const files = { ...modelFiles({}), '1.safetensors': first, '2.safetensors': second };
    hub.commit(id, { ...files, 'model.safetensors.index.json': indexOf('1.safetensors', '2.safetensors') });
    const { absent, dir } = await describeIt(options);
    expect(readdirSync(dir)).not.toContain('1.safetensors');
    expect([...absent!.tensors.keys()].sort()).toEqual(['a', 'b']);
    expect(absent!.bytes).toBe(first.length + second.length);
  });

  it('names a shard that the repository lacks', async () => {
    const { hub, options } = await hubForTest();
    const files = { ...modelFiles({}), '1.safetensors': weightsOf([tensor('a', 3)]) };
    hub.commit(id, { ...files, 'model.safetensors.index.json': indexOf('1.safetensors', '2.safetensors') });
    await expect(describeIt(options)).rejects.toThrow('names 2.safetensors, which is not there');
  });

  it('leaves what is in the cache to be read from there, and is no obstacle to fetching the rest', async () => {
    const { hub, options } = await hubForTest();
    hub.commit(id, { ...modelFiles({}), 'model.safetensors': weights });
    expect((await describeIt(options)).absent).toBeDefined();
    const snapshot = await fetchSnapshot(name, [baseFiles], options);
    expect(readdirSync(snapshot.dir)).toContain('model.safetensors');
    hub.seen.length = 0;
    expect(await describeIt(options)).toEqual(snapshot);
    expect(rangesAsked(hub)).toEqual([]);
    expect(await describeIt({ ...options, offline: true })).toEqual(snapshot);
  });

  it('needs the weights offline', async () => {
    const { hub, options } = await hubForTest();
    hub.commit(id, { ...modelFiles({}), 'model.safetensors': weights });
    await describeIt(options);
    await expect(describeIt({ ...options, offline: true })).rejects.toThrow("has nothing of it at 'main'");
  });

  it('of a newer commit leaves the older one, which is whole, to be used', async () => {
    const { hub, options, notices } = await hubForTest();
    hub.commit(id, { ...modelFiles({}), 'model.safetensors': weights });
    const older = await fetchSnapshot(name, [baseFiles], options);
    const newer = weightsOf([tensor('c', 7)]);
    const commit = hub.commit(id, { ...modelFiles({}), 'model.safetensors': newer });
    expect(await describeIt(options)).toMatchObject({ commit, absent: { bytes: newer.length } });
    expect(await describeIt({ ...options, offline: true })).toEqual(older);
    expect(await fetchSnapshot(name, [baseFiles], { ...options, offline: true })).toEqual(older);
    hub.faults.push({ path: /revision\/main/, status: 503 });
    expect(await describeIt(options)).toEqual(older);
    expect(notices.at(-1)).toMatch(`using the cached copy, commit ${older.commit}`);
  });

  it('is followed by the weights, and then the revision stands for its commit', async () => {
    const { hub, options } = await hubForTest();
    hub.commit(id, { ...modelFiles({}), 'model.safetensors': weights });
    await fetchSnapshot(name, [baseFiles], options);
    hub.commit(id, { ...modelFiles({}), 'model.safetensors': weightsOf([tensor('c', 7)]) });
    const { absent, ...rest } = await describeIt(options);
    expect(await absent!.fetch()).toEqual(rest);
    expect(await describeIt({ ...options, offline: true })).toEqual(rest);
  });

  it('of a commit that is whole makes the revision stand for it', async () => {
    const { hub, options } = await hubForTest();
    hub.commit(id, { ...modelFiles({}), 'model.safetensors': weights });
    await fetchSnapshot(name, [baseFiles], options);
    const newer = hub.commit(id, { ...modelFiles({}), 'config.json': '{}', 'model.safetensors': weights });
    await fetchSnapshot({ id, revision: newer }, [baseFiles], options);
    expect(await describeIt(options)).toMatchObject({ commit: newer });
    expect(await describeIt({ ...options, offline: true })).toMatchObject({ commit: newer });
  });

  it('counts only the bytes that are not in the cache', async () => {
    const { hub, options } = await hubForTest();
    const shards = {
      '1.safetensors': weightsOf([tensor('a', 3)]),
      '2.safetensors': weightsOf([tensor('b', 4)]),
      '3.safetensors': weightsOf([tensor('c', 5)]),
    };
    const index = indexOf(...Object.keys(shards));
    hub.commit(id, { ...modelFiles({}), ...shards, 'model.safetensors.index.json': index });
    const { dir } = await fetchSnapshot(name, [baseFiles], options);
    // Of the first nothing is left, of the second the blob, of the third all.
    const digest = createHash('sha256').update(shards['1.safetensors']).digest('hex');
    rmSync(repositoryCache(options.cacheDir!, id).blob(digest));
    rmSync(join(dir, '1.safetensors'));
    rmSync(join(dir, '2.safetensors'));
    expect((await describeIt(options)).absent!.bytes).toBe(shards['1.safetensors'].length);
  });

  it('asks again for a header that is longer than usual', async () => {
    const { hub, options } = await hubForTest();
    const long = weightsOf([tensor('a', 3)], { note: 'x'.repeat(300_000) });
    hub.commit(id, { ...modelFiles({}), 'model.safetensors': long });
    expect([...(await describeIt(options)).absent!.tensors.keys()]).toEqual(['a']);
    expect(rangesAsked(hub)).toEqual(['bytes=0-262143', `bytes=0-${long.length - 600 - 1}`]);
  });

  it.each([
    ['a server that sends all', { ignoreRange: true }],
    ['a broken connection', { dropAfter: 100 }],
    ['a server that is busy', { status: 503 }],
    ['a short answer', { truncateTo: 100 }],
  ])('comes through %s', async (_, fault) => {
    const { hub, options } = await hubForTest();
    hub.commit(id, { ...modelFiles({}), 'model.safetensors': weights });
    hub.faults.push({ path: /^\/[0-9a-f]{64}/, ...fault });
    expect([...(await describeIt(options)).absent!.tensors.keys()]).toEqual(['a', 'b']);
  });

  it.each([
    ['is no safetensors file', Buffer.from('{"a": 1} and so on'), 'its header would have'],
    ['is a pointer of Git LFS', Buffer.from('version https://git-lfs'), 'it is a Git LFS pointer'],
    ['is empty', Buffer.from(''), 'it has 0 bytes'],
    ['is shorter than its header says', weights.subarray(0, 5000), 'the file is cut short'],
  ])('says what is wrong with a file that %s', async (_, bytes, message) => {
    const { hub, options } = await hubForTest();
    hub.commit(id, { ...modelFiles({}), 'model.safetensors': bytes });
    await expect(describeIt(options)).rejects.toThrow(message);
  });

  it('is refused as the weights would be', async () => {
    const { hub, options } = await hubForTest();
    hub.commit(id, { ...modelFiles({}), 'model.safetensors': weights });
    hub.faults.push({ path: /model\.safetensors/, status: 403 });
    await expect(describeIt(options)).rejects.toThrow('access is refused (403)');
    hub.commit(id, modelFiles({}));
    await expect(describeIt(options)).rejects.toThrow('has no weights in safetensors; it has pytorch_model.bin');
  });
});
