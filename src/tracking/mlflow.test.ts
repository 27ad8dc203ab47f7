import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ConfigError, TrainingError } from '../core/errors.ts';
import type { TrainEvent } from '../train/events.ts';
import { type MlflowOptions, mlflow } from './mlflow.ts';
import { cutParam, metricKey } from './mlflow-params.ts';
import { courseOf, done, evaluated, goBack, live, startRun, stepEvent } from './testing/events.ts';
import { FakeMlflow } from './testing/fake-mlflow.ts';
import { track } from './track.ts';

let out = '';
let server: FakeMlflow;
let warnings: string[] = [];
beforeEach(async () => {
  out = mkdtempSync(join(tmpdir(), 'emotune-mlflow-'));
  server = await new FakeMlflow().listen();
  warnings = [];
});
afterEach(() => server.stop());

const pace = { everyMs: 1, retryMs: 1, maxRetryMs: 4, closeMs: 5000, timeoutMs: 5000 };
const open = (options: Partial<MlflowOptions> = {}) =>
  mlflow({ uri: server.uri, warn: (message) => warnings.push(message), pace, ...options });

async function follow(events: AsyncIterable<TrainEvent>, options: Partial<MlflowOptions> = {}): Promise<void> {
  for await (const _ of track(events, [open(options)]));
}
const followAll = (events: readonly TrainEvent[], options?: Partial<MlflowOptions>) =>
  follow(live(out, events), options);

/** Resolves when the server has what the test waits for. */
async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await new Promise((resolve) => setTimeout(resolve, 1));
}

const stepsOf = (key: string) => server.run.metrics.filter((metric) => metric.key === key).map(({ step }) => step);
const steps = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i + 1);
const identity = () => JSON.parse(readFileSync(join(out, 'mlflow.json'), 'utf8')) as Record<string, string>;

/** Each step once, in order, whatever happened on the way. */
function expectWhole(last = 8): void {
  for (const key of ['train/loss', 'train/epoch', 'train/grad_norm']) expect(stepsOf(key)).toEqual(steps(0, last));
  for (const key of ['validation/macroF1', 'validation/accuracy']) expect(stepsOf(key)).toEqual([last / 2, last]);
  expect(stepsOf('test/macroF1')).toEqual([last]);
}

describe('a run', () => {
  it('is an MLflow run with its parameters, metrics and end', async () => {
    await followAll([startRun(out), ...courseOf(out)]);
    expect(warnings).toEqual([]);
    expect([...server.experiments.keys()]).toEqual(['emotune']);
    const { run } = server;
    expect(run).toMatchObject({ experiment: '1', name: basename(out), status: 'FINISHED' });
    expect(run.endTime).toBeGreaterThan(0);
    expect(Object.fromEntries(run.params)).toMatchObject({
      epochs: '2',
      track: '["mlflow"]',
      task: 'single_label_classification',
      labels: '["anger","joy"]',
      learningRate: '0.01',
      'examples.train': '32',
      'parameters.trained': '10',
    });
    expectWhole();
    expect(run.metrics.find(({ key, step }) => key === 'train/loss' && step === 4)?.value).toBe(0.25);
    expect(identity()).toEqual({
      uri: server.uri,
      experiment: 'emotune',
      experimentId: '1',
      key: run.tags.get('emotune.run'),
      runId: run.id,
    });
  });

  it('goes to the experiment and has the name it is given', async () => {
    server.experiments.set('posts', '7');
    await followAll([startRun(out), done(out)], { experiment: 'posts', runName: 'first' });
    expect(server.run).toMatchObject({ experiment: '7', name: 'first' });
    expect(server.requests).not.toContain('POST experiments/create');
  });

  it('finds the experiment that another run has made in the meantime', async () => {
    let asked = 0;
    server.fault = (path) => {
      if (path === 'experiments/create') server.experiments.set('emotune', '5');
      const missing = { status: 404, body: '{"error_code": "RESOURCE_DOES_NOT_EXIST"}' };
      return path === 'experiments/get-by-name' && ++asked === 1 ? missing : undefined;
    };
    await followAll([startRun(out), done(out)]);
    expect(server.run.experiment).toBe('5');
  });

  it('is not told in more than 1000 metrics or 100 parameters at once', async () => {
    const config = steps(0, 250).map((n) => `setting${n}: ${n}\n`);
    // The server refuses larger batches; the pace leaves everything to the end.
    await followAll([startRun(out, config.join('')), ...courseOf(out, 1000)], { pace: { ...pace, everyMs: 60_000 } });
    expect(warnings).toEqual([]);
    expect(stepsOf('train/loss')).toEqual(steps(0, 1000));
    expect(server.run.params.size).toBeGreaterThan(250);
  });

  it('has what is no number as it is, and no score that is not defined', async () => {
    const step = stepEvent(1, { loss: Number.NaN, gradNorm: Number.POSITIVE_INFINITY });
    await followAll([startRun(out), step, evaluated('validation', 1, null), done(out)]);
    const values = server.run.metrics.map(({ key, value }) => [key, value]);
    expect(values).toContainEqual(['train/loss', 'NaN']);
    expect(values).toContainEqual(['train/grad_norm', 'Infinity']);
    expect(values.map(([key]) => key)).not.toContain('validation/macroF1');
  });

  it('that fails is FAILED', async () => {
    async function* failing(): AsyncGenerator<TrainEvent, void> {
      yield* live(out, [startRun(out), stepEvent(1)]);
      throw new TrainingError('the loss is no number');
    }
    await expect(follow(failing())).rejects.toThrow('the loss is no number');
    expect(server.run.status).toBe('FAILED');
    expect(stepsOf('train/loss')).toEqual([1]);
  });

  it('that is aborted is KILLED', async () => {
    await followAll([startRun(out), stepEvent(1), done(out, 'aborted')]);
    expect(server.run.status).toBe('KILLED');
  });

  it('whose consumer stops listening is KILLED', async () => {
    for await (const event of track(live(out, [startRun(out), ...courseOf(out)]), [open()]))
      if (event.type === 'step' && event.step === 2) break;
    expect(server.run.status).toBe('KILLED');
    expect(stepsOf('train/loss')).toEqual([1, 2]);
  });

  it('whose end the server was not told says so', async () => {
    server.fault = (path) => (path === 'runs/update' ? { status: 400 } : undefined);
    await followAll([startRun(out), ...courseOf(out)]);
    expectWhole();
    expect(warnings.at(-1)).toBe(`MLflow at ${server.uri}: it was not told that the run has finished`);
  });

  it('that fails before it has started leaves no trace', async () => {
    async function* failing(): AsyncGenerator<TrainEvent, void> {
      yield* [];
      throw new ConfigError('no data');
    }
    await expect(follow(failing())).rejects.toThrow('no data');
    expect(server.requests).toEqual([]);
  });
});

describe('a server in trouble', () => {
  it.each([
    ['answers 429', { status: 429, retryAfter: '0' }],
    ['answers 500', { status: 500 }],
    ['answers 503 until a date', { status: 503, retryAfter: new Date(0).toUTCString() }],
    ['breaks the connection', 'broken before'],
    ['breaks the connection after the work', 'broken after'],
  ] as const)('that %s is asked again, and nothing is lost or logged twice', async (_, fault) => {
    let n = 0;
    server.fault = () => (n++ % 3 === 0 ? fault : undefined);
    const sink = open();
    const events = [startRun(out), ...courseOf(out)];
    for await (const event of live(out, events)) await sink.event(event);
    // At the end, a server in trouble is asked only once more.
    await until(() => server.runs.size > 0 && stepsOf('test/macroF1').length > 0);
    server.fault = () => undefined;
    await sink.close('finished');
    expectWhole();
    expect(server.run.status).toBe('FINISHED');
    expect(warnings).toEqual([
      expect.stringMatching(
        /^MLflow at http:\/\/127\.0\.0\.1:\d+: (429|500|503|no answer).*; training goes on, its metrics are kept and sent when they can be$/,
      ),
    ]);
  });

  it('gets every step once, whatever answers are lost', () =>
    fc.assert(
      fc.asyncProperty(
        fc.infiniteStream(fc.constantFrom(undefined, undefined, 'broken before', 'broken after')),
        async (faults) => {
          await server.stop();
          server = await new FakeMlflow().listen();
          rmSync(out, { recursive: true, force: true });
          server.fault = () => faults.next().value as 'broken before' | undefined;
          const sink = open();
          for await (const event of live(out, [startRun(out), ...courseOf(out)])) await sink.event(event);
          await until(() => server.runs.size > 0 && stepsOf('test/macroF1').length > 0);
          server.fault = () => undefined;
          await sink.close('finished');
          expectWhole();
        },
      ),
      { numRuns: 20 },
    ));

  it('that is away and comes back gets what it has missed', async () => {
    await server.stop();
    const sink = open();
    const course = courseOf(out);
    for await (const event of live(out, [startRun(out), ...course.slice(0, 5)])) await sink.event(event);
    await until(() => warnings.length > 0);
    expect(warnings[0]).toMatch(/no answer \(ECONNREFUSED\); training goes on/);
    await server.listen();
    await until(() => server.runs.size > 0);
    for await (const event of live(out, course.slice(5))) await sink.event(event);
    await sink.close('finished');
    expectWhole();
    expect(warnings.length).toBe(1);
  });

  it('that is away for longer than there is room gets the rest from metrics.jsonl', async () => {
    await server.stop();
    const sink = open({ pace: { ...pace, maxPending: 12 } });
    for await (const event of live(out, [startRun(out), ...courseOf(out)])) await sink.event(event);
    await until(() => warnings.length > 0);
    await server.listen();
    await until(() => server.runs.size > 0 && stepsOf('test/macroF1').length > 0);
    await sink.close('finished');
    expectWhole();
    expect(warnings.length).toBe(1);
  });

  it('that is slow while there is little room gets every step once', async () => {
    const course = courseOf(out, 200);
    const sink = open({ pace: { ...pace, maxPending: 30 } });
    for await (const event of live(out, [startRun(out), ...course])) {
      await sink.event(event);
      if (event.type === 'step' && event.step % 20 === 0) await until(() => server.requests.length > event.step / 20);
    }
    await sink.close('finished');
    expect(stepsOf('train/loss')).toEqual(steps(0, 200));
    expect(warnings).toEqual([]);
  });

  it('that is away for the whole run is said once, and what is lost is counted', async () => {
    await server.stop();
    await followAll([startRun(out), ...courseOf(out)]);
    expect(warnings).toEqual([
      `MLflow at ${server.uri}: no answer (ECONNREFUSED); training goes on, its metrics are kept and sent when they can be`,
      `MLflow at ${server.uri}: 46 metric values could not be sent; metrics.jsonl has them`,
    ]);
  });

  it('that is away for the whole run counts what there was no room for', async () => {
    await server.stop();
    await followAll([startRun(out), ...courseOf(out)], { pace: { ...pace, maxPending: 12 } });
    expect(warnings.at(-1)).toContain(': 46 metric values could not be sent');
  });

  it('that does not answer is not waited for', async () => {
    server.fault = (path) => {
      if (path === 'runs/log-batch') void server.stop();
      return undefined;
    };
    await followAll([startRun(out), ...courseOf(out)], { pace: { ...pace, timeoutMs: 20, closeMs: 40 } });
    expect(warnings.at(-1)).toContain('46 metric values could not be sent');
  });

  it('that lets nobody in is not asked again', async () => {
    server.fault = () => ({ status: 403, body: '{"error_code": "PERMISSION_DENIED", "message": "not with s3cret"}' });
    await followAll([startRun(out), ...courseOf(out)], { token: 's3cret' });
    expect(warnings).toEqual([
      `MLflow at ${server.uri}: 403 Forbidden: PERMISSION_DENIED: not with …; training goes on, nothing more is sent`,
      `MLflow at ${server.uri}: 46 metric values could not be sent; metrics.jsonl has them`,
    ]);
    expect(server.requests).toEqual(['GET experiments/get-by-name']);
  });

  it('that is no MLflow server is said', async () => {
    server.fault = () => ({ status: 200, body: '<html>' });
    await followAll([startRun(out), done(out)]);
    expect(warnings[0]).toMatch(
      /its answer to experiments\/get-by-name is not MLflow's: .*; training goes on, nothing/,
    );
  });

  it('that takes only short parameters gets them cut', async () => {
    server.maxParamLength = 500;
    await followAll([startRun(out, `data: ${'x'.repeat(600)}\n`), done(out)]);
    expect(warnings).toEqual([]);
    expect(server.run.params.get('data')).toBe(`${'x'.repeat(492)} … (cut)`);
  });
});

describe('a run that goes on', () => {
  /** The run is killed: its sink hears of no end. The server has what it has sent by then. */
  async function followUntilKilled(events: readonly TrainEvent[], last: string): Promise<void> {
    const killed = open({ pace: { ...pace, closeMs: 1 } });
    for await (const event of live(out, events)) await killed.event(event);
    await until(() => server.runs.size > 0 && stepsOf(last).length > 0);
    const { uri } = server;
    await server.stop();
    await killed.close('stopped');
    warnings = [];
    await server.listen();
    expect(server.uri).toBe(uri);
  }

  it('is the same MLflow run, with no step twice', async () => {
    await followUntilKilled([startRun(out), ...courseOf(out).slice(0, 8)], 'validation/macroF1');
    server.run.status = 'KILLED';
    await followAll(goBack(out, 5));
    expect(warnings).toEqual([]);
    expectWhole();
    expect(server.run.status).toBe('FINISHED');
  });

  it('is RUNNING again', async () => {
    await followAll([startRun(out), ...courseOf(out).slice(0, 3), done(out, 'aborted')]);
    expect(server.run.status).toBe('KILLED');
    const sink = open();
    for (const event of goBack(out, 3)) {
      if (event.type !== 'done') await sink.event(event);
    }
    await until(() => server.run.status === 'RUNNING');
    await sink.close('finished');
    expect(server.run.status).toBe('FINISHED');
  });

  it('sends what the server never got of its earlier lives', async () => {
    await server.stop();
    await followAll([startRun(out), ...courseOf(out).slice(0, 7)]);
    await server.listen();
    await followAll(goBack(out, 7));
    expectWhole();
  });

  it('is found by its mark if the answer with its id was lost', async () => {
    let lost = false;
    server.fault = (path) => {
      if (path !== 'runs/create' || lost) return undefined;
      lost = true;
      return 'broken after';
    };
    await followAll([startRun(out), ...courseOf(out)]);
    expectWhole();
    expect(identity().runId).toBe(server.run.id);
  });

  it('keeps the parameters it has, which cannot be changed', async () => {
    await followAll([startRun(out), ...courseOf(out).slice(0, 3), done(out, 'aborted')]);
    const rest = goBack(out, 3);
    writeFileSync(join(out, 'config.yaml'), 'epochs: 2\nthreads: 4\ntrack: []\n');
    await followAll(rest);
    expect(warnings).toEqual([]);
    expect(server.run.params.get('track')).toBe('["mlflow"]');
    expect(server.run.params.get('threads')).toBe('4');
  });

  it.each([
    ['was deleted', () => Object.assign(server.run, { deleted: true })],
    ['is not known any more', () => server.runs.clear()],
  ])('whose MLflow run %s is logged anew from its beginning', async (_, lose) => {
    await followAll([startRun(out), ...courseOf(out).slice(0, 3), done(out, 'aborted')]);
    lose();
    await followAll(goBack(out, 3));
    for (const [id, { deleted }] of server.runs) if (deleted) server.runs.delete(id);
    expectWhole();
  });

  it('on another server is logged there from its beginning', async () => {
    await followAll([startRun(out), ...courseOf(out).slice(0, 3), done(out, 'aborted')]);
    const other = await new FakeMlflow().listen();
    await server.stop();
    server = other;
    await followAll(goBack(out, 3));
    expectWhole();
  });

  it('makes a new run if mlflow.json is damaged', async () => {
    const rest = [startRun(out), ...courseOf(out)];
    writeFileSync(join(out, 'mlflow.json'), '{"uri": ');
    await followAll(rest);
    expectWhole();
  });
});

describe('who asks', () => {
  const base64 = Buffer.from('ann:s3cret').toString('base64');
  it.each([
    ['a token', { token: 't0ken' }, 'Bearer t0ken'],
    ['a user with a password', { username: 'ann', password: 's3cret' }, `Basic ${base64}`],
    ['nobody', {}, undefined],
  ])('is %s', async (_, who, authorization) => {
    await followAll([startRun(out), done(out)], who);
    expect([...server.authorizations]).toEqual([authorization]);
    expect(JSON.stringify([identity(), [...server.run.params]])).not.toMatch(/t0ken|s3cret/);
  });
});

describe('an address that cannot be used', () => {
  it.each([
    ['databricks', 'the MLflow server cannot be "databricks": an address such as http://localhost:5000 is needed'],
    ['file:///tmp/mlruns', 'the MLflow server cannot be "file:///tmp/mlruns"'],
    ['http://ann:s3cret@host', 'set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD'],
  ])('%s', (uri, message) => {
    expect(() => mlflow({ uri })).toThrow(ConfigError);
    expect(() => mlflow({ uri })).toThrow(message);
  });

  it('is not repeated if it holds a password', () =>
    expect(() => mlflow({ uri: 'ftp://ann:s3cret@host' })).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('s3cret') }),
    ));
});

describe('names and values', () => {
  it('of metrics become such as MLflow takes', () => {
    expect(metricKey('validation/macroF1')).toBe('validation/macroF1');
    expect(metricKey('test/r²: joy!')).toBe('test/r²_ joy_');
    expect(metricKey('test/../x')).toBe('test/.._/x');
  });

  it('of metrics are normal paths of allowed characters, at most 250', () =>
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 300 }), (name) => {
        const key = metricKey(name);
        expect(key).toMatch(/^[\p{L}\p{N}_\-./ ]*$/u);
        expect(key.length).toBeLessThanOrEqual(250);
        expect(key.split('/').filter((part) => ['', '.', '..'].includes(part))).toEqual([]);
      }),
    ));

  it('of parameters are cut between characters', () =>
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 80 }), (value) => {
        const cut = cutParam({ key: 'a', value }, 20).value;
        expect([...cut].length).toBeLessThanOrEqual(20);
        expect(cut === value || cut.endsWith(' … (cut)')).toBe(true);
        expect(value.startsWith(cut.replace(/ … \(cut\)$/, ''))).toBe(true);
      }),
    ));
});
