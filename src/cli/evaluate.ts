import { stat } from 'node:fs/promises';
import type { Command } from 'commander';
import { z } from 'zod';
import { DataError } from '../core/errors.ts';
import { type Dataset, type Example, splitNames } from '../data/example.ts';
import type { Evaluation } from '../metrics/evaluate.ts';
import type { Classifier, Prediction } from '../predict/classifier.ts';
import { dataShape, trainSchema } from '../train/config.ts';
import { makeCommand } from './command.ts';
import { requireData } from './data-flags.ts';
import { addFlags, type Values, valuesFrom } from './flags.ts';
import { modelShape, openModel } from './model-flags.ts';
import { printLines } from './output.ts';
import { openProgressLine } from './progress-line.ts';
import { formatWhole, plural } from './view/quantities.ts';

const { labels: _, task: __, ...ownData } = dataShape;

const shape = {
  ...modelShape,
  ...ownData,
  seed: trainSchema.shape.seed.describe('seed of the split, where the data is not split already: that of the training'),
  split: z
    .enum([...splitNames, 'all'])
    .default('test')
    .describe('which part of the data to evaluate on'),
};
type Options = Values<typeof shape>;

/** Draws of the 95 % intervals. */
const bootstrap = { draws: 1000, seed: 0 };

/** Texts between two updates of the progress. */
const stride = 512;

export function evaluateCommand(): Command {
  const command = makeCommand('evaluate', {
    summary: 'measure a model on labelled texts',
    description:
      "Measure a trained model on labelled texts: scores with 95 % intervals (bootstrap), each label's scores and the " +
      "confusion matrix. Labels and task are the model's; a label that it does not know is an error.",
    examples: [
      ['emotune evaluate --model runs/posts --data social-posts', 'on the test split of a dataset'],
      ['emotune evaluate --model runs/posts --data new.csv --split all --json', 'on all rows of a file, for a program'],
    ],
  });
  return addFlags(command, shape, { 'Data:': [...Object.keys(ownData), 'seed', 'split'] })
    .option('--json', 'the evaluation as JSON')
    .action(async (given: Readonly<Record<string, unknown>>) =>
      runEvaluate(valuesFrom(shape, given), given.json === true),
    );
}

async function runEvaluate(options: Options, json: boolean): Promise<void> {
  const data = requireData(options.data);
  const model = await openModel(options);
  try {
    const examples = await loadExamples({ ...options, data }, model);
    const from = performance.now();
    const predictions = await classifyAll(model, examples);
    const seconds = (performance.now() - from) / 1000;
    const truncated = predictions.filter((prediction) => prediction.truncated).length;
    const evaluation = await score(model, examples, predictions);
    const measured = { ...evaluation, truncated, seconds, textsPerSecond: examples.length / seconds };
    await printLines(json ? [JSON.stringify(measured)] : await report(measured));
  } finally {
    await model.dispose();
  }
}

interface Measured extends Evaluation {
  readonly truncated: number;
  readonly textsPerSecond: number;
}

async function report({ truncated, textsPerSecond, ...evaluation }: Measured): Promise<string[]> {
  const { formatEvaluation } = await import('../metrics/format.ts');
  return [
    ...formatEvaluation(evaluation),
    '',
    `speed       ${formatWhole(textsPerSecond)} texts/s`,
    `texts cut   ${truncated === 0 ? 'none' : `${plural(truncated, 'text')} longer than the model reads`}`,
  ];
}

/** The examples of the split, their targets in the order of the model's labels. */
async function loadExamples(options: Options & { readonly data: string }, model: Classifier): Promise<Example[]> {
  const { loadDataset, loadExamples: loadAll } = await import('../data/load.ts');
  const {
    model: _,
    base: __,
    threshold: ___,
    threads: ____,
    token: _____,
    offline: ______,
    split = 'test',
    ...data
  } = options;
  const { task, labels } = model;
  const isFile = await stat(data.data).then(
    (entry) => entry.isFile(),
    () => false,
  );
  const request = { ...data, task, ...(isFile ? { labels } : {}) };
  if (split === 'all') {
    const { examples, ...all } = await loadAll(request);
    return inOrderOf(model, all, examples);
  }
  const { dataset } = await loadDataset(request);
  const examples = dataset.splits[split];
  if (examples.length === 0) throw new DataError(`${data.data}: the ${split} split is empty; choose another --split`);
  return inOrderOf(model, dataset, examples);
}

/**
 * Examples of a dataset that has its own labels, with the model's.
 *
 * @throws DataError if the dataset's task is another, or the model lacks a label of it.
 */
function inOrderOf(
  { labels, task }: Classifier,
  dataset: Pick<Dataset, 'name' | 'task' | 'labels'>,
  examples: readonly Example[],
): Example[] {
  if (dataset.task !== task)
    throw new DataError(
      `${dataset.name} is for ${dataset.task}, but the model does ${task}: use other data or another model`,
    );
  const unknown = dataset.labels.filter((label) => !labels.includes(label));
  if (unknown.length > 0)
    throw new DataError(
      `${dataset.name} holds labels that the model does not know: ${unknown.join(', ')}; it knows ${labels.join(', ')}`,
    );
  const places = labels.map((label) => dataset.labels.indexOf(label));
  return examples.map((example) => ({ ...example, target: places.map((k) => example.target[k] ?? 0) }));
}

async function classifyAll(model: Classifier, examples: readonly Example[]): Promise<Prediction[]> {
  const predictions: Prediction[] = [];
  const progress = openProgressLine((done, total) => `${formatWhole(done)} of ${plural(total, 'text')}`);
  for (let at = 0; at < examples.length; at += stride) {
    progress.show(at, examples.length);
    predictions.push(...(await model.classify(examples.slice(at, at + stride).map(({ text }) => text))));
  }
  progress.close();
  return predictions;
}

async function score(
  { task, labels, threshold }: Classifier,
  examples: readonly Example[],
  predictions: readonly Prediction[],
): Promise<Evaluation> {
  const { evaluate } = await import('../metrics/evaluate.ts');
  const targets = examples.map(({ target }) => target);
  const scores = predictions.map((prediction) => labels.map((label) => prediction.scores[label]!));
  return evaluate(task, labels, { targets, scores }, { threshold, bootstrap });
}
