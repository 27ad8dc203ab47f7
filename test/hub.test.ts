/** Bases and runs on the Hub, from the library and the command line, against a Hub on this machine. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { reportFailure } from '../src/cli/failure.ts';
import { makeProgram } from '../src/cli/program.ts';
import { type FakeHub, startFakeHub } from '../src/hub/testing/fake-hub.ts';
import {
  loadClassifier,
  mergeAdapter,
  type PlannedRun,
  planTraining,
  push,
  type TrainEvent,
  train,
} from '../src/index.ts';
import { resume } from '../src/train/train.ts';
import { temporaryFolder, tinyBase } from './support/model.ts';

const base = 'some-org/tiny-llama';
const texts = ['What a lovely surprise!', 'Oh no, not again'];
let hub: FakeHub;
let commit: string;
let cacheDir: string;
let data: string;
const options = () => ({ endpoint: hub.url, cacheDir, token: 'hf_secret' });
const newFolder = (): string => mkdtempSync(join(tmpdir(), 'emotune-hub-'));
const small = () => ({ base, data, epochs: 1, rank: 2, batchSize: 8, out: join(temporaryFolder(), 'run') });

async function allOf(events: AsyncIterable<TrainEvent>): Promise<TrainEvent[]> {
  const all: TrainEvent[] = [];
  for await (const event of events) all.push(event);
  return all;
}

async function scoresOf(model: string, given: Parameters<typeof loadClassifier>[1]): Promise<unknown> {
  const classifier = await loadClassifier(model, given);
  try {
    return (await classifier.classify(texts)).map(({ scores }) => scores);
  } finally {
    await classifier.dispose();
  }
}

const jsonOf = (...path: readonly string[]) => JSON.parse(readFileSync(join(...path), 'utf8'));

beforeAll(async () => {
  hub = await startFakeHub();
  hub.tokens.add('hf_secret');
  const dir = await tinyBase();
  const files = Object.fromEntries(readdirSync(dir).map((name) => [name, readFileSync(join(dir, name))]));
  commit = hub.commit(base, { 'README.md': '---\nlicense: llama3\n---\n', 'pytorch_model.bin': 'x', ...files });
  cacheDir = newFolder();
  const rows = Array.from({ length: 40 }, (_, i) => `text number ${i} of all,${i % 2 ? 'joy' : 'anger'}\n`);
  data = join(temporaryFolder(), 'own.csv');
  writeFileSync(data, `text,label\n${rows.join('')}`);
});
afterAll(() => hub.close());

describe('a base on the Hub', () => {
  it('is fetched, trained on, and remembered by its commit', async () => {
    const settings = small();
    const events = await allOf(train(settings, { hub: options() }));
    expect(events[0]).toMatchObject({ type: 'started', base: `${base}@${commit}` });
    expect(jsonOf(settings.out, 'emotune.json')).toMatchObject({
      base: { path: `${base}@${commit}`, licence: 'llama3' },
      data: { name: 'own', split: 'stratified 80/10/10, seed 0' },
    });
    expect(jsonOf(settings.out, 'adapter_config.json')).toMatchObject({
      base_model_name_or_path: base,
      revision: commit,
    });
    expect(readFileSync(join(settings.out, 'config.yaml'), 'utf8')).toContain(`base: ${base}@${commit}\n`);
    for (const name of readdirSync(settings.out))
      expect(readFileSync(join(settings.out, name), 'utf8')).not.toContain('hf_secret');
    hub.seen.length = 0;
    expect(await scoresOf(settings.out, { hub: options() })).toHaveLength(2);
    expect(hub.seen).toEqual([]);
    // On another machine: another cache.
    expect(await scoresOf(settings.out, { hub: { ...options(), cacheDir: newFolder() } })).toHaveLength(2);
    const merged = join(temporaryFolder(), 'merged');
    await mergeAdapter(settings.out, merged, { hub: options() });
    expect(existsSync(join(merged, 'model.safetensors'))).toBe(true);
  });

  it('is planned with before its weights are fetched, as it is after', async () => {
    const fresh = { ...options(), cacheDir: newFolder() };
    hub.seen.length = 0;
    const { bytesToFetch, ...before } = await planTraining(small(), { hub: fresh });
    const [single] = hub.seen.filter(({ host }) => host === 'files');
    expect(single).toMatchObject({ range: expect.stringMatching(/^bytes=0-/) });
    const snapshot = join(fresh.cacheDir, 'models--some-org--tiny-llama', 'snapshots', commit);
    expect(existsSync(join(snapshot, 'model.safetensors'))).toBe(false);
    expect(bytesToFetch).toBe(statSync(join(await tinyBase(), 'model.safetensors')).size);
    const settings = small();
    await allOf(train(settings, { hub: fresh }));
    const after = await planTraining(small(), { hub: fresh });
    expect(after.bytesToFetch).toBe(0);
    expect(before.parameters).toEqual(after.parameters);
    const parts = ({ estimate }: Pick<PlannedRun, 'estimate'>) =>
      estimate.memory.parts.filter(({ name }) => name !== 'process, tokenizer and data');
    expect(parts(before)).toEqual(parts(after));
  });

  it('is not fetched for a run that is refused', async () => {
    const fresh = { ...options(), cacheDir: newFolder() };
    const snapshot = join(fresh.cacheDir, 'models--some-org--tiny-llama', 'snapshots', commit);
    const run = train({ ...small(), textColumn: 'words' }, { hub: fresh });
    await expect(run.next()).rejects.toThrow("no column 'words'");
    expect(existsSync(join(snapshot, 'tokenizer.json'))).toBe(true);
    expect(existsSync(join(snapshot, 'model.safetensors'))).toBe(false);
  });

  it('is found offline by its branch once a run has trained on it, however often it was only described before', async () => {
    const fresh = { ...options(), cacheDir: newFolder() };
    const ref = join(fresh.cacheDir, 'models--some-org--tiny-llama', 'refs', 'main');
    await planTraining(small(), { hub: fresh });
    expect(existsSync(ref)).toBe(false);
    const settings = small();
    await allOf(train(settings, { hub: fresh }));
    expect(readFileSync(ref, 'utf8')).toBe(commit);
    const offline = { ...fresh, offline: true };
    hub.seen.length = 0;
    const again = { ...small(), base: `${base}@main` };
    const [started] = await allOf(train(again, { hub: offline }));
    expect(started).toMatchObject({ type: 'started', base: `${base}@${commit}` });
    expect(await scoresOf(again.out, { hub: offline })).toEqual(await scoresOf(settings.out, { hub: offline }));
    expect(hub.seen).toEqual([]);
  });

  it('that has moved on does not change a run that goes on', async () => {
    const settings = { ...small(), epochs: 3 };
    const controller = new AbortController();
    for await (const event of train(settings, { hub: options(), signal: controller.signal }))
      if (event.type === 'step' && event.step === 2) controller.abort();
    const files = Object.fromEntries(hub.repositories.get(base)!.commits.get(commit)!);
    const newer = hub.commit(base, { ...files, 'config.json': '{"model_type": "something else"}' });
    try {
      const events = await allOf(resume(settings.out, { hub: options() }));
      expect(events.at(-1)).toMatchObject({ type: 'done', reason: 'finished' });
    } finally {
      hub.repositories.get(base)!.commits.delete(newer);
    }
  });

  it('is looked up where a run names it without a commit', async () => {
    const settings = small();
    await allOf(train(settings, { hub: options() }));
    const expected = await scoresOf(settings.out, { hub: options() });
    const artifact = jsonOf(settings.out, 'emotune.json');
    const named = { ...artifact, base: { ...artifact.base, path: base } };
    writeFileSync(join(settings.out, 'emotune.json'), JSON.stringify(named));
    expect(await scoresOf(settings.out, { hub: { ...options(), cacheDir: newFolder() } })).toEqual(expected);
  });
});

describe('a run on the Hub', () => {
  it('can be used by its name, with the same scores', async () => {
    const settings = small();
    await allOf(train(settings, { hub: options() }));
    const repository = 'jane/emotions';
    const published = await push(settings.out, { repository, hub: options() });
    const files = hub.repositories.get(repository)!.commits.get(published.commit)!;
    expect([...files.keys()].sort()).toEqual([
      '.gitattributes',
      'README.md',
      'adapter_config.json',
      'adapter_model.safetensors',
      'config.yaml',
      'emotune.json',
      'result.json',
    ]);
    for (const [path, content] of files) {
      expect(String(content), path).not.toContain(tmpdir());
      expect(String(content), path).not.toContain('hf_secret');
    }
    const expected = await scoresOf(settings.out, { hub: options() });
    const elsewhere = { ...options(), cacheDir: newFolder() };
    expect(await scoresOf(repository, { hub: elsewhere })).toEqual(expected);
    expect(await scoresOf(repository, { hub: { ...elsewhere, offline: true } })).toEqual(expected);
  });
});

describe('the command line', () => {
  /** Runs a command in this process, with the environment of one who uses the fake Hub. */
  async function emotune(...args: readonly string[]) {
    const out = { code: 0, stdout: '', stderr: '' };
    const spies = (['stdout', 'stderr'] as const).map((name) =>
      vi.spyOn(process[name], 'write').mockImplementation((text, ...rest: unknown[]) => {
        out[name] += String(text);
        const written = rest.at(-1);
        if (typeof written === 'function') written();
        return true;
      }),
    );
    vi.stubEnv('HF_ENDPOINT', hub.url);
    vi.stubEnv('HF_HUB_CACHE', cacheDir);
    vi.stubEnv('HF_HOME', newFolder());
    const code = process.exitCode;
    process.exitCode = undefined;
    try {
      await makeProgram().parseAsync(args, { from: 'user' });
      out.code = Number(process.exitCode ?? 0);
    } catch (error) {
      out.code = await reportFailure(error, { debug: false });
    } finally {
      process.exitCode = code;
      vi.unstubAllEnvs();
      for (const spy of spies) spy.mockRestore();
    }
    return out;
  }
  const flags = ['--epochs', '1', '--rank', '2', '--batch-size', '8', '--plain'];

  it('trains on a base from the Hub, and predicts with it offline', async () => {
    cacheDir = newFolder();
    const out = join(temporaryFolder(), 'run');
    const trained = await emotune(
      'train',
      '--base',
      base,
      '--data',
      data,
      '--out',
      out,
      '--token',
      'hf_secret',
      ...flags,
    );
    expect(trained).toMatchObject({ code: 0, stderr: expect.stringMatching(/^fetching the base: .* of .*B$/m) });
    const predicted = await emotune('predict', '--model', out, '--offline', ...texts);
    expect(predicted).toMatchObject({ code: 0, stdout: expect.stringMatching(/^(joy|anger) 0\.\d\d/) });
    const shown = await emotune('push', '--model', out, '--repo', 'jane/emotions', '--dry-run');
    expect(shown).toMatchObject({
      code: 0,
      stderr: 'note: the licence of the data is not known: the card says so, fill it in there\n',
    });
    expect(shown.stdout).toContain(`base_model: ${base}\n`);
    expect(shown.stdout).toMatch(/\nfiles:\n {2}README\.md {2}[\d.]+ kB\n/);
  });

  it('says what is missing offline, and who must be asked online, with exit code 6', async () => {
    hub.commit('some-org/gated', { 'config.json': '{}', 'tokenizer.json': '{}', 'model.safetensors': 'x' });
    hub.gates.set('some-org/gated', new Set());
    const args = [
      'train',
      '--base',
      'some-org/gated',
      '--data',
      data,
      '--out',
      join(temporaryFolder(), 'run'),
      ...flags,
    ];
    const offline = await emotune(...args, '--offline');
    expect(offline).toMatchObject({
      code: 6,
      stderr: expect.stringContaining('some-org/gated: offline, and the cache'),
    });
    const gated = await emotune(...args, '--token', 'hf_secret');
    expect(gated).toMatchObject({ code: 6, stderr: expect.stringContaining('its terms must be accepted first (403)') });
    expect(gated.stderr).not.toContain('hf_secret');
    expect(existsSync(args[args.indexOf('--out') + 1]!)).toBe(false);
  });

  it.each<[string, string[], number, string]>([
    ['no repository', ['--model', 'x'], 2, '--repo is missing'],
    [
      'a name that is none',
      ['--model', 'x', '--repo', 'emotions'],
      2,
      "--repo: 'emotions' is no repository on the Hub",
    ],
    ['a folder that is no run', ['--model', 'x', '--repo', 'jane/x'], 2, 'x is no run with an adapter'],
  ])('push with %s is an error', async (_, args, code, message) => {
    expect(await emotune('push', ...args)).toMatchObject({ code, stderr: expect.stringContaining(message) });
  });

  it('fetches no dataset that it does not know', async () => {
    expect(await emotune('data', 'fetch', 'nope')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("'nope' is no dataset"),
    });
    const { stdout } = await emotune('data', 'fetch', 'social-posts');
    expect(stdout).toMatch(/posts\.jsonl: was there, as published/);
  });

  it('takes a tokenizer from the Hub, and not the weights', async () => {
    cacheDir = newFolder();
    hub.seen.length = 0;
    const out = join(temporaryFolder(), 'random');
    const made = await emotune('checkpoint', '--preset', 'nano', '--out', out, '--tokenizer', base);
    expect(made).toMatchObject({ code: 0 });
    expect(existsSync(join(out, 'tokenizer.json'))).toBe(true);
    expect(hub.seen.filter(({ host }) => host === 'files')).toEqual([]);
  });
});
