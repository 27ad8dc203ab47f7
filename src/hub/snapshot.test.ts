import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { repositoryCache } from './cache.ts';
import type { HubOptions } from './options.ts';
import { parseRepositoryName } from './repository-name.ts';
import { adapterFiles, baseFiles, tokenizerFiles } from './selection.ts';
import { fetchSnapshot } from './snapshot.ts';
import type { FakeHub } from './testing/fake-hub.ts';
import { hubForTest, indexOf, modelFiles } from './testing/hub-for-test.ts';

const id = 'some-org/tiny-model';
const fetchBase = (options: HubOptions, name = id) => fetchSnapshot(parseRepositoryName(name)!, [baseFiles], options);

/** Requests for bytes of large files. */
const transfers = (hub: FakeHub) => hub.seen.filter(({ host }) => host === 'files');
const namesIn = (dir: string) => readdirSync(dir, { recursive: true, encoding: 'utf8' }).sort();
/** Everything under a final name in `blobs`. */
const blobs = (cacheDir: string) => {
  const dir = join(cacheDir, 'models--some-org--tiny-model', 'blobs');
  return existsSync(dir) ? readdirSync(dir).filter((name) => /^[0-9a-f]+$/.test(name)) : [];
};

/** The snapshot holds what the repository holds. */
function expectWhole(
  dir: string,
  files: Readonly<Record<string, string | Uint8Array>>,
  names: readonly string[],
): void {
  for (const name of names) expect(readFileSync(join(dir, name)).equals(Buffer.from(files[name]!)), name).toBe(true);
}

describe('what is needed', () => {
  it('is fetched, and nothing else', async () => {
    const { hub, options, cacheDir } = await hubForTest();
    const files = modelFiles();
    const commit = hub.commit(id, files);
    const snapshot = await fetchBase(options);
    const names = ['README.md', 'config.json', 'model.safetensors', 'tokenizer.json', 'tokenizer_config.json'];
    expect(snapshot).toEqual({ id, commit, dir: join(cacheDir, 'models--some-org--tiny-model', 'snapshots', commit) });
    expect(readdirSync(snapshot.dir).sort()).toEqual(names);
    expectWhole(snapshot.dir, files, names);
    expect(readFileSync(join(cacheDir, 'models--some-org--tiny-model', 'refs', 'main'), 'utf8')).toBe(commit);
    expect(readlinkSync(join(snapshot.dir, 'config.json'))).toMatch(/^\.\.\/\.\.\/blobs\/[0-9a-f]{40}$/);
    expect(readlinkSync(join(snapshot.dir, 'model.safetensors'))).toMatch(/^\.\.\/\.\.\/blobs\/[0-9a-f]{64}$/);
    expect(blobs(cacheDir)).toHaveLength(names.length);
  });

  it('is all shards of an index, at most four at a time, with one progress', async () => {
    const { hub, options } = await hubForTest();
    const shards = ['a.safetensors', 'b.safetensors', 'c.safetensors', 'd.safetensors', 'e.safetensors'];
    const files = {
      ...modelFiles(Object.fromEntries(shards.map((name) => [name, 200_000]))),
      'model.safetensors.index.json': indexOf(...shards),
    };
    hub.commit(id, files);
    let open = () => {};
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    hub.faults.push({ path: /^\/[0-9a-f]{64}/, times: 5, until: gate });
    const progress: (readonly [number, number])[] = [];
    const fetching = fetchBase({ ...options, onProgress: (done, total) => progress.push([done, total]) });
    while (transfers(hub).length < 4) await new Promise((resolve) => setTimeout(resolve, 5));
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(transfers(hub)).toHaveLength(4);
    open();
    const { dir } = await fetching;
    expectWhole(dir, files, shards);
    const counted = [...shards, 'README.md', 'config.json', 'tokenizer.json', 'tokenizer_config.json'];
    const total = counted.reduce((n, name) => n + Buffer.from(files[name as keyof typeof files]).length, 0);
    expect(progress.at(-1)).toEqual([total, total]);
    expect(progress.every(([done, all], i) => all === total && (i === 0 || done >= progress[i - 1]![0]))).toBe(true);
  });

  it('is not fetched twice, not even asked for at a known commit', async () => {
    const { hub, options } = await hubForTest();
    const commit = hub.commit(id, modelFiles());
    await fetchBase(options);
    hub.seen.length = 0;
    await fetchBase(options);
    expect(hub.seen.map(({ path }) => path)).toEqual([`/api/models/${id}/revision/main`]);
    hub.seen.length = 0;
    expect((await fetchBase(options, `${id}@${commit}`)).commit).toBe(commit);
    expect(hub.seen).toEqual([]);
  });

  it('shares bytes between commits', async () => {
    const { hub, options } = await hubForTest();
    hub.commit(id, modelFiles());
    await fetchBase(options);
    const second = hub.commit(id, { ...modelFiles(), 'config.json': '{"model_type": "llama", "new": true}' });
    hub.seen.length = 0;
    const { commit, dir } = await fetchBase(options);
    expect(commit).toBe(second);
    expect(transfers(hub)).toEqual([]);
    expect(readFileSync(join(dir, 'config.json'), 'utf8')).toContain('new');
  });

  it('can be a tokenizer or an adapter', async () => {
    const { hub, options } = await hubForTest();
    hub.commit(id, { ...modelFiles(), 'adapter_config.json': '{}', 'adapter_model.safetensors': 'x'.repeat(99) });
    const tokenizer = await fetchSnapshot(parseRepositoryName(id)!, [tokenizerFiles], options);
    expect(readdirSync(tokenizer.dir)).toEqual(['tokenizer.json']);
    const adapter = await fetchSnapshot(parseRepositoryName(id)!, [adapterFiles], options);
    expect(readdirSync(adapter.dir)).toContain('adapter_model.safetensors');
    expect(readdirSync(adapter.dir)).not.toContain('model.safetensors');
  });

  it('may have odd names', async () => {
    const { hub, options } = await hubForTest();
    const odd = 'modèle 1 of 2 #é%41+?&.safetensors';
    const files = { ...modelFiles({ [odd]: 1000 }), 'model.safetensors.index.json': indexOf(odd) };
    hub.commit(id, files);
    expectWhole((await fetchBase(options)).dir, files, [odd]);
  });

  it('never leads out of its folder', async () => {
    const { hub, options, cacheDir } = await hubForTest();
    hub.commit(id, { ...modelFiles({}), 'model.safetensors.index.json': indexOf('../../../evil.safetensors') });
    await expect(fetchBase(options)).rejects.toThrow(/"\.\.\/\.\.\/\.\.\/evil\.safetensors" .*is not a file's name/);
    expect(namesIn(cacheDir).filter((name) => name.includes('evil'))).toEqual([]);
    const cache = repositoryCache(cacheDir, id);
    for (const path of ['../x', 'a/../../x', '/etc/passwd', 'a\\..\\x', 'c:x', '', 'a//b', '...', 'a\0b'])
      expect(() => cache.file('0'.repeat(40), path), path).toThrow(/leads out of its folder/);
    expect(cache.file('c', 'a/b.json')).toBe(join(cache.snapshot('c'), 'a', 'b.json'));
  });
});

describe('what is missing', () => {
  it.each<[string, Record<string, string>, RegExp]>([
    [
      'tokenizer',
      { 'config.json': '{}', 'tokenizer.model': 'x', 'model.safetensors': 'x' },
      /has no tokenizer\.json; emotune reads no other .*save_pretrained/,
    ],
    [
      'safetensors',
      { 'config.json': '{}', 'tokenizer.json': '{}', 'pytorch_model.bin': 'x' },
      /no weights in safetensors; it has pytorch_model\.bin.*save_pretrained/,
    ],
    ['model', { 'data.csv': 'a' }, /has no config\.json and no tokenizer\.json; is it a model.*holds data\.csv/],
    [
      'shard',
      { 'config.json': '{}', 'tokenizer.json': '{}', 'model.safetensors.index.json': indexOf('gone.safetensors') },
      /names files that are not there: gone\.safetensors/,
    ],
  ])('a %s is named, with the way out', async (_, files, message) => {
    const { hub, options } = await hubForTest();
    hub.commit(id, files);
    await expect(fetchBase(options)).rejects.toThrow(message);
  });
});

describe('a connection', () => {
  it('that breaks in the middle goes on there', async () => {
    const { hub, options, waits } = await hubForTest();
    const files = modelFiles();
    hub.commit(id, files);
    hub.faults.push({ path: /^\/[0-9a-f]{64}/, dropAfter: 100_000 });
    hub.faults.push({ path: /^\/[0-9a-f]{64}/, dropAfter: 50_000 });
    const { dir } = await fetchBase(options);
    expectWhole(dir, files, ['model.safetensors']);
    const [first, second, third] = transfers(hub).map(({ range }) => range);
    expect(first).toBeUndefined();
    expect(Number(/^bytes=(\d+)-$/.exec(second!)![1])).toBeGreaterThan(0);
    expect(Number(/^bytes=(\d+)-$/.exec(third!)![1])).toBeGreaterThan(Number(/^bytes=(\d+)-$/.exec(second!)![1]));
    // Each try brought something, so the wait does not grow.
    expect(waits).toEqual([1000, 1000]);
  });

  it('that breaks while files are listed is tried again', async () => {
    const { hub, options } = await hubForTest();
    hub.commit(id, modelFiles());
    hub.faults.push({ path: /tree/, dropAfter: 20 }, { path: /revision/, dropAfter: 0 });
    await expect(fetchBase(options)).resolves.toMatchObject({ id });
  });

  it('that always breaks ends with an error, and the next run goes on', async () => {
    const { hub, options, cacheDir, waits } = await hubForTest();
    const files = modelFiles();
    hub.commit(id, files);
    hub.faults.push({ path: /^\/[0-9a-f]{64}/, dropAfter: 100_000 });
    hub.faults.push({ path: /^\/[0-9a-f]{64}/, dropAfter: 0, times: 4 });
    await expect(fetchBase(options)).rejects.toThrow(
      /\/resolve\/.*model\.safetensors: the connection failed \(.*\), 5 times; check/,
    );
    expect(waits).toEqual([1000, 2000, 4000, 8000]);
    expect(blobs(cacheDir).filter((name) => name.length === 64)).toEqual([]);
    hub.seen.length = 0;
    const { dir } = await fetchBase(options);
    expectWhole(dir, files, ['model.safetensors']);
    expect(transfers(hub)).toHaveLength(1);
    expect(transfers(hub)[0]!.range).toMatch(/^bytes=[1-9]\d*-$/);
    expect(namesIn(cacheDir).filter((name) => name.endsWith('.incomplete') || name.endsWith('.lock'))).toEqual([]);
  });

  it('waits longer from try to try where nothing comes, at most 30 s', async () => {
    const { hub, options, waits } = await hubForTest();
    hub.commit(id, modelFiles());
    hub.faults.push({ path: /tree/, status: 503, times: 7 });
    await fetchBase({ ...options, patience: { ...options.patience, attempts: 8 } });
    expect(waits).toEqual([1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
  });

  it('that brings nothing for too long is given up and tried again', async () => {
    const { hub, options, notices } = await hubForTest();
    const files = modelFiles();
    hub.commit(id, files);
    hub.faults.push({ path: /^\/[0-9a-f]{64}/, stallAfter: 1000 });
    expectWhole((await fetchBase(options)).dir, files, ['model.safetensors']);
    expect(notices.join()).toContain('nothing came for 0.5 s; trying again in 1 s (1 of 4)');
  });

  it('ends when it is aborted, and keeps what it has', async () => {
    const { hub, options, cacheDir } = await hubForTest();
    const files = modelFiles();
    hub.commit(id, files);
    hub.faults.push({ path: /^\/[0-9a-f]{64}/, stallAfter: 100_000 });
    const controller = new AbortController();
    const onProgress = (done: number) => done > 50_000 && controller.abort(new Error('enough'));
    const fetching = fetchBase({ ...options, onProgress, signal: controller.signal, patience: { stallMs: 60_000 } });
    await expect(fetching).rejects.toThrow('enough');
    expect(namesIn(cacheDir).filter((name) => name.endsWith('.lock'))).toEqual([]);
    hub.seen.length = 0;
    expectWhole((await fetchBase(options)).dir, files, ['model.safetensors']);
    expect(transfers(hub)[0]!.range).toMatch(/^bytes=[1-9]\d*-$/);
  });

  it('may go to a server that knows no Range', async () => {
    const { hub, options } = await hubForTest();
    const files = modelFiles();
    hub.commit(id, files);
    hub.faults.push({ path: /^\/[0-9a-f]{64}/, dropAfter: 100_000 }, { path: /^\/[0-9a-f]{64}/, ignoreRange: true });
    expectWhole((await fetchBase(options)).dir, files, ['model.safetensors']);
    expect(transfers(hub)).toHaveLength(2);
  });

  it('may say 416, or send another piece: it starts again', async () => {
    const { hub, options } = await hubForTest();
    const files = modelFiles();
    hub.commit(id, files);
    const path = /^\/[0-9a-f]{64}/;
    hub.faults.push({ path, dropAfter: 100_000 }, { path, status: 416 }, { path, dropAfter: 50_000 });
    hub.faults.push({ path, status: 206, headers: { 'content-range': 'bytes 7-9/300000' } });
    expectWhole((await fetchBase(options)).dir, files, ['model.safetensors']);
    expect(transfers(hub).map(({ range }) => range === undefined)).toEqual([true, false, true, false, true]);
  });

  it('that ends early with the right status goes on where it ended', async () => {
    const { hub, options } = await hubForTest();
    const files = modelFiles();
    hub.commit(id, files);
    hub.faults.push({ path: /^\/[0-9a-f]{64}/, truncateTo: 100_000 });
    expectWhole((await fetchBase(options)).dir, files, ['model.safetensors']);
    expect(transfers(hub).map(({ range }) => range)).toEqual([undefined, 'bytes=100000-']);
  });
});

describe('wrong bytes', () => {
  it('are fetched once more from the start', async () => {
    const { hub, options, notices } = await hubForTest();
    const files = modelFiles();
    hub.commit(id, files);
    hub.faults.push({ path: /^\/[0-9a-f]{64}/, wrong: true }, { path: /resolve.*config\.json/, wrong: true });
    expectWhole((await fetchBase(options)).dir, files, ['model.safetensors', 'config.json']);
    expect(notices.join('\n')).toMatch(
      /model\.safetensors: its sha256 is [0-9a-f]{64}, not [0-9a-f]{64}; fetching it again/,
    );
    expect(notices.join('\n')).toMatch(
      /config\.json: its git-sha1 is [0-9a-f]{40}, not [0-9a-f]{40}; fetching it again/,
    );
  });

  it('twice are an error, and nothing of them stays', async () => {
    const { hub, options, cacheDir } = await hubForTest();
    hub.commit(id, modelFiles());
    hub.faults.push({ path: /^\/[0-9a-f]{64}/, wrong: true, times: 2 });
    await expect(fetchBase(options)).rejects.toThrow(
      /tiny-model\/model\.safetensors: its sha256 is .*, twice; nothing of it was kept/,
    );
    expect(transfers(hub)).toHaveLength(2);
    expect(blobs(cacheDir).filter((name) => name.length === 64)).toEqual([]);
    expect(namesIn(cacheDir).filter((name) => /incomplete|model\.safetensors/.test(name))).toEqual([]);
  });

  it('may be too many', async () => {
    const { hub, options } = await hubForTest();
    hub.commit(id, modelFiles());
    const grown = modelFiles({ 'model.safetensors': 400_000 });
    const commit = [...hub.repositories.get(id)!.commits.keys()].at(-1)!;
    hub.commit('other/model', grown);
    hub.faults.push({
      path: /tiny-model\/resolve.*model\.safetensors/,
      times: 2,
      status: 302,
      headers: { location: `/other/model/resolve/main/model.safetensors` },
    });
    await expect(fetchBase(options, `${id}@${commit}`)).rejects.toThrow(
      /it has more than the 300000 bytes announced, twice/,
    );
  });

  it('in the cache are found by their size and replaced', async () => {
    const { hub, options } = await hubForTest();
    const files = modelFiles();
    const commit = hub.commit(id, files);
    const { dir } = await fetchBase(options);
    const blob = join(dir, readlinkSync(join(dir, 'model.safetensors')));
    writeFileSync(blob, 'cut short');
    hub.commit(id, { ...files, 'tokenizer_config.json': '{"a": 1}' });
    expectWhole((await fetchBase(options)).dir, files, ['model.safetensors']);
    expectWhole((await fetchBase(options, `${id}@${commit}`)).dir, files, ['model.safetensors']);
  });
});

describe('a refusal', () => {
  const secret = { token: 'hf_secret' };
  const gated = (hub: FakeHub) => hub.gates.set(id, new Set());
  const noRight = { path: /revision/, status: 403, headers: { 'x-error-message': 'no read right' } };
  const howTo =
    'its terms must be accepted first \\(401\\)\\. Accept them at http.*/some-org/tiny-model with your account';
  it.each<[string, (hub: FakeHub) => unknown, Partial<HubOptions>, RegExp]>([
    ['of terms, without a token', gated, {}, new RegExp(`${howTo}.*HF_TOKEN or --token.*/token\\)$`)],
    ['of terms, with a token', gated, secret, /terms must be .* \(403\).*account that has not been let in/],
    ['of a token', (hub) => hub.tokens.add('hf_good'), secret, /the token is not valid \(401\): make a new one at/],
    ['of rights', (hub) => hub.faults.push(noRight), secret, /refused \(403\): no read right\..*settings\/tokens/],
  ])('%s says what to do, and does not show the token', async (_, prepare, given, message) => {
    const { hub, options, cacheDir, notices } = await hubForTest();
    hub.commit(id, modelFiles());
    prepare(hub);
    const failure = await fetchBase({ ...options, ...given }).catch((error: Error) => error);
    expect(failure).toMatchObject({ message: expect.stringMatching(message), exitCode: 6 });
    expect(JSON.stringify([(failure as Error).stack, notices])).not.toContain('hf_secret');
    for (const name of namesIn(cacheDir).filter((path) => lstatSync(join(cacheDir, path)).isFile()))
      expect(readFileSync(join(cacheDir, name), 'utf8')).not.toContain('hf_secret');
  });

  it('names a repository, a revision or a file that is not there', async () => {
    const { hub, options } = await hubForTest();
    hub.commit(id, modelFiles());
    await expect(fetchBase(options, 'some-org/tinny')).rejects.toThrow(
      /some-org\/tinny: no such model at .* \(401\), or it is private\. Check the name; for a private model make a token/,
    );
    await expect(fetchBase({ ...options, token: 'hf_x' }, 'some-org/tinny')).rejects.toThrow(
      /\(404\), or it is private.*account that may read it/,
    );
    await expect(fetchBase(options, `${id}@v9`)).rejects.toThrow(/has no revision 'v9' \(404\); .* lists its branches/);
    hub.faults.push({
      path: /resolve.*config\.json/,
      status: 404,
      headers: { 'x-error-code': 'EntryNotFound' },
      times: 2,
    });
    await expect(fetchBase(options)).rejects.toThrow(/has no file (tokenizer_)?config\.json at [0-9a-f]{40} \(404\)/);
  });

  it('of a token with strange characters shows none of it', async () => {
    const { options } = await hubForTest();
    await expect(fetchBase({ ...options, token: 'hf_se\ncret' })).rejects.toThrow(
      'the token for the Hub has characters that no token has: copy it again',
    );
  });

  it('of something that is no Hub is recognised', async () => {
    const { hub, options } = await hubForTest();
    hub.commit(id, modelFiles());
    hub.faults.push({ path: /revision/, status: 200 });
    await expect(fetchBase(options)).rejects.toThrow(/the answer is not that of a Hub .*HF_ENDPOINT/);
    await expect(fetchBase({ ...options, endpoint: 'ftp://x' })).rejects.toThrow(
      "the Hub's address 'ftp://x' is no http or https URL",
    );
  });
});

describe('a busy server', () => {
  it('is given the time it asks for', async () => {
    const { hub, options, waits, notices } = await hubForTest();
    hub.commit(id, modelFiles());
    hub.faults.push({ path: /revision/, status: 429, headers: { 'retry-after': '7' } });
    hub.faults.push({ path: /tree/, status: 429, headers: { ratelimit: '"api";r=0;t=11' } });
    hub.faults.push({
      path: /resolve.*tokenizer\.json/,
      status: 503,
      headers: { 'retry-after': new Date(Date.now() + 60_000).toUTCString() },
    });
    await fetchBase(options);
    expect(waits.slice(0, 2)).toEqual([7000, 11_000]);
    expect(waits[2]).toBeGreaterThan(40_000);
    expect(waits[2]).toBeLessThanOrEqual(60_000);
    expect(notices[0]).toMatch(/\/revision\/main: the server answered 429; trying again in 7 s \(1 of 4\)$/);
  });

  it('that asks for too much time is an error', async () => {
    const { hub, options, waits } = await hubForTest();
    hub.commit(id, modelFiles());
    hub.faults.push({ path: /revision/, status: 429, headers: { 'retry-after': '3600' } });
    await expect(fetchBase(options)).rejects.toThrow(
      'the server answered 429, and asks to wait 3600 s: try again after that',
    );
    expect(waits).toEqual([]);
  });

  it('may fail a few times, but not for ever', async () => {
    const { hub, options } = await hubForTest();
    hub.commit(id, modelFiles());
    hub.faults.push({ path: /./, status: 502, times: 4 });
    await fetchBase(options);
    hub.faults.push({ path: /./, status: 500, times: 99 });
    await expect(fetchBase({ ...options, cacheDir: join(options.cacheDir!, 'new') })).rejects.toThrow(
      /the server answered 500, 5 times; check the connection/,
    );
  });
});

describe('a redirect', () => {
  it('does not take the token to another host', async () => {
    const { hub, options } = await hubForTest();
    hub.commit(id, modelFiles());
    hub.tokens.add('hf_secret');
    hub.gates.set(id, new Set(['hf_secret']));
    await fetchBase({ ...options, token: 'hf_secret' });
    expect(transfers(hub)).toHaveLength(1);
    for (const { host, authorization } of hub.seen)
      expect(authorization).toBe(host === 'hub' ? 'Bearer hf_secret' : undefined);
  });

  it('does not bring it back from there either', async () => {
    const { hub, options } = await hubForTest();
    const files = modelFiles();
    hub.commit(id, files);
    const away = { status: 302, headers: { location: `${hub.filesUrl}/away` } };
    hub.faults.push({ path: /resolve.*\/config\.json/, ...away });
    hub.faults.push({ path: /away/, status: 307, headers: { location: `${hub.url}/${id}/resolve/main/config.json` } });
    expectWhole((await fetchBase({ ...options, token: 'hf_secret' })).dir, files, ['config.json']);
    const asked = hub.seen.filter(({ path }) => path.endsWith('/config.json'));
    expect(asked.map(({ authorization }) => authorization)).toEqual(['Bearer hf_secret', undefined]);
  });

  it('on the same host keeps it', async () => {
    const { hub, options } = await hubForTest();
    hub.commit(id, modelFiles());
    hub.commit('some-org/new-name', modelFiles());
    hub.faults.push({
      path: /tiny-model\/revision/,
      status: 307,
      headers: { location: '/api/models/some-org/new-name/revision/main' },
    });
    await fetchBase({ ...options, token: 'hf_secret' }).catch(() => {});
    expect(hub.seen[1]).toMatchObject({
      path: '/api/models/some-org/new-name/revision/main',
      authorization: 'Bearer hf_secret',
    });
  });

  it.each([
    ['in circles', '/api/models/some-org/tiny-model/revision/main', /more than 10 redirects/],
    ['to a file', 'file:///etc/passwd', /redirects to file:, which is not safe/],
  ])('%s is refused', async (_, location, message) => {
    const { hub, options } = await hubForTest();
    hub.commit(id, modelFiles());
    hub.faults.push({ path: /revision/, status: 302, headers: { location }, times: 99 });
    await expect(fetchBase(options)).rejects.toThrow(message);
  });
});

describe('what another program has fetched', () => {
  /** A cache that holds an adapter as PEFT fetches it: without the files it does not read. */
  async function fetchedByPeft() {
    const test = await hubForTest();
    const files = {
      'adapter_config.json': '{}',
      'adapter_model.safetensors': 'x'.repeat(99),
      'emotune.json': '{"a":1}',
    };
    const commit = test.hub.commit(id, files);
    const cache = repositoryCache(test.cacheDir, id);
    mkdirSync(cache.snapshot(commit), { recursive: true });
    for (const name of ['adapter_config.json', 'adapter_model.safetensors'] as const)
      writeFileSync(cache.file(commit, name), files[name]);
    return { ...test, commit, name: parseRepositoryName(`${id}@${commit}`)! };
  }

  it('is completed, and not fetched again', async () => {
    const { hub, options, name } = await fetchedByPeft();
    const { dir } = await fetchSnapshot(name, [adapterFiles, baseFiles], options);
    expect(readFileSync(join(dir, 'emotune.json'), 'utf8')).toBe('{"a":1}');
    expect(transfers(hub)).toEqual([]);
    hub.seen.length = 0;
    await fetchSnapshot(name, [adapterFiles, baseFiles], options);
    expect(hub.seen).toEqual([]);
  });

  it('is used as it is where the Hub cannot be reached', async () => {
    const { options, name, commit, notices } = await fetchedByPeft();
    expect(await fetchSnapshot(name, [adapterFiles], { ...options, offline: true })).toMatchObject({ commit });
    expect(await fetchSnapshot(name, [adapterFiles], { ...options, endpoint: 'http://127.0.0.1:1' })).toMatchObject({
      commit,
    });
    expect(notices.at(-1)).toContain(`using the cached copy, commit ${commit}`);
  });
});

describe('offline', () => {
  it('uses the cache and asks nobody', async () => {
    const { hub, options } = await hubForTest();
    hub.commit(id, modelFiles());
    const online = await fetchBase(options);
    hub.seen.length = 0;
    expect(await fetchBase({ ...options, offline: true })).toEqual(online);
    expect(await fetchBase({ ...options, offline: true }, `${id}@${online.commit}`)).toEqual(online);
    expect(hub.seen).toEqual([]);
  });

  it('names what is missing', async () => {
    const { hub, options, cacheDir } = await hubForTest();
    await expect(fetchBase({ ...options, offline: true })).rejects.toThrow(
      `${id}: offline, and the cache ${cacheDir} has nothing of it at 'main'; run it once with a network`,
    );
    const shards = ['a.safetensors', 'b.safetensors'];
    const files = {
      ...modelFiles({ 'a.safetensors': 9, 'b.safetensors': 9 }),
      'model.safetensors.index.json': indexOf(...shards),
    };
    const commit = hub.commit(id, files);
    const cache = repositoryCache(cacheDir, id);
    mkdirSync(cache.snapshot(commit), { recursive: true });
    for (const name of ['config.json', 'model.safetensors.index.json', 'a.safetensors'] as const)
      writeFileSync(cache.file(commit, name), files[name as keyof typeof files]);
    await expect(fetchBase({ ...options, offline: true }, `${id}@${commit}`)).rejects.toThrow(
      `has no tokenizer.json, b.safetensors at ${commit}`,
    );
  });

  it('is also what happens without a network, after one try', async () => {
    const { hub, options, notices, waits } = await hubForTest();
    const commit = hub.commit(id, modelFiles());
    await fetchBase(options);
    const nobody = { ...options, endpoint: 'http://127.0.0.1:1' };
    expect((await fetchBase(nobody)).commit).toBe(commit);
    expect(waits).toEqual([]);
    expect(notices.at(-1)).toMatch(
      /127\.0\.0\.1:1\/.*the connection failed \(.+\); check .*\nusing the cached copy, commit [0-9a-f]{40}/,
    );
    await expect(fetchBase(nobody, 'some-org/other')).rejects.toThrow(/the connection failed \(.+\), 5 times/);
  });

  it('comes to the help of a token that has run out', async () => {
    const { hub, options, notices } = await hubForTest();
    const commit = hub.commit(id, modelFiles());
    await fetchBase(options);
    hub.repositories.get(id)!.private = true;
    expect((await fetchBase(options)).commit).toBe(commit);
    expect(notices.at(-1)).toContain('using the cached copy');
  });
});

it('refuses to start what the disk cannot hold', async () => {
  const { hub, options, cacheDir } = await hubForTest();
  hub.commit(id, modelFiles({ 'model.safetensors': 20_000_000 }));
  const freeBytes = async () => 10_000_000;
  await expect(fetchBase({ ...options, patience: { ...options.patience, freeBytes } })).rejects.toThrow(
    `${id}: 0.02 GB are to be fetched, but ${cacheDir} has 0.01 GB free: free some space, or set HF_HUB_CACHE`,
  );
  expect(transfers(hub)).toEqual([]);
});
