/** Every command as a user runs it: a process of its own, with the compiled code. */
import { type ChildProcessWithoutNullStreams, execFileSync, spawn } from 'node:child_process';
import {
  closeSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { shownBy } from '../src/tracking/testing/event-files.ts';
import { FakeMlflow } from '../src/tracking/testing/fake-mlflow.ts';
import type { TrainEvent } from '../src/train/events.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'emotune-cli-'));
const at = (...path: string[]): string => join(folder, ...path);
/** A run that the tests of other commands use. */
const run = at('run');

const labels = ['anger', 'disgust', 'fear', 'joy', 'neutral', 'sadness', 'surprise'];
/** The least that is a training. */
const small = ['--epochs', '1', '--rank', '2', '--batch-size', '8'];

interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function start(...args: readonly string[]): ChildProcessWithoutNullStreams {
  const env = { ...process.env, NO_COLOR: '1', COLUMNS: '200' };
  return spawn(process.execPath, [join(root, 'dist/cli/main.js'), ...args], { cwd: folder, env });
}

async function outcomeOf(child: ChildProcessWithoutNullStreams): Promise<Outcome> {
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { code: await ended, stdout, stderr };
}

async function emotune(...args: readonly string[]): Promise<Outcome> {
  const child = start(...args);
  child.stdin.end();
  return outcomeOf(child);
}

/** The stdout of a command that must succeed. */
async function output(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await emotune(...args);
  expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
  return stdout;
}

const jsonLines = (stdout: string): unknown[] =>
  stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));

/** Resolves when the process has written something that matches. */
const seen = (stream: NodeJS.ReadableStream, pattern: RegExp): Promise<void> =>
  new Promise((resolve) => {
    let all = '';
    stream.on('data', (data) => {
      all += data;
      if (pattern.test(all)) resolve();
    });
  });

beforeAll(async () => {
  execFileSync(process.execPath, [join(root, 'scripts/setup.mjs')], { stdio: 'inherit' });
  const posts = readFileSync(join(root, 'assets/social-posts/posts.jsonl'), 'utf8').trim().split('\n');
  const rows = posts.map((line) => JSON.parse(line) as { split: string; label: string; text: string });
  const few = ['train', 'validation', 'test'].flatMap((split) =>
    labels.flatMap((label) => rows.filter((row) => row.split === split && row.label === label).slice(0, 5)),
  );
  writeFileSync(at('posts.jsonl'), few.map((row) => `${JSON.stringify(row)}\n`).join(''));
  writeFileSync(
    at('posts.csv'),
    `tweet,feeling\n${few.map(({ text, label }) => `"${text.replaceAll('"', '""')}",${label}\n`).join('')}`,
  );
  await output('train', '--data', 'posts.jsonl', '--out', run, ...small);
}, 180_000);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('help', () => {
  it('lists the commands and the exit codes', async () => {
    const help = await output('--help');
    for (const word of ['train', 'evaluate', 'predict', 'data', 'merge', 'checkpoint', 'doctor', '130  interrupted'])
      expect(help).toContain(word);
    expect(await output()).toBe(help);
  });

  it('says the version', async () => {
    expect((await output('--version')).trim()).toBe(
      JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version,
    );
  });
});

describe('train', () => {
  it('shows progress on stderr and the result on stdout', async () => {
    const args = ['train', '--data', 'social-posts', '--limit', '64', '--out', at('plain'), ...small];
    const { code, stdout, stderr } = await emotune(...args);
    expect(code).toBe(0);
    expect(stderr).toContain('data        social-posts: 64 train, 133 validation, 133 test');
    expect(stderr).toContain('step 1/8  epoch 0.13  loss ');
    expect(stderr).toContain('validation after epoch 1: macroF1 ');
    expect(stdout).toContain('Test split of social-posts\nsingle_label_classification, 133 examples');
    expect(stdout).toContain('true \\ predicted');
    expect(stdout).toMatch(/^training {4}[\d.]+ s, [\d,]+ tokens\/s$/m);
    expect(stdout).toMatch(/^parameters {2}[\d,]+ trained of [\d,]+ \(.* %\)$/m);
    expect(stdout).toContain(`npx emotune evaluate --model ${at('plain')} --data social-posts\n`);
  });

  it('reads settings from a file, which flags override', async () => {
    writeFileSync(
      at('run.yaml'),
      'data: posts.jsonl\nrank: 4\nepochs: 1\nbatchSize: 7\nlimit: 7\nschedule: constant\n',
    );
    const stdout = await output('train', '--config', 'run.yaml', '--rank', '2', '--out', at('yaml'), '--json');
    const events = jsonLines(stdout) as TrainEvent[];
    expect(events.map(({ type }) => type)).toEqual('started step evaluated saved checkpoint evaluated done'.split(' '));
    const written = readFileSync(at('yaml', 'config.yaml'), 'utf8');
    expect(written).toContain('rank: 2\n');
    expect(written).toContain('schedule: constant\n');
    expect(events.at(-1)).toMatchObject({ type: 'done', reason: 'finished', out: at('yaml') });
  });

  it('says with --dry-run what a run would take, and writes nothing', async () => {
    const flags = ['train', '--data', 'social-posts', ...small, '--out', at('dry'), '--dry-run'];
    const report = await output(...flags);
    expect(report).toMatch(
      /^memory {6}[\d.]+ MB +expected at the peak \((training|evaluation)\), of [\d.]+ GB that can be had$/m,
    );
    expect(report).toMatch(/^ {12}[\d.]+ MB +frozen weights$/m);
    expect(report).toMatch(/^disk {8}[\d.]+ [kM]B +at most, of [\d.]+ GB that are free$/m);
    expect(report).toMatch(/^time .* in all$/m);
    expect(report).toMatch(/^limits {6}memory {6}.+ \([\d.]+ MB\)$/m);
    const plan = JSON.parse(await output(...flags, '--json'));
    expect(plan).toMatchObject({ steps: 132, epochs: 1, shortage: null, estimate: { disk: {}, time: {} } });
    expect(plan.estimate.memory.bytes).toBeGreaterThan(1e8);
    expect(readdirSync(folder)).not.toContain('dry');
  });

  it('takes no --dry-run of a run that goes on', async () => {
    const { code, stderr } = await emotune('train', '--resume', run, '--dry-run');
    expect(code).toBe(2);
    expect(stderr).toContain('error: --dry-run is for a new run: leave out --resume');
  });

  it('exits with 5 when the loss is no number', async () => {
    const wild = ['--optimizer', 'sgd', '--learning-rate', '1e30', '--max-grad-norm', '0', '--warmup', '0'];
    const { code, stderr } = await emotune('train', '--data', 'posts.jsonl', '--out', at('wild'), ...small, ...wild);
    expect({ code, stderr }).toEqual({ code: 5, stderr: expect.stringMatching(/^error: .*maxGradNorm/m) });
  });

  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
    'stops cleanly at %s, and leaves a run that is whole',
    async (signal) => {
      const out = at(signal);
      const child = start('train', '--data', 'posts.jsonl', '--out', out, ...small, '--epochs', '500');
      const outcome = outcomeOf(child);
      await seen(child.stderr, /^step +1\//m);
      child.kill(signal);
      const { code, stdout, stderr } = await outcome;
      expect(code).toBe(130);
      expect(stderr).toContain('stopping after this step');
      expect(stdout).toMatch(/^Stopped at step \d+ of 2500\. The run is usable/m);
      expect(readdirSync(out).sort()).toEqual([...readdirSync(run), 'checkpoints'].sort());
      if (signal === 'SIGINT') expect(await output('predict', '--model', out, 'Hello there')).toContain('Hello there');
    },
  );

  it('stops cleanly when the reader of its events leaves', async () => {
    const out = at('left');
    const child = start('train', '--data', 'posts.jsonl', '--out', out, ...small, '--epochs', '500', '--json');
    const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
    await seen(child.stdout, /"type":"step"/);
    child.stdout.destroy();
    expect(await ended).toBe(130);
    expect(readdirSync(out).sort()).toEqual([...readdirSync(run), 'checkpoints'].sort());
  });

  it('stops at once at the second Ctrl-C', async () => {
    const child = start('train', '--data', 'posts.jsonl', '--out', at('twice'), ...small, '--epochs', '500');
    const signal = new Promise<NodeJS.Signals | null>((resolve) => child.on('close', (_, by) => resolve(by)));
    await seen(child.stderr, /^step +1\//m);
    child.kill('SIGINT');
    await seen(child.stderr, /stopping/);
    child.kill('SIGINT');
    expect(['SIGINT', null]).toContain(await signal);
  });
});

describe('train --model', () => {
  it('fits a baseline, which is evaluated and predicts like any other model', async () => {
    const data = ['--data', 'posts.jsonl', '--data-dir', 'none'];
    const { code, stdout, stderr } = await emotune('train', ...data, '--model', 'tfidf-lr', '--out', 'lr');
    expect(code).toBe(0);
    expect(stderr).toMatch(/^model {7}tfidf-lr\n.*\ntest after epoch 1: macroF1 /s);
    const evaluated = JSON.parse(await output('evaluate', '--model', 'lr', '--data', 'posts.jsonl', '--json'));
    expect(stdout).toContain(`macroF1     ${evaluated.metrics.macroF1.value.toFixed(4)}`);
    const [line] = jsonLines(await output('predict', '--model', 'lr', '--json', 'What a lovely surprise!'));
    expect(Object.keys((line as { scores: object }).scores)).toEqual(labels);
  });

  it('has nothing to go on with once it is done', async () => {
    const { code, stderr } = await emotune('train', '--resume', 'lr');
    expect(code).toBe(4);
    expect(stderr).toMatch(/^error: .*lr is done, there is nothing to go on with/);
  });

  it('names the options that only LoRA has', async () => {
    const { code, stderr } = await emotune('train', '--data', 'posts.jsonl', '--model', 'majority', ...small);
    expect(code).toBe(2);
    expect(stderr).toContain('rank, epochs, --batch-size: not for model majority, which has no base and no LoRA');
  });
});

describe('train --track', () => {
  afterEach(() => vi.unstubAllEnvs());

  it('writes event files and tells the MLflow server that the environment names', async () => {
    const server = await new FakeMlflow().listen();
    vi.stubEnv('MLFLOW_TRACKING_URI', server.uri);
    vi.stubEnv('MLFLOW_EXPERIMENT_NAME', 'posts');
    vi.stubEnv('MLFLOW_TRACKING_TOKEN', 's3cret');
    const out = at('tracked');
    const { code, stdout, stderr } = await emotune(
      ...['train', '--data', 'posts.jsonl', '--out', out, ...small, '--track', 'tensorboard,mlflow'],
    );
    expect({ code, warnings: stderr.match(/^warning:.*$/gm) }).toEqual({ code: 0, warnings: null });
    const events = jsonLines(readFileSync(join(out, 'metrics.jsonl'), 'utf8')) as TrainEvent[];
    const losses = events.flatMap((event) => (event.type === 'step' ? [[event.step, event.loss]] : []));
    expect(losses.length).toBe(5);

    expect(server.run).toMatchObject({ name: 'tracked', status: 'FINISHED' });
    expect([...server.experiments.keys()]).toEqual(['posts']);
    expect(server.run.params.get('rank')).toBe('2');
    const logged = server.run.metrics.filter(({ key }) => key === 'train/loss');
    expect(logged.map(({ step, value }) => [step, value])).toEqual(losses);
    expect([...server.authorizations]).toEqual(['Bearer s3cret']);
    await server.stop();

    const { scalars } = await shownBy(join(out, 'tensorboard'));
    expect(scalars['train/loss']).toEqual(losses.map(([step, loss]) => [step, Math.fround(loss!)]));
    expect(scalars).toHaveProperty('test/macroF1');
    const config = readFileSync(join(out, 'config.yaml'), 'utf8');
    expect(config).toContain(`mlflowUri: ${server.uri}\nmlflowExperiment: posts\n`);
    expect(config + stdout + stderr + readFileSync(join(out, 'mlflow.json'), 'utf8')).not.toContain('s3cret');
  });

  it('trains without a server that is away, and says so once', async () => {
    const server = await new FakeMlflow().listen();
    await server.stop();
    const args = ['train', '--data', 'posts.jsonl', '--out', at('alone'), ...small, '--track', 'mlflow'];
    const { code, stdout, stderr } = await emotune(...args, '--mlflow-uri', server.uri, '--json');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const events = jsonLines(stdout) as TrainEvent[];
    expect(events.find(({ type }) => type === 'done')).toMatchObject({ reason: 'finished' });
    const warnings = events.flatMap((event) => (event.type === 'warning' ? [event.message] : []));
    expect(warnings).toEqual([
      expect.stringMatching(/^MLflow at http.*: no answer \(ECONNREFUSED\); training goes on/),
      expect.stringMatching(/^MLflow at http.*: \d+ metric values could not be sent; metrics\.jsonl has them$/),
    ]);
  });

  it('shows a run that was killed and went on with every step once', async () => {
    const server = await new FakeMlflow().listen();
    const out = at('killed');
    const flags = ['--track', 'tensorboard,mlflow', '--mlflow-uri', server.uri, '--json'];
    const child = start('train', '--data', 'posts.jsonl', '--out', out, ...small, '--epochs', '6', ...flags);
    const ended = outcomeOf(child);
    await seen(child.stdout, /"step":13,/);
    child.kill('SIGKILL');
    await ended;
    await output('train', '--resume', out, '--json');
    const events = jsonLines(readFileSync(join(out, 'metrics.jsonl'), 'utf8')) as TrainEvent[];
    const losses = events.flatMap((event) => (event.type === 'step' ? [[event.step, event.loss]] : []));
    expect(losses.length).toBe(30);

    const logged = server.run.metrics.filter(({ key }) => key === 'train/loss');
    expect(logged.map(({ step, value }) => [step, value])).toEqual(losses);
    expect(server.run.metrics.filter(({ key }) => key === 'validation/macroF1').length).toBe(6);
    expect(server.run.status).toBe('FINISHED');
    await server.stop();
    const { scalars } = await shownBy(join(out, 'tensorboard'));
    expect(scalars['train/loss']).toEqual(losses.map(([step, loss]) => [step, Math.fround(loss!)]));
    expect(scalars['validation/macroF1']?.map(([step]) => step)).toEqual([5, 10, 15, 20, 25, 30]);
  });

  it('says what is missing before anything is computed', async () => {
    vi.stubEnv('MLFLOW_TRACKING_URI', '');
    const { code, stderr } = await emotune('train', '--data', 'posts.jsonl', '--out', at('none'), '--track', 'mlflow');
    expect(code).toBe(2);
    expect(stderr).toBe(
      'error: track: mlflow needs the address of a server: give --mlflow-uri, such as http://localhost:5000, or set MLFLOW_TRACKING_URI\n',
    );
    const wrong = await emotune('train', '--data', 'posts.jsonl', '--track', 'wandb');
    expect(wrong.stderr).toContain('--track: expected a list of one of tensorboard, mlflow');
  });
});

describe('evaluate', () => {
  it('finds the test results of the training again', async () => {
    const { test } = JSON.parse(readFileSync(join(run, 'result.json'), 'utf8'));
    const found = JSON.parse(await output('evaluate', '--model', run, '--data', 'posts.jsonl', '--json'));
    expect(found).toMatchObject({ n: 35, truncated: 0, metrics: test.metrics, confusion: test.confusion });
  });

  it('reads tables with other separators, and quotes that are none', async () => {
    writeFileSync(at('odd.csv'), 'text;label\n"Hooray!;joy\nOh no;sadness\n');
    const flags = ['--delimiter', ';', '--no-quoting', '--split', 'all'];
    expect(await output('evaluate', '--model', run, '--data', 'odd.csv', ...flags)).toContain('2 examples');
  });

  it('writes what was answered wrongly, the worst first, and scores parts of the data', async () => {
    const flags = [
      '--model',
      run,
      '--data',
      'posts.jsonl',
      '--errors',
      at('wrong.jsonl'),
      '--slices',
      'length,channel',
    ];
    const stdout = await output('evaluate', ...flags);
    const { confusion, slices } = JSON.parse(await output('evaluate', ...flags, '--json'));
    const right = (confusion as number[][]).reduce((n, row, k) => n + row[k]!, 0);
    const wrong = jsonLines(readFileSync(at('wrong.jsonl'), 'utf8')) as {
      size: number;
      true: string[];
      labels: string[];
    }[];
    expect(wrong).toHaveLength(35 - right);
    for (const [i, { size, true: truth, labels: given }] of wrong.entries()) {
      expect(given).not.toEqual(truth);
      if (i > 0) expect(size).toBeLessThanOrEqual(wrong[i - 1]!.size);
    }
    expect(stdout).toContain(`${35 - right} texts answered wrongly, in ${at('wrong.jsonl')}; the worst:`);
    const lengths = (slices as { name: string; n: number }[]).filter(({ name }) => name === 'length');
    expect(lengths.reduce((n, slice) => n + slice.n, 0)).toBe(35);
    expect(stdout).toMatch(/^slice .*texts +accuracy +95 % interval$/m);
    const { code, stderr } = await emotune('evaluate', '--model', run, '--data', 'posts.jsonl', '--slices', 'mood');
    expect(code).toBe(2);
    expect(stderr).toMatch(
      /--slices mood: no column of the data that is not used otherwise is called so; there are .*channel.*, and length/,
    );
  });

  it("reads the labels of a file in the model's order", async () => {
    writeFileSync(at('two.csv'), 'text,label\nHooray!,joy\nOh no,sadness\nYes!,joy\nWhat,joy\n');
    const stdout = await output('evaluate', '--model', run, '--data', 'two.csv', '--split', 'all');
    expect(stdout).toContain('single_label_classification, 4 examples (intervals: 1000 bootstrap draws)');
    for (const label of labels) expect(stdout).toContain(label);
    expect(stdout).toMatch(/^speed {7}[\d,]+ texts\/s$/m);
  });

  it("measures the same on a dataset whose labels are in another order than the model's", async () => {
    const turned = [...labels].reverse();
    await output('data', 'split', '--data', 'posts.jsonl', '--labels', turned.join(','), '--out', 'turned');
    expect(JSON.parse(readFileSync(at('turned/dataset.json'), 'utf8')).labels).toEqual(turned);
    const { test } = JSON.parse(readFileSync(join(run, 'result.json'), 'utf8'));
    const found = JSON.parse(await output('evaluate', '--model', run, '--data', 'turned', '--json'));
    expect(found).toMatchObject({ n: 35, metrics: test.metrics, confusion: test.confusion });
  });

  it('says which rows it could not use, and that a split is another than that of the training', async () => {
    writeFileSync(at('holes.csv'), 'text,label\nHooray!,joy\nOh no\n"\u0001",joy\n');
    const seen = await emotune('evaluate', '--model', run, '--data', 'posts.jsonl', '--split', 'all');
    expect(seen.stderr).toContain('warning: all of posts: the model was trained on these texts, or on some of them');
    const all = await emotune('evaluate', '--model', run, '--data', 'holes.csv', '--split', 'all');
    expect(all.stderr).toContain('warning: 1 row skipped as malformed: holes.csv:3: 1 fields where 2 are needed\n');
    expect(all.stderr).toContain('warning: 1 row without text left out\n');
    writeFileSync(at('sub.jsonl'), readFileSync(at('posts.jsonl'), 'utf8').replaceAll('"split"', '"part"'));
    rmSync(at('elsewhere'), { recursive: true, force: true });
    mkdirSync(at('elsewhere'));
    cpSync(at('sub.jsonl'), at('elsewhere/posts.jsonl'));
    const other = await emotune('evaluate', '--model', run, '--data', 'elsewhere/posts.jsonl');
    expect(other.stderr).toContain('for the training it was: as given in the data. The model may know some');
    const same = await emotune('evaluate', '--model', run, '--data', 'posts.jsonl');
    expect(same.stderr).not.toContain('warning');
  });
});

describe('evaluate --against', () => {
  /** A run with the same labels in another order. */
  const other = at('other');
  const data = ['--data', 'posts.jsonl', '--split', 'all'];
  /** A copy of the run that says something else of itself. */
  const altered = (name: string, change: Readonly<Record<string, unknown>>): string => {
    cpSync(run, at(name), { recursive: true });
    const file = at(name, 'emotune.json');
    writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), ...change }));
    return at(name);
  };

  beforeAll(async () => {
    const order = ['--labels', labels.toReversed().join(',')];
    await output('train', '--data', 'posts.jsonl', '--out', other, ...order, ...small, '--seed', '7');
  }, 60_000);

  it('compares two models by the names of their labels', async () => {
    const { labels: order } = JSON.parse(readFileSync(join(other, 'emotune.json'), 'utf8'));
    expect(order).toEqual(labels.toReversed());
    const { comparison, ...alone } = JSON.parse(
      await output('evaluate', '--model', run, '--against', other, ...data, '--json'),
    );
    expect(alone).toHaveProperty('confusion');
    const { metrics } = JSON.parse(await output('evaluate', '--model', other, ...data, '--json'));
    expect(comparison).toMatchObject({ against: other, n: 105, bootstrap: { draws: 1000 }, mcnemar: {} });
    for (const [name, { a, b, difference }] of Object.entries<Record<string, number>>(comparison.metrics)) {
      expect(a).toBeCloseTo(alone.metrics[name].value, 6);
      expect(b).toBeCloseTo(metrics[name].value, 6);
      expect(difference).toBeCloseTo(a! - b!, 12);
    }
  });

  it('finds no difference of a model to itself', async () => {
    await output('train', '--data', 'posts.jsonl', '--model', 'tfidf-svm', '--out', 'svm');
    const baseline = await output('evaluate', '--model', run, '--against', 'svm', '--device', 'cpu', ...data);
    expect(baseline).toContain('B is svm\nA against B, 105 examples');
    const stdout = await output('evaluate', '--model', run, '--against', run, ...data);
    expect(stdout).toContain(`B is ${run}\nA against B, 105 examples (intervals: 1000 paired bootstrap draws;`);
    expect(stdout).toMatch(/^macroF1 .* \+0\.0000 +\+0\.0000 to \+0\.0000 +1\.0000$/m);
    expect(stdout).toContain("right in A alone 0, in B alone 0: McNemar's test (binomial) p 1.0000");
  });

  it('refuses a model of another task, or of other labels, before it computes', async () => {
    const task = altered('of-another-task', { task: 'multi_label_classification' });
    const names = altered('of-other-labels', { labels: ['anger', 'disgust', 'fear', 'joy', 'calm', 'sadness', 'awe'] });
    expect(await emotune('evaluate', '--model', run, '--against', task, ...data)).toEqual({
      code: 2,
      stdout: '',
      stderr: `error: --against ${task} does multi_label_classification, but --model ${run} does single_label_classification: only models of one task can be compared\n`,
    });
    expect(await emotune('evaluate', '--model', run, '--against', names, ...data)).toEqual({
      code: 2,
      stdout: '',
      stderr: `error: --against ${names} has other labels than --model ${run}: it lacks neutral, surprise; it alone has calm, awe. Only models of the same labels can be compared\n`,
    });
  });
});

describe('predict', () => {
  const prediction = { scores: expect.any(Object), labels: [expect.any(String)], truncated: false };

  it('classifies arguments, one line each', async () => {
    const lines = (await output('predict', '--model', run, 'What a day', 'Oh no')).trimEnd().split('\n');
    expect(lines).toEqual([
      expect.stringMatching(/^[a-z]+ 0\.\d\d +What a day$/),
      expect.stringMatching(/^[a-z]+ 0\.\d\d +Oh no$/),
    ]);
    const [top] = (await output('predict', '--model', run, '--top', '7', 'Oh no')).split('\n');
    for (const label of labels) expect(top).toContain(`${label} 0.`);
  });

  it('gives scores that add up to one as JSON, and says what it cannot classify', async () => {
    const { code, stdout, stderr } = await emotune('predict', '--model', run, '--json', 'Oh no', '', 'Yes');
    expect(code).toBe(0);
    const [first, empty, last] = jsonLines(stdout) as { scores: Record<string, number> }[];
    expect(first).toEqual({ text: 'Oh no', ...prediction });
    expect(empty).toEqual({ text: '', error: 'empty text' });
    expect(last).toEqual({ text: 'Yes', ...prediction });
    expect(Object.keys(first!.scores)).toEqual(labels);
    expect(Object.values(first!.scores).reduce((a, b) => a + b)).toBeCloseTo(1, 6);
    expect(stderr).toBe('1 text without anything to classify\n');
  });

  it('answers lines of stdin as they come, in their order', async () => {
    const child = start('predict', '--model', run);
    const outcome = outcomeOf(child);
    child.stdin.write('first line\n\nthird');
    await seen(child.stdout, /first line\n\(empty\)\n/);
    child.stdin.end(' line\r\n');
    const { code, stdout } = await outcome;
    expect(code).toBe(0);
    expect(
      stdout
        .trimEnd()
        .split('\n')
        .map((line) => line.replace(/^\w+ [\d.]+ +/, '')),
    ).toEqual(['first line', '(empty)', 'third line']);
  });

  it('reads a file, with a line for every row', async () => {
    writeFileSync(at('in.csv'), 'id,Tweet\n1,"a\nb"\n2\n3,c\n');
    expect(jsonLines(await output('predict', '--model', run, '--json', '--input', 'in.csv'))).toEqual([
      { text: 'a\nb', ...prediction },
      { text: '', error: '1 fields where 2 are needed' },
      { text: 'c', ...prediction },
    ]);
  });

  it('reads what was said before a text', async () => {
    writeFileSync(at('turns.jsonl'), '{"text":"no","turns":["Did you win?"]}\n{"text":"no"}\n');
    const [after, alone] = jsonLines(
      await output('predict', '--model', run, '--json', '--input', 'turns.jsonl', '--context-column', 'turns'),
    );
    expect([after, alone]).toEqual([
      { text: 'no', ...prediction },
      { text: 'no', ...prediction },
    ]);
    expect(after).not.toEqual(alone);
  });

  it('ends quietly when its reader goes away', async () => {
    const child = start('predict', '--model', run);
    const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
    const complaints = text(child.stderr);
    child.stdin.on('error', () => {});
    child.stdout.once('data', () => child.stdout.destroy());
    const feed = setInterval(() => child.stdin.write('again and again\n'.repeat(50)), 10);
    expect(await ended).toBe(0);
    clearInterval(feed);
    expect(await complaints).toBe('');
  });

  it('says how many texts were cut', async () => {
    const { stdout, stderr } = await emotune('predict', '--model', run, '--json', 'word '.repeat(1000));
    expect(jsonLines(stdout)).toMatchObject([{ truncated: true }]);
    expect(stderr).toBe("1 text cut to the model's length\n");
  });
});

describe('data', () => {
  it('lists the datasets, and says which are here', async () => {
    const stdout = await output('data', 'list');
    expect(stdout).toContain('social-posts: ');
    expect(stdout).toMatch(/files: here/);
    expect(stdout).toMatch(/files: missing in data\/goemotions\/original: train\.tsv/);
    const [first] = JSON.parse(await output('data', 'list', '--json'));
    expect(first).toMatchObject({ name: 'social-posts', missing: [], licence: expect.any(String) });
  });

  it('finds doubtful labels by cross-validation, and changes nothing', async () => {
    const found = await output('data', 'label-errors', '--data', 'posts.jsonl', '--out', at('doubtful.jsonl'));
    expect(found).toMatch(/^\d+ labels of 35 in the train split likely wrong \(.* %\), in .*doubtful\.jsonl$/m);
    expect(found).toMatch(/judged by tfidf-lr, which has a macroF1 of 0\.\d+ on texts it has not seen/);
    const lines = jsonLines(readFileSync(at('doubtful.jsonl'), 'utf8')) as { label: string; likely: string }[];
    for (const { label, likely } of lines) expect(likely).not.toBe(label);
    const itself = await emotune('data', 'label-errors', '--data', 'posts.jsonl', '--out', at('posts.jsonl'));
    expect(itself.stderr).toContain(`--out ${at('posts.jsonl')}: is the data itself, which would be lost`);
    const values = ['--task', 'regression', '--label-columns', 'valence'];
    const { code, stderr } = await emotune('data', 'label-errors', '--data', 'posts.jsonl', ...values);
    expect(code).toBe(2);
    expect(stderr).toContain('data label-errors is for labels; posts is for regression');
  });

  it('inspects a file, and writes its split, which can be read back', async () => {
    const columns = ['--text-column', 'tweet', '--label-columns', 'feeling'];
    const seen = await output('data', 'inspect', '--data', 'posts.csv', ...columns, '--html', at('posts.html'));
    expect(seen).toMatch(/^rows read +105$/m);
    expect(seen).toMatch(/^alike +/m);
    expect(readFileSync(at('posts.html'), 'utf8')).toMatch(/^<!doctype html>[\s\S]*<h2>Writing scripts<\/h2>/);
    const nowhere = ['--html', '/dev/full/x'];
    const { code, stderr } = await emotune('data', 'inspect', '--data', 'posts.csv', ...columns, ...nowhere);
    expect(code).toBe(2);
    expect(stderr).toMatch(/^error: \/dev\/full\/x: cannot be written: /);
    await output('data', 'split', '--data', 'posts.csv', '--out', 'parts', '--seed', '3', ...columns);
    expect(readdirSync(at('parts')).sort()).toEqual(['dataset.json', 'test.jsonl', 'train.jsonl', 'validation.jsonl']);
    expect(JSON.parse(await output('data', 'inspect', '--data', 'parts', '--json'))).toMatchObject({ labels });
  });
});

describe.skipIf(process.platform === 'win32')('a signal', () => {
  it.each<[NodeJS.Signals, string[]]>([
    ['SIGINT', ['data', 'inspect']],
    ['SIGHUP', ['data', 'split', '--out', 'never']],
    ['SIGTERM', ['evaluate', '--model', run]],
    ['SIGTERM', ['train', '--dry-run']],
  ])('%s ends %j, and no working files stay behind', async (signal, args) => {
    const temporary = mkdtempSync(at('tmp-'));
    const data = join(temporary, 'data.csv'); // a pipe that nobody writes to: the command waits in its middle
    execFileSync('mkfifo', [data]);
    vi.stubEnv('TMPDIR', temporary);
    const child = start(...args, '--data', data);
    vi.unstubAllEnvs();
    const ended = new Promise((resolve) => child.on('close', (code, by) => resolve(by ?? code)));
    const working = () => [
      ...readdirSync(temporary).filter((name) => name.startsWith('emotune-')),
      ...readdirSync(folder).filter((name) => name.startsWith('never')),
    ];
    await vi.waitFor(() => expect(working()).toHaveLength(1), { timeout: 30_000 });
    child.kill(signal);
    expect(await ended).toBe(signal);
    expect(working()).toEqual([]);
  });
});

/** A device on which every write fails for lack of space; Linux has one. */
const full = '/dev/full';

describe.skipIf(!existsSync(full))('on a full disk', () => {
  /** What a command does that cannot write to one of its outputs; what it writes to the other. */
  async function emotuneOnto(which: 'stdout' | 'stderr', ...args: readonly string[]) {
    const device = openSync(full, 'w');
    const stdio = which === 'stdout' ? (['ignore', device, 'pipe'] as const) : (['ignore', 'pipe', device] as const);
    const child = spawn(process.execPath, [join(root, 'dist/cli/main.js'), ...args], {
      cwd: folder,
      stdio: [...stdio],
    });
    closeSync(device);
    const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
    const written = await text((which === 'stdout' ? child.stderr : child.stdout)!);
    return { code: await ended, written };
  }
  const cannot = 'stdout cannot be written: ENOSPC: no space left on device, write';
  const train = (out: string, ...flags: readonly string[]) => [
    'train',
    '--data',
    'posts.jsonl',
    '--out',
    out,
    ...small,
    ...flags,
  ];

  it('a run goes on without its log, and says so once', async () => {
    const { code, written } = await emotuneOnto('stdout', ...train(at('full-json'), '--json'));
    expect({ code, written }).toEqual({ code: 0, written: `warning: ${cannot}; the run's folder has everything\n` });
    expect(readdirSync(at('full-json')).sort()).toEqual(readdirSync(run).sort());
    const events = jsonLines(readFileSync(at('full-json', 'metrics.jsonl'), 'utf8')) as TrainEvent[];
    expect(events.at(-1)).toMatchObject({ type: 'done', reason: 'finished' });
  });

  it('a run goes on without its progress, and without its summary', async () => {
    const progress = await emotuneOnto('stderr', ...train(at('full-plain'), '--plain'));
    expect(progress).toEqual({ code: 0, written: expect.stringContaining('next:\n  npx emotune predict') });
    const summary = await emotuneOnto('stdout', ...train(at('full-quiet'), '--quiet'));
    expect(summary).toEqual({ code: 0, written: `warning: ${cannot}; the run's folder has everything\n` });
  });

  it('results of which a part was written are no success', async () => {
    const list = `ulimit -f 1; exec "${process.execPath}" "${join(root, 'dist/cli/main.js')}" data list --json > part.json`;
    const { code, stderr } = await outcomeOf(spawn('sh', ['-c', list], { cwd: folder }));
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: 'error: stdout cannot be written: EFBIG: file too large, write\n',
    });
    expect([512, 1024]).toContain(readFileSync(at('part.json')).length); // a shell's idea of a block
  });

  it('a command whose output is its purpose says why it ends', async () => {
    const ended = { code: 2, written: `error: ${cannot}\n` };
    expect(await emotuneOnto('stdout', 'predict', '--model', run, 'Oh no')).toEqual(ended);
    expect(await emotuneOnto('stdout', 'data', 'list', '--json')).toEqual(ended);
  });
});

describe('merge and checkpoint', () => {
  it('leaves alone what is at --out', async () => {
    writeFileSync(at('precious'), 'mine');
    const { code, stderr } = await emotune('merge', '--model', run, '--out', 'precious');
    expect([code, stderr]).toEqual([2, expect.stringContaining('precious is no folder (ENOTDIR): choose a new one')]);
    expect(readFileSync(at('precious'), 'utf8')).toBe('mine');
  });

  it('write models that the other commands use', async () => {
    await output('merge', '--model', run, '--out', 'merged', '--dtype', 'F32');
    const classify = async (model: string) =>
      (
        jsonLines(await output('predict', '--model', model, '--json', 'Oh no')) as { scores: Record<string, number> }[]
      )[0]!;
    const [merged, adapted] = [await classify('merged'), await classify(run)];
    for (const label of labels) expect(merged.scores[label]).toBeCloseTo(adapted.scores[label]!, 4);

    await output('checkpoint', '--preset', 'nano', '--out', 'random', '--seed', '1', '--max-shard-bytes', '5e6');
    expect(readdirSync(at('random'))).toContain('model.safetensors.index.json');
    await output(
      'train',
      '--base',
      'random',
      '--data',
      'posts.jsonl',
      '--limit',
      '7',
      ...small,
      '--out',
      at('on-random'),
    );
  });
});

describe('doctor', () => {
  it('finds the engine and the base', async () => {
    const { machine, engine, base, gemmFlopsPerSecond } = JSON.parse(await output('doctor', '--json'));
    expect(machine).toMatchObject({ node: process.version, cores: expect.any(Number) });
    expect(engine.providers).toContainEqual({ name: 'cpu', bundled: true });
    expect(base.fingerprint).toMatch(/^[0-9a-f]{64}$/);
    expect(gemmFlopsPerSecond).toBeGreaterThan(1e8);
    expect(await output('doctor')).toMatch(/^speed +\d+ GFLOP\/s/m);
  });
});

describe('what cannot be used', () => {
  beforeAll(() => {
    writeFileSync(at('columns.csv'), 'message_body,mood\nhello,joy\n');
    writeFileSync(at('semicolons.csv'), 'text;label\nhello;joy\n');
    writeFileSync(at('stray.csv'), 'text,label\nhello,joy\nbye,sorrow\n');
    writeFileSync(at('broken.csv'), 'text,label\nhello,joy\nbye\noh,anger\n');
    mkdirSync(at('strange'));
    cpSync(join(root, 'assets/nano-llama'), at('strange'), { recursive: true });
    writeFileSync(at('strange', 'config.json'), '{"model_type": "gpt9"}');
    cpSync(join(root, 'test/fixtures/llama-bf16-sharded/model'), at('short'), { recursive: true });
    truncateSync(at('short', 'model-00002-of-00002.safetensors'), 1000);
  });

  it.concurrent.each<[string, string[], number, string | RegExp]>([
    ['an unknown command', ['trian'], 2, "unknown command 'trian'\n(Did you mean train?)"],
    ['an unknown flag', ['train', '--rnk', '3'], 2, "unknown option '--rnk'\n(Did you mean --rank?)"],
    ['a bad value', ['train', '--rank', 'x'], 2, 'error: --rank: expected a whole number ≥ 1, got "x"'],
    ['no data', ['train'], 2, 'error: --data is missing'],
    ['an unknown dataset', ['train', '--data', 'nope'], 2, "data: 'nope' is no dataset of `emotune data list`"],
    ['a missing column', ['train', '--data', 'columns.csv'], 3, 'columns [message_body, mood]; set --text-column'],
    ['another separator', ['train', '--data', 'semicolons.csv'], 3, 'separated by ";": set --delimiter'],
    [
      'a label outside the label set',
      ['data', 'inspect', '--data', 'stray.csv', '--labels', 'joy,sadness'],
      3,
      "'sorrow' (1 row, first stray.csv:3)",
    ],
    [
      'a label the model lacks',
      ['evaluate', '--model', run, '--data', 'stray.csv'],
      3,
      "'sorrow' (1 row, first stray.csv:3)",
    ],
    ['malformed rows with --strict', ['train', '--data', 'broken.csv', '--strict'], 3, 'broken.csv:3'],
    ['data of another task', ['evaluate', '--model', run, '--data', 'goemotions'], 2, /has no labels for single_label/],
    ['an out folder in use', ['train', '--data', 'posts.jsonl', '--out', run], 2, /is not empty.*--overwrite/],
    ['an architecture nobody knows', ['train', '--data', 'posts.jsonl', '--base', 'strange'], 4, "model_type 'gpt9'"],
    ['a truncated shard', ['train', '--data', 'posts.jsonl', '--base', 'short'], 4, 'model-00002-of-00002.safetensors'],
    ['a base that is not there', ['train', '--data', 'posts.jsonl', '--base', 'nowhere'], 4, /^error: nowhere/],
    ['a model that is not there', ['predict', '--model', 'nowhere', 'x'], 4, 'nowhere is no trained model'],
    ['no model', ['predict', 'x'], 2, '--model is missing'],
    ['texts twice', ['predict', '--model', run, '--input', 'in.txt', 'x'], 2, 'use one of them'],
    [
      'a kind of file',
      ['predict', '--model', run, '--input', 'in.pdf'],
      2,
      'expected a .txt, .csv, .tsv, .jsonl or .parquet file',
    ],
    ['a full folder', ['checkpoint', '--preset', 'nano', '--out', run], 2, 'is not empty'],
    ['an unknown preset', ['checkpoint', '--preset', 'nona', '--out', 'x'], 2, '--preset: expected one of nano,'],
  ])('%s', async (_, args, code, message) => {
    const outcome = await emotune(...args);
    expect(outcome).toMatchObject({
      code,
      stdout: '',
      stderr: typeof message === 'string' ? expect.stringContaining(message) : expect.stringMatching(message),
    });
    expect(outcome.stderr).not.toContain('    at ');
  });

  it('shows where an error comes from with --debug', async () => {
    expect((await emotune('train', '--rank', 'x', '--debug')).stderr).toContain('    at ');
  });
});
