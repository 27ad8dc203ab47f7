import { appendFileSync, mkdtempSync, readdirSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import type { TrainEvent } from '../train/events.ts';
import { tensorboard } from './tensorboard.ts';
import { shownBy } from './testing/event-files.ts';
import { courseOf, evaluated, goBack, live, startRun, stepEvent } from './testing/events.ts';
import { track } from './track.ts';

let out = '';
beforeEach(() => {
  out = mkdtempSync(join(tmpdir(), 'emotune-tensorboard-'));
});
const folder = () => join(out, 'tensorboard');
const filesIn = () => readdirSync(folder()).sort();

/** Follows a run to its end. */
async function follow(events: readonly TrainEvent[]): Promise<string[]> {
  const warnings: string[] = [];
  for await (const _ of track(live(out, events), [tensorboard({ warn: (message) => warnings.push(message) })]));
  return warnings;
}

/** Follows a run that is killed: what is not flushed is lost. */
async function followUntilKilled(events: readonly TrainEvent[]): Promise<void> {
  const sink = tensorboard();
  for await (const event of live(out, events)) await sink.event(event);
}

const steps = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i + 1);

describe('a run', () => {
  it('is shown with every number at its step', async () => {
    expect(await follow([startRun(out), ...courseOf(out)])).toEqual([]);
    const { scalars, versions, restarts } = await shownBy(folder());
    expect(versions).toEqual(['brain.Event:2']);
    expect(restarts).toEqual([1]);
    expect(Object.keys(scalars)).toEqual([
      'train/loss',
      'train/learning_rate',
      'train/grad_norm',
      'train/tokens_per_second',
      'train/epoch',
      'validation/macroF1',
      'validation/accuracy',
      'test/macroF1',
      'test/accuracy',
    ]);
    expect(scalars['train/loss']).toEqual(steps(0, 8).map((step) => [step, Math.fround(1 / step)]));
    expect(scalars['train/tokens_per_second']?.[0]).toEqual([1, 100]);
    expect(scalars['validation/macroF1']).toEqual([
      [4, 0.5],
      [8, 0.5],
    ]);
    expect(scalars['test/accuracy']).toEqual([[8, 0.75]]);
  });

  it('has its configuration as a text that Markdown leaves as it is', async () => {
    await follow([startRun(out, 'rank: 4\nlabels:\n  - "*joy*"'), ...courseOf(out)]);
    const { texts } = await shownBy(folder());
    expect(texts).toEqual({ configuration: '    rank: 4\n    labels:\n      - "*joy*"' });
  });

  it('is in a file of the name that TensorBoard looks for', async () => {
    await follow([startRun(out)]);
    const [time, ...rest] = filesIn()[0]!.replace('events.out.tfevents.', '').split('.');
    expect(time).toMatch(/^\d{10}$/);
    expect(rest.join('.')).toBe(`${hostname()}.${process.pid}.0`);
  });

  it('leaves out a score that is not defined, and keeps what is no number', async () => {
    await follow([
      startRun(out),
      stepEvent(1, { gradNorm: Number.POSITIVE_INFINITY }),
      evaluated('validation', 1, null),
    ]);
    const { scalars } = await shownBy(folder());
    expect(scalars['train/grad_norm']).toEqual([[1, Number.POSITIVE_INFINITY]]);
    expect(scalars).not.toHaveProperty('validation/macroF1');
    expect(scalars['validation/accuracy']).toEqual([[4, 0.75]]);
  });

  it('is written at evaluations and checkpoints and every few seconds of steps', async () => {
    const sink = tensorboard();
    const size = () => statSync(join(folder(), filesIn()[0]!)).size;
    const grows = async (event: TrainEvent) => {
      const before = size();
      await sink.event(event);
      return size() > before;
    };
    await sink.event(startRun(out));
    expect(await grows(stepEvent(1, { seconds: 0.5 }))).toBe(false);
    expect(await grows(stepEvent(2, { seconds: 1 }))).toBe(false);
    expect(await grows(stepEvent(3, { seconds: 0.5 }))).toBe(true);
    expect(await grows(stepEvent(4, { seconds: 0.5 }))).toBe(false);
    expect(await grows(evaluated('validation', 1))).toBe(true);
    expect(await grows(stepEvent(5, { seconds: 0.5 }))).toBe(false);
    expect(await grows({ type: 'checkpoint', path: out, step: 5 })).toBe(true);
    expect(await grows(stepEvent(6, { seconds: 0.5 }))).toBe(false);
    const before = size();
    await sink.close('stopped');
    expect(size()).toBeGreaterThan(before);
  });
});

describe('a run that goes on', () => {
  async function expectWhole(): Promise<void> {
    const { scalars, texts } = await shownBy(folder());
    for (const tag of ['train/loss', 'train/learning_rate', 'train/epoch'])
      expect(scalars[tag]?.map(([step]) => step)).toEqual(steps(0, 8));
    for (const tag of ['validation/macroF1', 'validation/accuracy'])
      expect(scalars[tag]?.map(([step]) => step)).toEqual([4, 8]);
    expect(scalars['test/macroF1']).toEqual([[8, 0.5]]);
    expect(Object.keys(texts)).toEqual(['configuration']);
  }

  it('takes back what it repeats', async () => {
    await followUntilKilled([startRun(out), ...courseOf(out).slice(0, 9)]);
    await follow(goBack(out, 7));
    expect((await shownBy(folder())).restarts).toEqual([1, 6]);
    await expectWhole();
  });

  it('adds what was recorded but not flushed when it was killed', async () => {
    await followUntilKilled([startRun(out), ...courseOf(out).slice(0, 7)]);
    expect((await shownBy(folder())).scalars['train/loss']?.length).toBe(4);
    await follow(goBack(out, 7));
    await expectWhole();
  });

  it('does not repeat an evaluation that came after the checkpoint of its step', async () => {
    await followUntilKilled([startRun(out), ...courseOf(out).slice(0, 6)]);
    await follow(goBack(out, 4));
    await expectWhole();
  });

  it('has its files read in the order they were written, within one second too', async () => {
    await follow([startRun(out), ...courseOf(out).slice(0, 3)]);
    for (const events of [3, 5, 5, 8]) await follow(goBack(out, events).slice(0, 3));
    await follow(goBack(out, 9));
    expect(filesIn().length).toBe(6);
    await expectWhole();
  });

  it('is whole wherever it was killed, how often, and where its files were cut off', () => {
    const life = fc.record({ killedAfter: fc.nat({ max: 12 }), backBy: fc.nat({ max: 6 }), cut: fc.nat({ max: 400 }) });
    return fc.assert(
      fc.asyncProperty(fc.array(life, { minLength: 1, maxLength: 4 }), async (lives) => {
        rmSync(out, { recursive: true, force: true });
        let [from, rest] = [0, [startRun(out), ...courseOf(out)]];
        for (const { killedAfter, backBy, cut } of lives) {
          const lived = rest.slice(0, killedAfter + 1);
          await followUntilKilled(lived);
          const file = join(folder(), filesIn().at(-1)!);
          truncateSync(file, Math.max(0, statSync(file).size - cut));
          from = Math.max(0, from + lived.length - 1 - backBy);
          rest = goBack(out, from);
        }
        await follow(rest);
        await expectWhole();
      }),
      { numRuns: 50 },
    );
  });

  it('is not disturbed by a last line that is not whole', async () => {
    await followUntilKilled([startRun(out), ...courseOf(out).slice(0, 4)]);
    const rest = goBack(out, 4);
    appendFileSync(join(out, 'metrics.jsonl'), '{"type":"st');
    const sink = tensorboard();
    for (const event of rest) await sink.event(event);
    await sink.close('finished');
    await expectWhole();
  });
});

describe('an event file that cannot be written', () => {
  it('is said once, and the run goes on', async () => {
    const started = startRun(out);
    writeFileSync(folder(), 'in the way');
    const warnings = await follow([started, ...courseOf(out)]);
    expect(warnings).toEqual([
      expect.stringMatching(
        /^TensorBoard's event file in .*tensorboard cannot be written: EEXIST.*; the run goes on without it, metrics\.jsonl has its numbers$/,
      ),
    ]);
  });
});
