import { mkdtempSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { CheckpointError, ConfigError } from '../core/errors.ts';
import type { Task } from '../core/task.ts';
import { answersOf, fitBaseline, type Lesson } from './baseline.ts';
import { isBaseline, readBaseline, type SavedBaseline, writeBaseline } from './files.ts';
import { type BaselineName, baselineNames } from './names.ts';

const texts = ['so happy today', 'happy and glad', 'this is sad', 'sad and alone', 'glad of the day', 'alone again'];
const joyful = [1, 1, 0, 0, 1, 0];
const targets: Readonly<Record<string, number[][]>> = {
  single_label_classification: joyful.map((joy) => [joy, 1 - joy]),
  multi_label_classification: joyful.map((joy, i) => [joy, Number(i % 4 === 0)]),
  regression: joyful.map((joy, i) => [joy + i / 10, 3 * joy]),
};
const lessonsFor = (task: Task): Lesson[] => texts.map((text, i) => ({ text, target: targets[task]![i]! }));
const fitted = (name: BaselineName, task: Task, options: { seed?: number; balanced?: boolean } = {}) =>
  fitBaseline(name, lessonsFor(task), { task, outputs: 2, seed: 0, ...options });

const decision = { temperature: 1.5, thresholds: [0.4, 0.2] };

async function saved(name: BaselineName, task: Task): Promise<{ dir: string; model: SavedBaseline }> {
  const dir = mkdtempSync(join(tmpdir(), 'emotune-baseline-'));
  const data = { name: 'mine', split: 'official' };
  const model = { baseline: await fitted(name, task), task, labels: ['joy', 'other'], decision, data };
  await writeBaseline(dir, model);
  return { dir, model };
}

const classifiers = baselineNames.filter((name) => name !== 'tfidf-ridge');
const regressors: BaselineName[] = ['majority', 'bow-rf', 'tfidf-rf', 'tfidf-ridge'];
const pairs = [
  ...classifiers.map((name) => [name, 'single_label_classification'] as const),
  ...classifiers.map((name) => [name, 'multi_label_classification'] as const),
  ...regressors.map((name) => [name, 'regression'] as const),
];

describe.each(pairs)('%s for %s', (name, task) => {
  test('is read as it was written', async () => {
    const { dir, model } = await saved(name, task);
    const { baseline, ...about } = await readBaseline(dir);
    const unseen = ['happy', 'so sad', 'nothing known here', ''];
    expect(about).toEqual({
      task,
      labels: ['joy', 'other'],
      decision,
      data: { name: 'mine', split: 'official' },
    });
    expect(answersOf(baseline)(unseen)).toEqual(answersOf(model.baseline)(unseen));
    expect(baseline.features).toEqual(model.baseline.features);
  });

  test('is the same for the same seed', async () => {
    const [one, again] = [await fitted(name, task), await fitted(name, task)];
    expect(one.fitted.tensors()).toEqual(again.fitted.tensors());
  });
});

test.each(classifiers.filter((name) => name !== 'majority'))('%s tells joy from the rest', async (name) => {
  const answers = answersOf(await fitted(name, 'single_label_classification'))(['happy glad', 'sad alone']);
  expect(answers.map(([joy, other]) => joy! > other!)).toEqual([true, false]);
});

test('majority answers with the mean, whatever the text', async () => {
  const answer = answersOf(
    await fitBaseline(
      'majority',
      [
        { text: 'a', target: [1, 0] },
        { text: 'b', target: [0, 1], weight: 3 },
      ],
      { task: 'multi_label_classification', outputs: 2, seed: 0 },
    ),
  );
  expect(answer(['x', 'happy'])).toEqual([
    [0.25, 0.75],
    [0.25, 0.75],
  ]);
});

test('turns before a text are read with it', async () => {
  const lessons = [
    { text: 'yes', context: [{ text: 'happy' }], target: [1, 0] },
    { text: 'yes', context: [{ role: 'user', text: 'sad' }], target: [0, 1] },
  ];
  const options = { task: 'single_label_classification', outputs: 2, seed: 0 } as const;
  const { features } = await fitBaseline('tfidf-lr', lessons, options);
  expect(features?.vocabulary.terms).toEqual(['happy', 'sad', 'yes']);
});

test.each([
  [
    'tfidf-ridge',
    'single_label_classification',
    'tfidf-ridge is not for single_label_classification: choose one of majority, bow-svm',
  ],
  ['tfidf-svm', 'regression', 'tfidf-svm is not for regression: choose one of majority, bow-rf, tfidf-rf, tfidf-ridge'],
] as const)('%s refuses %s', async (name, task, message) => {
  await expect(fitted(name, task)).rejects.toThrow(ConfigError);
  await expect(fitted(name, task)).rejects.toThrow(message);
});

test('ends between trees when it is asked to', async () => {
  let parts = 0;
  const options = { task: 'regression', outputs: 2, seed: 0 } as const;
  const onPart = async () => {
    if (++parts === 3) throw new Error('enough');
  };
  await expect(fitBaseline('bow-rf', lessonsFor('regression'), { ...options, onPart })).rejects.toThrow('enough');
  expect(parts).toBe(3);
});

describe('a damaged folder', () => {
  const refused = async (name: BaselineName, damage: (dir: string) => Promise<unknown>, message: RegExp) => {
    const { dir } = await saved(name, 'single_label_classification');
    await damage(dir);
    await expect(readBaseline(dir)).rejects.toThrow(CheckpointError);
    await expect(readBaseline(dir)).rejects.toThrow(message);
  };
  const change = async (path: string, from: string, to: string) =>
    writeFile(path, (await readFile(path, 'latin1')).replace(from, to), 'latin1');

  test('without its vocabulary', () =>
    refused('tfidf-svm', (dir) => rm(join(dir, 'vocabulary.json')), /vocabulary\.json cannot be read: ENOENT/));
  test('with another vocabulary', () =>
    refused(
      'tfidf-svm',
      (dir) => change(join(dir, 'vocabulary.json'), 'happy', 'hippy'),
      /vocabulary\.json is not the file/,
    ));
  test('with arrays cut short', () =>
    refused(
      'bow-rf',
      async (dir) => {
        const path = join(dir, 'baseline.safetensors');
        await writeFile(path, (await readFile(path)).subarray(0, -4));
      },
      /baseline\.safetensors is not the file that baseline\.json belongs to: it is damaged or another model's; train again/,
    ));
  test('of an unknown model', () =>
    refused(
      'tfidf-svm',
      (dir) => change(join(dir, 'baseline.json'), 'tfidf-svm', 'tfidf-gp'),
      /baseline\.json cannot be used: model: /,
    ));
  test('that is no JSON', () =>
    refused('majority', (dir) => writeFile(join(dir, 'baseline.json'), '{'), /baseline\.json cannot be used/));
  test('whose arrays are of another kind of model', () =>
    refused(
      'tfidf-svm',
      (dir) => change(join(dir, 'baseline.json'), 'tfidf-svm', 'tfidf-rf'),
      /there is no sizes; is it another model's\?/,
    ));
  test('with too few labels', () =>
    refused(
      'tfidf-lr',
      (dir) => change(join(dir, 'baseline.json'), '"joy",', ''),
      /weights is \[2, 13\], the model wants \[1, 13\]/,
    ));
  test('is none without baseline.json', async () => {
    const { dir } = await saved('majority', 'regression');
    expect(await isBaseline(dir)).toBe(true);
    await rm(join(dir, 'baseline.json'));
    expect(await isBaseline(dir)).toBe(false);
  });
});
