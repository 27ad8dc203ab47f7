import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { hubFrom, hubFromEnvironment } from './options.ts';

const home = join(homedir(), '.cache', 'huggingface');
const none = { HF_TOKEN_PATH: '/nowhere' };

it.each<[string, Record<string, string>, string]>([
  ['nothing', {}, join(home, 'hub')],
  ['XDG_CACHE_HOME', { XDG_CACHE_HOME: '/x' }, '/x/huggingface/hub'],
  ['HF_HOME', { HF_HOME: '/h', XDG_CACHE_HOME: '/x' }, '/h/hub'],
  ['HF_HUB_CACHE', { HF_HUB_CACHE: '/c', HF_HOME: '/h' }, '/c'],
])('the cache lies where huggingface_hub has it, with %s', async (_, env, cacheDir) => {
  expect(await hubFromEnvironment({ ...none, ...env })).toMatchObject({ cacheDir });
});

it('takes the token that is given, else the one that is stored', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'emotune-home-'));
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'token'), 'hf_stored\n');
  expect(await hubFromEnvironment({ HF_HOME: folder })).toMatchObject({ token: 'hf_stored' });
  expect(await hubFromEnvironment({ HF_HOME: folder, HF_TOKEN: ' hf_given ' })).toMatchObject({ token: 'hf_given' });
  expect(await hubFromEnvironment(none)).toMatchObject({ token: undefined, endpoint: undefined, offline: false });
  expect(await hubFromEnvironment({ ...none, HF_HUB_OFFLINE: '1', HF_ENDPOINT: 'https://hub' })).toMatchObject({
    offline: true,
    endpoint: 'https://hub',
  });
});

it('is huggingface.co without a token by default', () => {
  expect(hubFrom()).toMatchObject({
    endpoint: 'https://huggingface.co',
    cacheDir: join(home, 'hub'),
    token: undefined,
    offline: false,
  });
  expect(hubFrom({ endpoint: 'http://localhost:1/' })).toMatchObject({ endpoint: 'http://localhost:1' });
});
