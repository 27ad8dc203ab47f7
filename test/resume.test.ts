import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { random } from '../src/core/random.ts';
import type { TrainOptions } from '../src/train/config.ts';
import type { TrainEvent } from '../src/train/events.ts';
import { resume, train } from '../src/train/train.ts';
import { temporaryFolder, tinyBase } from './support/model.ts';

/** A run that is stopped anywhere, in any way, and goes on, ends as the run that was not. */
const root = fileURLToPath(new URL('..', import.meta.url));
const everyStep = 1e-9;
let base: string;
let whole: string;

const quick = (options: Partial<TrainOptions> = {}): TrainOptions => ({
  base,
  data: 'social-posts',
  out: join(temporaryFolder(), 'run'),
  epochs: 3,
  limit: 80,
  rank: 4,
  dropout: 0.05,
  learningRate: 3e-3,
  threads: 1,
  checkpointMinutes: everyStep,
  ...options,
});

async function collect(events: AsyncIterable<TrainEvent>, until?: (event: TrainEvent) => boolean) {
  const all: TrainEvent[] = [];
  for await (const event of events) {
    all.push(event);
    if (until?.(event)) break;
  }
  return all;
}

const unbroken = (): string => whole;
const adapterOf = (run: string): Buffer => readFileSync(join(run, 'adapter_model.safetensors'));
const checkpointsOf = (run: string): string[] =>
  readdirSync(join(run, 'checkpoints'))
    .sort()
    .map((file) => join(run, 'checkpoints', file));

/** What a run did, without how long it took and where. */
function story(run: string): unknown[] {
  const told = (event: TrainEvent): unknown[] =>
    event.type === 'step' ? [{ ...event, seconds: 0 }] : event.type === 'evaluated' ? [event] : [];
  return readFileSync(join(run, 'metrics.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as TrainEvent)
    .flatMap(told);
}

function expectTheSameEnd(run: string): void {
  expect(story(run)).toEqual(story(whole));
  expect(adapterOf(run).equals(adapterOf(whole))).toBe(true);
  expect(existsSync(join(run, 'checkpoints'))).toBe(false);
  const result = (path: string) => {
    const { bestEpoch, validation, test: tested, reason } = JSON.parse(readFileSync(join(path, 'result.json'), 'utf8'));
    return { bestEpoch, validation, tested, reason };
  };
  expect(result(run)).toEqual(result(whole));
}

beforeAll(async () => {
  execFileSync(process.execPath, [join(root, 'scripts/setup.mjs')], { stdio: 'inherit' });
  base = await tinyBase();
  const options = quick({ checkpointMinutes: 60 });
  whole = options.out!;
  await collect(train(options));
}, 120_000);

describe('a run goes on to the same end', () => {
  /** Every event of the run, by its place. */
  test.each([1, 2, 7, 8, 9, 10, 11, 16, 22, 30, 34])('when its consumer leaves after event %d', async (place) => {
    const options = quick({ checkpointMinutes: place % 2 === 0 ? everyStep : 60 });
    let seen = 0;
    await collect(train(options), () => ++seen === place);
    const events = await collect(resume(options.out!));
    expect(events.slice(0, 2).map(({ type }) => type)).toEqual(['started', 'resumed']);
    expectTheSameEnd(options.out!);
  });

  test.each<readonly [string, () => Partial<TrainOptions>]>([
    ['PiSSA and LoRA+', () => ({ initLora: 'pissa', loraPlusRatio: 4 })],
    ['an adapter that is trained further', () => ({ initFrom: whole })],
  ])('with %s', async (_, change) => {
    const [unbroken, broken] = [quick({ epochs: 1, ...change() }), quick({ epochs: 1, ...change() })];
    await collect(train(unbroken));
    await collect(train(broken), (event) => event.type === 'step' && event.step === 3);
    await collect(resume(broken.out!));
    expect(story(broken.out!)).toEqual(story(unbroken.out!));
    expect(adapterOf(broken.out!).equals(adapterOf(unbroken.out!))).toBe(true);
  });

  test('when its signal is aborted, twice, once while it evaluates', async () => {
    const options = quick();
    const abortAt = (step: number, events: (signal: AbortSignal) => AsyncIterable<TrainEvent>) => {
      const controller = new AbortController();
      return collect(events(controller.signal), (event) => {
        if (event.type === 'step' && event.step === step) controller.abort();
        return false;
      });
    };
    const first = await abortAt(3, (signal) => train(options, { signal }));
    expect(first.at(-1)).toMatchObject({ type: 'done', reason: 'aborted' });
    const second = await abortAt(5, (signal) => resume(options.out!, { signal }));
    expect(second.at(-1)).toMatchObject({ reason: 'aborted' });
    expect(existsSync(join(options.out!, 'result.json'))).toBe(true);
    await collect(resume(options.out!));
    expectTheSameEnd(options.out!);
  });

  test('from the checkpoint before, where the newest is damaged; and says so', async () => {
    for (const damage of [
      flipLastByte,
      (path: string) => truncateSync(path, 2000),
      (path: string) => writeFileSync(path, ''),
    ]) {
      const options = quick();
      await collect(train(options), ({ type }) => type === 'evaluated');
      const [older, newest] = checkpointsOf(options.out!) as [string, string];
      damage(newest);
      const events = await collect(resume(options.out!));
      expect(events[1]).toMatchObject({ type: 'resumed', path: older, notes: [expect.stringContaining(newest)] });
      expectTheSameEnd(options.out!);
    }
  });

  test('whatever else was written after the checkpoint', async () => {
    const options = quick();
    await collect(train(options), (event) => event.type === 'step' && event.step === 7);
    appendFileSync(join(options.out!, 'metrics.jsonl'), '{"type":"step","step":8,"los');
    writeFileSync(join(options.out!, 'checkpoints', 'step-000000008.safetensors.abcd.tmp'), 'half');
    await collect(resume(options.out!));
    expectTheSameEnd(options.out!);
  });

  test('after early stopping was due', async () => {
    const options = quick({ epochs: 9, patience: 1, learningRate: 1e-9 });
    await collect(train(options), (event) => event.type === 'evaluated' && event.epoch === 2);
    const events = await collect(resume(options.out!));
    expect(events.filter(({ type }) => type === 'step')).toEqual([]);
    expect(events.at(-1)).toMatchObject({ reason: 'early stopping', bestEpoch: 1 });
  });
});

const flipLastByte = (path: string): void => {
  const bytes = readFileSync(path);
  bytes[bytes.length - 1]! ^= 1;
  writeFileSync(path, bytes);
};

describe('a run cannot go on', () => {
  const interrupted = async (options: Partial<TrainOptions> = {}): Promise<string> => {
    const all = quick(options);
    await collect(train(all), (event) => event.type === 'step' && event.step === 2);
    return all.out!;
  };
  const refused = (run: string, message: RegExp) => expect(collect(resume(run))).rejects.toThrow(message);

  test('where there is none', () => refused(temporaryFolder(), /is no run: it has no config.yaml/));
  test('when it is done', () => refused(whole, /is done, there is nothing to go on with: use it with predict/));
  test('when its configuration cannot be used', async () => {
    const run = await interrupted();
    const text = readFileSync(join(run, 'config.yaml'), 'utf8');
    writeFileSync(join(run, 'config.yaml'), `${text}\ngarbage: [`);
    await refused(run, /config\.yaml cannot be used: /);
    writeFileSync(join(run, 'config.yaml'), `${text}\nrnk: 4\n`);
    await refused(run, /config\.yaml cannot be used: .*rnk/);
  });
  test('when every checkpoint is damaged, each said with its reason', async () => {
    const run = await interrupted();
    for (const path of checkpointsOf(run)) flipLastByte(path);
    await refused(
      run,
      /every one is damaged[\s\S]*step-000000002.*SHA-256 differs[\s\S]*step-000000001.*SHA-256 differs/,
    );
  });
  test('on another base', async () => {
    const own = await tinyBase();
    const run = await interrupted({ base: own });
    cpSync(
      join(await tinyBase({ hidden_size: 64, head_dim: 16 }), 'model.safetensors'),
      join(own, 'model.safetensors'),
    );
    cpSync(join(await tinyBase({ hidden_size: 64, head_dim: 16 }), 'config.json'), join(own, 'config.json'));
    await refused(run, /the base \(.*\) changed since it stopped/);
  });
  test('on other data', async () => {
    const data = join(temporaryFolder(), 'posts.csv');
    const rows = Array.from({ length: 90 }, (_, i) => `text number ${i},${['joy', 'fear'][i % 2]}\n`);
    writeFileSync(data, `text,label\n${rows.join('')}`);
    const run = await interrupted({ data });
    writeFileSync(data, `text,label\n${rows.slice(1).join('')}another text,joy\n`);
    await refused(run, /the training data \(.*posts\.csv\) changed since it stopped/);
  });
  test('while another process trains there, which is not disturbed', async () => {
    const run = join(temporaryFolder(), 'run');
    const other = start(...flags(run));
    const over = ended(other);
    while (!hasCheckpoint(run) && other.exitCode === null) await new Promise((done) => setTimeout(done, 5));
    await refused(run, new RegExp(`process ${other.pid} on .* is training in `));
    await expect(collect(train(quick({ out: run, overwrite: true })))).rejects.toThrow(`process ${other.pid} on `);
    expect(await over).toBe(0);
    expectTheSameEnd(run);
  });
  test('with other settings', async () => {
    const run = await interrupted();
    const path = join(run, 'config.yaml');
    writeFileSync(
      path,
      readFileSync(path, 'utf8').replace('dropout: 0.05', 'dropout: 0.1').replace('rank: 4', 'rank: 8'),
    );
    await refused(run, /in its config.yaml rank is 8 and was 4, dropout is 0.1 and was 0.05. Put back/);
  });
  test('when its folder is taken for a new run, which names the way', async () => {
    const run = await interrupted();
    await expect(collect(train(quick({ out: run })))).rejects.toThrow(`--resume ${run}`);
  });
});

describe('an interrupted run', () => {
  test('that was killed before its first checkpoint is begun again', async () => {
    const options = quick();
    await collect(train(options), (event) => event.type === 'step' && event.step === 2);
    for (const name of ['checkpoints', 'adapter_model.safetensors', 'result.json'])
      rmSync(join(options.out!, name), { recursive: true, force: true });
    await expect(collect(train(quick({ out: options.out })))).rejects.toThrow(`--resume ${options.out}`);
    writeFileSync(join(options.out!, 'lock'), JSON.stringify({ id: 'x', pid: 2 ** 30, host: hostname() }));
    const [first, second] = await collect(resume(options.out!));
    expect([first!.type, second!.type]).toEqual(['started', 'step']);
    expectTheSameEnd(options.out!);
  });

  test('whose log is shorter than it was goes on after its last whole line', async () => {
    const options = quick();
    await collect(train(options), (event) => event.type === 'step' && event.step === 5);
    const path = join(options.out!, 'metrics.jsonl');
    const whole = readFileSync(path, 'utf8');
    const cut = whole.lastIndexOf('\n', whole.length - 2) - 10;
    truncateSync(path, cut);
    const events = await collect(resume(options.out!));
    const kept = whole.slice(0, cut).lastIndexOf('\n') + 1;
    expect(events[1]).toMatchObject({
      type: 'resumed',
      notes: [`metrics.jsonl has lost its last ${whole.length - kept} bytes: some steps are not in it`],
    });
    expect(readFileSync(path, 'utf8').startsWith(whole.slice(0, kept))).toBe(true);
    expect(story(options.out!).length).toBeLessThan(story(unbroken()).length);
    expect(adapterOf(options.out!).equals(adapterOf(unbroken()))).toBe(true);
  });

  test('that diverges in its first step keeps nothing that is not good', async () => {
    const options = quick({ learningRate: 1e30, warmup: 0, maxGradNorm: 0 });
    await collect(train(options), (event) => event.type === 'step');
    rmSync(join(options.out!, 'adapter_model.safetensors'));
    await expect(collect(resume(options.out!))).rejects.toThrow('the weights before are no longer there');
    expect(existsSync(join(options.out!, 'adapter_model.safetensors'))).toBe(false);
  });

  test('that was stopped while its data was prepared leaves nothing', async () => {
    const options = quick();
    const reason = new Error('stopped');
    await expect(collect(train(options, { signal: AbortSignal.abort(reason) }))).rejects.toThrow(reason);
    expect(existsSync(options.out!)).toBe(false);
  });

  test('that was stopped before its first step has nothing to predict with, and goes on', async () => {
    const [options, stop] = [quick(), new AbortController()];
    const events = await collect(train(options, { signal: stop.signal }), (event) => {
      if (event.type === 'started') stop.abort();
      return false;
    });
    expect(events.map(({ type }) => type)).toEqual(['started', 'checkpoint', 'done']);
    expect(readdirSync(options.out!).sort()).toEqual(['checkpoints', 'config.yaml', 'metrics.jsonl']);
    await collect(resume(options.out!));
    expectTheSameEnd(options.out!);
  });
});

/** A run as a process of its own, that can be killed. */
function start(...args: readonly string[]): ChildProcess {
  return spawn(process.execPath, [join(root, 'dist/cli/main.js'), 'train', ...args], { stdio: 'ignore' });
}
const ended = (child: ChildProcess): Promise<number | null> => new Promise((done) => child.on('close', done));
const flags = (out: string): string[] =>
  Object.entries({ ...quick({ out }), 'learning-rate': '3e-3', 'checkpoint-minutes': String(everyStep) })
    .filter(([name]) => !/[A-Z]/.test(name))
    .flatMap(([name, value]) => [`--${name}`, String(value)]);

test.each([1, 2])(
  'kill -9 at random moments, seed %d',
  async (seed) => {
    const run = join(temporaryFolder(), 'run');
    const rng = random(seed);
    for (let kills = 0, tries = 0; kills < 2 && tries < 20; tries++) {
      const child = start(...(hasCheckpoint(run) ? ['--resume', run] : [...flags(run), '--overwrite']));
      const over = ended(child);
      const moment = new Promise((done) => setTimeout(done, 1000 + 100 * tries + 900 * rng.uniform()));
      await Promise.race([moment, over]);
      if (child.exitCode !== null) break;
      child.kill('SIGKILL');
      await over;
      if (hasCheckpoint(run)) kills++;
    }
    if (hasCheckpoint(run)) expect(await ended(start('--resume', run))).toBe(0);
    expectTheSameEnd(run);
  },
  120_000,
);

const hasCheckpoint = (run: string): boolean => existsSync(join(run, 'checkpoints')) && checkpointsOf(run).length > 0;

/** Whether a small file system of its own can be had here. */
const canMount = spawnSync('unshare', ['-rm', 'sh', '-c', 'mount -t tmpfs tmpfs /mnt']).status === 0;

test.skipIf(!canMount)(
  'a full disk: training goes on, says so, and keeps the last good checkpoint',
  () => {
    const folder = temporaryFolder();
    const [small, kept] = [join(folder, 'small'), join(folder, 'kept')];
    mkdirSync(small);
    const command = [
      process.execPath,
      join(root, 'dist/cli/main.js'),
      'train',
      '--force',
      ...flags(join(small, 'run')),
      ...['--checkpoint-minutes', '60'], // after every epoch only: then the first one holds as much as the next
    ];
    const keep = `cp -r ${small}/run ${kept}`;
    const watch = `(while sleep 0.02; do cp -r ${small}/run/checkpoints ${folder}/ 2>/dev/null; done) &`;
    // once there is a checkpoint, another file leaves room for an adapter, which is a quarter of it, not for the next one;
    // the run stands still meanwhile
    const fill = `(until file=$(ls ${small}/run/checkpoints/*.safetensors 2>/dev/null | head -n 1) && [ -n "$file" ]; do sleep 0.002; done;
      kill -STOP $run;
      head -c $(($(df --output=avail -B1 ${small} | tail -n 1) - $(stat -c %s $file) * 7 / 10)) /dev/zero > ${small}/other;
      kill -CONT $run) &`;
    const script = `mount -t tmpfs -o size=8m tmpfs ${small} || exit; ${watch} watch=$!; ${command.join(' ')} & run=$!; ${fill} wait $run; code=$?; ${keep}; kill $watch; exit $code`;
    const { status, stderr } = spawnSync('unshare', ['-rm', 'sh', '-c', script], { encoding: 'utf8' });
    expect(stderr).toMatch(/warning: no checkpoint could be written, the last good one is kept: ENOSPC/);
    expect(status).toBe(0);
    expect(readdirSync(join(folder, 'checkpoints')).filter((f) => f.endsWith('.safetensors')).length).toBeGreaterThan(
      0,
    );
    expectTheSameEnd(kept);
    rmSync(kept, { recursive: true });
  },
  60_000,
);
