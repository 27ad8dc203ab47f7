import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { openCheckpoint } from '../src/checkpoint/checkpoint.ts';
import { readTensor } from '../src/checkpoint/safetensors.ts';
import { readAdapter } from '../src/lora/peft.ts';
import type { Evaluation } from '../src/metrics/evaluate.ts';
import { loadClassifier } from '../src/predict/classifier.ts';
import { mergeAdapter } from '../src/predict/merge.ts';
import type { TrainOptions } from '../src/train/config.ts';
import type { TrainEvent } from '../src/train/events.ts';
import { resume, train } from '../src/train/train.ts';
import { temporaryFolder, tinyBase } from './support/model.ts';

/** Levels of emotions, from a file to a prediction, on a model that trains in a moment. */
const task = 'ordinal_regression';
const labels = ['joy', 'fear'];
const words = ['calm', 'fine', 'good', 'great'];

let base: string;
let data: string;
let run: string;
let events: TrainEvent[];

const quick = (options: Partial<TrainOptions> = {}): TrainOptions => ({
  base,
  data,
  task,
  labelColumns: labels,
  out: join(temporaryFolder(), 'run'),
  epochs: 8,
  rank: 4,
  learningRate: 1e-2,
  schedule: 'constant',
  threads: 1,
  ...options,
});
async function collect(options: TrainOptions): Promise<TrainEvent[]> {
  const all: TrainEvent[] = [];
  for await (const event of train(options)) all.push(event);
  return all;
}
async function scoresOf(model: string): Promise<number[][]> {
  const classifier = await loadClassifier(model, { threads: 1 });
  try {
    return (await classifier.classify(words)).map(({ scores }) => labels.map((label) => scores[label]!));
  } finally {
    await classifier.dispose();
  }
}
const cutpointsOf = async (model: string) => (await readAdapter(model)).tensors.get('score.cutpoints')!;

function writeRows(rows: readonly (readonly [text: string, joy: unknown, fear: unknown])[]): string {
  const path = join(temporaryFolder(), 'levels.csv');
  writeFileSync(path, ['text,joy,fear', ...rows.map((row) => row.join(','))].join('\n'));
  return path;
}

beforeAll(async () => {
  base = await tinyBase();
  data = writeRows(
    Array.from({ length: 120 }, (_, i) => [`${words[i % 4]} ${i}`, i % 4, i % 3 === 0 ? 1 : 0] as const),
  );
  const options = quick();
  run = options.out!;
  events = await collect(options);
});

describe('levels', () => {
  test('are learnt: higher levels get higher scores, and the test split says so', async () => {
    const joy = (await scoresOf(run)).map(([score]) => score!);
    expect(Math.min(...joy.slice(2)) - Math.max(...joy.slice(0, 2))).toBeGreaterThan(0.5);
    for (const score of joy) expect(score >= 0 && score <= 3).toBe(true);
    const done = events.findLast(({ type }) => type === 'done') as { test: Evaluation };
    expect(done.test.perLabel[0]!.scores.pearson).toBeGreaterThan(0.6);
  });

  test('have their cutpoints beside the head, trained from where the training levels put them', async () => {
    const { data: values, shape } = await cutpointsOf(run);
    expect(shape).toEqual([2, 3]);
    expect([...values]).toEqual(Array.from(values, Number.isFinite).map((_, i) => values[i]));
    const untouched = await collect(quick({ epochs: 1, learningRate: 1e-12 }));
    const start = (await cutpointsOf((untouched.at(-1) as { out: string }).out)).data;
    const above = (count: number) => Math.log((96 - count + 0.5) / (count + 0.5));
    expect(start[0]!).toBeCloseTo(above(72), 0);
    expect(start[0]!).toBeLessThan(start[1]!);
    expect(start[1]!).toBeLessThan(start[2]!);
    expect(start[4]!).toBeGreaterThan(5); // no text has fear above 1
    expect([...values]).not.toEqual([...start]);
  });

  test('are the same merged into the base, whose head keeps its cutpoints', async () => {
    const merged = join(temporaryFolder(), 'merged');
    await mergeAdapter(run, merged, { dtype: 'F32' });
    const there = await scoresOf(run);
    for (const [i, row] of (await scoresOf(merged)).entries())
      for (const [k, score] of row.entries()) expect(score).toBeCloseTo(there[i]![k]!, 4);
    const checkpoint = await openCheckpoint(merged);
    expect(checkpoint.config.problem_type).toBe('regression');
    const stored = checkpoint.tensors.get('score.cutpoints')!;
    expect([...(await readTensor(stored)).data]).toEqual([...(await cutpointsOf(run)).data]);
  });

  test('give the labels above level 0, and the expected level of each', async () => {
    const classifier = await loadClassifier(run, { threads: 1 });
    const [great] = await classifier.classify(['great']);
    await classifier.dispose();
    expect(great!.labels).toEqual(labels.filter((label) => great!.scores[label]! >= 0.5));
    expect(great!.labels).toContain('joy');
  });

  test('are trained further with their cutpoints, and with a new head where there are other levels', async () => {
    const headOf = (all: TrainEvent[]) => (all[0] as { start: { head: string } }).start.head;
    const further = { initFrom: run, epochs: 1, base: undefined, rank: undefined };
    expect(headOf(await collect(quick(further)))).toBe('its head');
    const binary = writeRows(Array.from({ length: 60 }, (_, i) => [`${words[i % 4]} ${i}`, i % 2, i % 2] as const));
    expect(headOf(await collect(quick({ ...further, data: binary })))).toBe(
      'a new head: the adapter’s labels have levels 0 to 3',
    );
  });

  test('go on after an interruption as if there had been none', async () => {
    const options = quick({ epochs: 2 });
    for await (const event of train(options)) if (event.type === 'step' && event.step === 3) break;
    for await (const _ of resume(options.out!));
    const whole = quick({ epochs: 2 });
    await collect(whole);
    expect([...(await cutpointsOf(options.out!)).data]).toEqual([...(await cutpointsOf(whole.out!)).data]);
  });
});

describe('refuses', () => {
  const rows = (level: unknown) =>
    writeRows(Array.from({ length: 40 }, (_, i) => [`text ${i}`, i === 7 ? level : i % 3, 0] as const));
  test.each([
    [1.5, /joy: 1.5 is no level: levels are whole numbers from 0 to 20/],
    [-1, /joy: -1 is no level/],
    [21, /joy: 21 is no level/],
    ['much', /joy: "much" is not a number|joy: 'much' is not a number/],
  ])('the level %s', async (level, message) =>
    expect(collect(quick({ data: rows(level), strict: true }))).rejects.toThrow(message),
  );

  test('levels of which none is above 0', async () => {
    const flat = writeRows(Array.from({ length: 40 }, (_, i) => [`text ${i}`, 0, 0] as const));
    await expect(collect(quick({ data: flat }))).rejects.toThrow(
      'every level of joy, fear is 0 in the training examples: there is nothing to tell apart',
    );
  });
});
