import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { HubOptions } from './options.ts';
import type { FakeHub } from './testing/fake-hub.ts';
import { hubForTest } from './testing/hub-for-test.ts';
import { type UploadRequest, uploadFiles } from './upload.ts';

const id = 'jane/emotions';
const weights = Buffer.from(Array.from({ length: 5000 }, (_, i) => i % 251));

async function prepared(): Promise<{
  readonly hub: FakeHub;
  readonly options: HubOptions;
  readonly request: UploadRequest;
}> {
  const { hub, options } = await hubForTest();
  hub.tokens.add('hf_write');
  const file = join(mkdtempSync(join(tmpdir(), 'emotune-upload-')), 'weights');
  writeFileSync(file, weights);
  const files = [
    { path: 'README.md', text: '# Grüße\n' },
    { path: 'empty.json', text: '' },
    { path: 'adapter_model.safetensors', file },
  ];
  return {
    hub,
    options: { ...options, token: 'hf_write' },
    request: { id, isPrivate: false, summary: 'A run', files },
  };
}

/** What the repository holds now. */
const held = (hub: FakeHub) => [...hub.repositories.get(id)!.commits.values()].at(-1)!;

function expectAll(hub: FakeHub): void {
  expect(held(hub).get('README.md')!.toString()).toBe('# Grüße\n');
  expect(held(hub).get('empty.json')!.length).toBe(0);
  expect(held(hub).get('adapter_model.safetensors')!.equals(weights)).toBe(true);
}

describe('an upload', () => {
  it('makes the repository and one commit of all files', async () => {
    const { hub, options, request } = await prepared();
    const progress: number[] = [];
    const done = await uploadFiles(request, { ...options, onProgress: (bytes) => progress.push(bytes) });
    expectAll(hub);
    expect(done).toEqual({ url: `${hub.url}/${id}`, commit: [...hub.repositories.get(id)!.commits.keys()].at(-1) });
    expect(hub.repositories.get(id)).toMatchObject({ private: false, commits: expect.objectContaining({ size: 2 }) });
    expect(progress.at(-1)).toBe(weights.length);
    for (const { host, authorization } of hub.seen)
      expect(authorization).toBe(host === 'hub' ? 'Bearer hf_write' : undefined);
  });

  it('can be private', async () => {
    const { hub, options, request } = await prepared();
    await uploadFiles({ ...request, isPrivate: true }, options);
    expect(hub.repositories.get(id)!.private).toBe(true);
  });

  it('adds to a repository that is there, and does not send what it has', async () => {
    const { hub, options, request } = await prepared();
    await uploadFiles(request, options);
    hub.seen.length = 0;
    await uploadFiles(request, options);
    expect(hub.seen.filter(({ host }) => host === 'files')).toEqual([]);
    expectAll(hub);
  });

  it('goes in pieces where the Hub wants that', async () => {
    const { hub, options, request } = await prepared();
    hub.partSize = 2000;
    await uploadFiles(request, options);
    expect(hub.seen.filter(({ host, method }) => host === 'files' && method === 'PUT')).toHaveLength(3);
    expectAll(hub);
  });

  it.each([
    ['one piece', undefined, ['verify']],
    ['pieces', 2000, ['complete', 'verify']],
  ])('in %s sends no token where the Hub names another host for what follows', async (_, partSize, follows) => {
    const { hub, options, request } = await prepared();
    Object.assign(hub, { partSize, followUps: 'files' });
    await uploadFiles(request, options);
    expectAll(hub);
    const elsewhere = hub.seen.filter(({ host }) => host === 'files');
    expect(elsewhere.filter(({ method }) => method === 'POST')).toHaveLength(follows.length);
    expect(elsewhere.map(({ authorization }) => authorization)).toEqual(elsewhere.map(() => undefined));
  });

  it.each([
    ['a busy Hub', { path: /create/, status: 429, headers: { 'retry-after': '3' } }],
    ['a store that fails', { path: /^\/[0-9a-f]{64}/, status: 503 }],
    ['a connection that breaks', { path: /^\/[0-9a-f]{64}/, dropAfter: 0 }],
    ['a commit that fails', { path: /\/commit\//, status: 500 }],
  ])('survives %s', async (_, fault) => {
    const { hub, options, request } = await prepared();
    hub.faults.push(fault);
    await uploadFiles(request, options);
    expectAll(hub);
  });

  it('writes to a repository that it may not make', async () => {
    const { hub, options, request } = await prepared();
    hub.commit(id, { 'a.txt': 'a' });
    hub.faults.push({ path: /create/, status: 403 });
    await uploadFiles(request, options);
    expectAll(hub);
  });
});

describe('an upload is refused', () => {
  it.each<[string, Partial<HubOptions>, RegExp]>([
    ['without a token', { token: undefined }, /token with write access is needed: make one at .*settings\/tokens/],
    ['offline', { offline: true }, /offline: nothing can be uploaded/],
    ['with a token nobody knows', { token: 'hf_other' }, /the token is not valid \(401\)/],
  ])('%s', async (_, given, message) => {
    const { options, request } = await prepared();
    await expect(uploadFiles(request, { ...options, ...given })).rejects.toThrow(message);
  });

  it('to a public repository, when it is to be private', async () => {
    const { hub, options, request } = await prepared();
    hub.commit(id, { 'a.txt': 'a' });
    await expect(uploadFiles({ ...request, isPrivate: true }, options)).rejects.toThrow(
      /jane\/emotions: is there and public, but --private is given: make it private at .*\/settings/,
    );
    expect(held(hub).has('README.md')).toBe(false);
  });

  it('by an organisation that does not let it in', async () => {
    const { hub, options, request } = await prepared();
    hub.faults.push({ path: /create/, status: 403, headers: { 'x-error-message': 'not a member' } });
    await expect(uploadFiles(request, options)).rejects.toThrow(/access is refused \(403\): not a member/);
  });

  it('by another host that the Hub names, which does not get the token', async () => {
    const { hub, options, request } = await prepared();
    hub.followUps = 'files';
    hub.faults.push({ path: /api\/models\/jane\/emotions$/, method: 'POST', status: 401 });
    await expect(uploadFiles(request, options)).rejects.toThrow(
      `jane/emotions: ${hub.filesUrl}, which ${hub.url} names for this, answered 401; the token is for ${hub.url} alone. Check`,
    );
  });

  it('by the store', async () => {
    const { hub, options, request } = await prepared();
    hub.faults.push({ path: /^\/[0-9a-f]{64}/, status: 403 });
    await expect(uploadFiles(request, options)).rejects.toThrow(
      /adapter_model\.safetensors: the store of the Hub answered 403; nothing was published/,
    );
    expect(held(hub).has('README.md')).toBe(false);
  });
});
