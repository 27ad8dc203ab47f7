import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { CheckpointError, ConfigError } from '../src/core/errors.ts';
import { loadDataset } from '../src/data/load.ts';
import { evaluate } from '../src/metrics/evaluate.ts';
import { loadClassifier } from '../src/predict/classifier.ts';
import { mergeAdapter } from '../src/predict/merge.ts';
import type { TrainOptions } from '../src/train/config.ts';
import type { TrainEvent } from '../src/train/events.ts';
import { planTraining } from '../src/train/plan.ts';
import { readRunConfig } from '../src/train/run-folder.ts';
import { resume, train } from '../src/train/train.ts';
import { temporaryFolder } from './support/model.ts';

async function collect(events: AsyncIterable<TrainEvent>): Promise<TrainEvent[]> {
  const all: TrainEvent[] = [];
  for await (const event of events) all.push(event);
  return all;
}

const trained = async (options: Partial<TrainOptions> = {}) => {
  const out = join(temporaryFolder(), 'run');
  const events = await collect(train({ data: 'social-posts', model: 'tfidf-svm', out, ...options }));
  return { out, events };
};

const of = <T extends TrainEvent['type']>(events: readonly TrainEvent[], type: T) =>
  events.filter((event): event is Extract<TrainEvent, { type: T }> => event.type === type);

test('a baseline trains, tells of it, and is opened as any other model', async () => {
  const { out, events } = await trained();
  expect(events.map(({ type }) => type)).toEqual(['started', 'saved', 'evaluated', 'evaluated', 'done']);
  expect((await readdir(out)).sort()).toEqual(
    ['baseline.json', 'baseline.safetensors', 'config.yaml', 'metrics.jsonl', 'result.json', 'vocabulary.json'].sort(),
  );
  const lines = (await readFile(join(out, 'metrics.jsonl'), 'utf8')).trim().split('\n');
  expect(lines.map((line) => JSON.parse(line))).toEqual(JSON.parse(JSON.stringify(events)));
  const [started] = of(events, 'started');
  expect(started).toMatchObject({ model: 'tfidf-svm', examples: { train: 1054, validation: 133, test: 133 } });

  const classifier = await loadClassifier(out);
  const { dataset } = await loadDataset({ data: 'social-posts' });
  const examples = await dataset.splits.test.read([...Array(133).keys()]);
  const predictions = await classifier.classify(examples);
  const scores = predictions.map((prediction) => classifier.labels.map((label) => prediction.scores[label]!));
  const again = evaluate(classifier.task, classifier.labels, { targets: examples.map(({ target }) => target), scores });
  await dataset.close();
  const [, tested] = of(events, 'evaluated');
  expect(again.confusion).toEqual(tested!.evaluation.confusion);
  expect(again.metrics.macroF1!.value).toBeGreaterThan(0.4); // chance is 0.14
  expect(classifier.trainedOn).toEqual({ name: 'social-posts', licence: 'CC0 1.0', split: 'official' });
  for (const { labels, scores, truncated } of predictions) {
    expect(scores[labels[0]!]).toBe(Math.max(...Object.values(scores)));
    expect(truncated).toBe(false);
  }
});

test('texts are cleaned as in training, and empty ones refused', async () => {
  const { out } = await trained({ model: 'bow-lr' });
  const classifier = await loadClassifier(out);
  const [plain, dirty] = await classifier.classify(['so happy\nnow', ' so hap\u0000py\r\nnow ']);
  expect(dirty).toEqual(plain);
  await expect(classifier.classify(['fine', ' \n'])).rejects.toThrow('text 1 of 2 is empty');
});

test('several labels and values go the same way', async () => {
  const several = await trained({ task: 'multi_label_classification', model: 'bow-svm', classWeights: 'balanced' });
  const classifier = await loadClassifier(several.out, { threshold: 0.01 });
  const [prediction] = await classifier.classify(['What a lovely surprise!']);
  expect(prediction!.labels).toEqual(classifier.labels.filter((label) => prediction!.scores[label]! >= 0.01));
  const values = await trained({ task: 'regression', model: 'tfidf-ridge' });
  const [done] = of(values.events, 'done');
  expect(done!.test!.metrics.pearson!.value).toBeGreaterThan(0.2);
});

test('levels are predicted within their scale', async () => {
  const data = join(temporaryFolder(), 'levels.csv');
  const rows = Array.from({ length: 60 }, (_, i) => `${'very '.repeat(i % 4)}happy ${i},${i % 4}`);
  await writeFile(data, `text,joy\n${rows.join('\n')}\n`);
  const { out } = await trained({ data, task: 'ordinal_regression', labelColumns: ['joy'], model: 'tfidf-ridge' });
  const classifier = await loadClassifier(out);
  const scores = (await classifier.classify(['very '.repeat(400), 'unheard-of', 'happy'])).map(
    ({ scores }) => scores.joy!,
  );
  for (const score of scores) expect(score >= 0 && score <= 3).toBe(true);
  expect(classifier.decision.highestLevel).toBe(3);
});

test('a threshold is refused where no label is given by itself', async () => {
  const { out } = await trained();
  await expect(loadClassifier(out, { threshold: 0.9 })).rejects.toThrow(
    'threshold: only where a text can hold several labels; the model does single_label_classification: leave it out',
  );
});

test('limit and balance choose what is trained on', async () => {
  const { events } = await trained({ model: 'majority', limit: 40, balance: 'oversample' });
  const [started] = of(events, 'started');
  expect(started!.examples.train).toBeGreaterThan(40);
  expect(started!.examples.train % 7).toBe(0);
});

test('its configuration can be used again, and holds nothing of LoRA', async () => {
  const { out } = await trained({ model: 'majority' });
  const config = await readRunConfig(out);
  expect(config.model).toBe('majority');
  expect(await readFile(join(out, 'config.yaml'), 'utf8')).not.toMatch(/rank|base|epochs/);
});

test('a run that was killed before its end is begun again', async () => {
  const out = join(temporaryFolder(), 'run');
  await mkdir(out);
  await writeFile(join(out, 'config.yaml'), 'model: majority\ndata: social-posts\n');
  const events = await collect(resume(out));
  expect(events.at(-1)).toMatchObject({ type: 'done', reason: 'finished' });
});

test('stops between trees, and holds no model then', async () => {
  const stop = new AbortController();
  const out = join(temporaryFolder(), 'run');
  const events: TrainEvent[] = [];
  for await (const event of train({ data: 'social-posts', model: 'bow-rf', out }, { signal: stop.signal })) {
    events.push(event);
    stop.abort();
  }
  expect(events.map(({ type }) => type)).toEqual(['started', 'done']);
  expect(events[1]).toMatchObject({ reason: 'aborted' });
  expect((await readdir(out)).sort()).toEqual(['config.yaml', 'metrics.jsonl']);
});

describe('refuses', () => {
  test.each([
    [{ rank: 4, epochs: 2 }, 'rank, epochs: not for model tfidf-svm, which has no base and no LoRA; leave it out'],
    [{ base: 'nano' }, 'base: not for model tfidf-svm'],
    [{ task: 'regression' }, 'tfidf-svm is not for regression: choose one of majority, bow-rf, tfidf-rf, tfidf-ridge'],
    [{ task: 'regression', model: 'tfidf-rf', classWeights: 'balanced' }, 'classWeights does not go with regression'],
  ] as const)('training with %j', async (options, message) => {
    await expect(trained(options)).rejects.toThrow(ConfigError);
    await expect(trained(options)).rejects.toThrow(message);
  });

  test('what only a model with a base has', async () => {
    const { out } = await trained({ model: 'majority' });
    await expect(loadClassifier(out, { base: 'nano' })).rejects.toThrow('base: majority has no base; leave it out');
    await expect(loadClassifier(out, { device: 'webgpu' })).rejects.toThrow(
      'device webgpu: majority is computed on the processor',
    );
    await expect(mergeAdapter(out, join(out, 'merged'))).rejects.toThrow(CheckpointError);
    await expect(mergeAdapter(out, join(out, 'merged'))).rejects.toThrow(
      'holds a baseline: it has no base and no adapter',
    );
    await expect(planTraining({ data: 'social-posts', model: 'majority' })).rejects.toThrow(
      'there is no plan for majority',
    );
  });
});
