import { stat } from 'node:fs/promises';
import type { Command } from 'commander';
import { z } from 'zod';
import { DataError } from '../core/errors.ts';
import { hasValues } from '../core/task.ts';
import { type Dataset, type Examples, type SplitName, splitNames } from '../data/example.ts';
import type { loadDataset } from '../data/load.ts';
import type { DataReport } from '../data/report.ts';
import type { Comparison } from '../metrics/compare.ts';
import type { Answers, Evaluation } from '../metrics/evaluate.ts';
import type { Slice } from '../metrics/slices.ts';
import type { Classifier } from '../predict/classifier.ts';
import { dataShape, trainSchema } from '../train/config.ts';
import { type Known, readComparable } from './against.ts';
import { makeCommand } from './command.ts';
import { requireData } from './data-flags.ts';
import { SliceFacts, sliceLines, writeMistakes } from './error-analysis.ts';
import { addFlags, type Values, valuesFrom } from './flags.ts';
import { modelShape, openModel } from './model-flags.ts';
import { checkNotRead, printLines } from './output.ts';
import { openProgressLine } from './progress-line.ts';
import { formatWhole, plural } from './view/quantities.ts';

const { labels: _, task: __, ...ownData } = dataShape;

const shape = {
  ...modelShape,
  against: z
    .string()
    .optional()
    .describe(
      'another model of the same task and labels, to compare with on the same texts; other flags hold for both',
    ),
  ...ownData,
  seed: trainSchema.shape.seed.describe('seed of the split, where the data is not split already: that of the training'),
  split: z
    .enum([...splitNames, 'all'])
    .default('test')
    .describe('which part of the data to evaluate on'),
  errors: z.string().optional().describe('file to write the wrongly answered texts to, the worst first (JSON Lines)'),
  slices: z
    .array(z.string())
    .optional()
    .describe('scores of parts: by length, by intensity (of values and levels), or by columns such as channel'),
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
      "confusion matrix. Labels and task are the model's; a label that it does not know is an error. Against another " +
      'model: the differences with their intervals, and whether they may be chance.',
    examples: [
      ['emotune evaluate --model runs/posts --data social-posts', 'on the test split of a dataset'],
      ['emotune evaluate --model runs/posts --data new.csv --split all --json', 'on all rows of a file, for a program'],
      ['emotune evaluate --model runs/b --against runs/a --data social-posts', 'is b better than a?'],
      [
        'emotune evaluate --model runs/b --data social-posts --slices length,channel --errors wrong.jsonl',
        'where is it wrong?',
      ],
    ],
  });
  return addFlags(command, shape, { 'Data:': [...Object.keys(ownData), 'seed', 'split'] })
    .option('--json', 'the evaluation as JSON')
    .action(async (given: Readonly<Record<string, unknown>>) =>
      runEvaluate(valuesFrom(shape, given), given.json === true),
    );
}

async function runEvaluate({ against, ...options }: Options, json: boolean): Promise<void> {
  const data = requireData(options.data);
  const model = await openModel(options);
  try {
    const other = against === undefined ? undefined : await readComparable(against, model, options);
    const loaded = await loadExamples({ ...options, data }, model);
    try {
      await checkNotRead('--errors', options.errors, loaded.files);
      for (const line of warnings(loaded, other ? [model, other] : [model])) process.stderr.write(`warning: ${line}\n`);
      const facts = new SliceFacts(options.slices);
      const answers = await answer(model, model.labels, loaded, facts);
      const measured = await measure(model, answers);
      const analysed = await analyse(options, model, { loaded, answers, facts });
      await model.dispose(); // there may not be memory for two
      const comparison =
        against === undefined
          ? undefined
          : await compareWith(await optionsFor(against, options), model, { loaded, answers });
      const { slices } = analysed;
      await printLines(
        json
          ? [JSON.stringify({ ...measured, slices, comparison })]
          : [...(await report(measured, comparison)), ...analysed.lines],
      );
    } finally {
      await loaded.close();
    }
  } finally {
    await model.dispose();
  }
}

interface Measured extends Evaluation {
  readonly truncated: number;
  readonly seconds: number;
  readonly textsPerSecond: number;
}

interface Compared extends Comparison {
  readonly against: string;
}

async function report(
  { truncated, seconds, textsPerSecond, ...evaluation }: Measured,
  comparison: Compared | undefined,
): Promise<string[]> {
  const { formatComparison, formatEvaluation } = await import('../metrics/format.ts');
  return [
    ...formatEvaluation(evaluation),
    '',
    `speed       ${formatWhole(textsPerSecond)} texts/s`,
    `texts cut   ${truncated === 0 ? 'none' : `${plural(truncated, 'text')} longer than the model reads`}`,
    ...(comparison ? ['', `B is ${comparison.against}`, ...formatComparison(comparison)] : []),
  ];
}

/** The examples to evaluate on. */
interface Loaded
  extends Pick<Dataset, 'name' | 'task' | 'labels' | 'files' | 'close'>,
    Pick<DataReport, 'malformed' | 'dropped'> {
  readonly examples: Examples;
  /** Which of it they are. */
  readonly part: SplitName | 'all';
  /** How the data was split; undefined for all of it. */
  readonly split?: string;
}

/** What makes the scores say less than they seem to. */
function warnings({ name, malformed, dropped, split, part }: Loaded, models: readonly Known[]): string[] {
  const [first] = malformed.first;
  const bad =
    first && `${plural(malformed.count, 'row')} skipped as malformed: ${first.file}:${first.line}: ${first.reason}`;
  const elsewhere = models.flatMap(({ trainedOn }) =>
    split !== undefined && trainedOn?.name === name && trainedOn.split !== split ? [trainedOn.split] : [],
  );
  const isKnown = part !== 'test' && part !== 'validation' && models.some(({ trainedOn }) => trainedOn?.name === name);
  return [
    isKnown
      ? `${part === 'all' ? 'all' : 'the training texts'} of ${name}: the model was trained on these texts, or on some of them; how good it is on others they do not say`
      : [],
    bad === undefined ? [] : `${bad}${malformed.count > 1 ? ', …' : ''}`,
    dropped === 0 ? [] : `${plural(dropped, 'row')} without text left out`,
    [...new Set(elsewhere)].map(
      (trained) =>
        `${name} is split here as: ${split}; for the training it was: ${trained}. The model may know some of these texts: give the flags of the training (config.yaml of the run)`,
    ),
  ].flat();
}

/**
 * The examples of the split.
 *
 * @throws DataError if there are none, the dataset's task is another than the model's, or the model lacks a label of it.
 */
async function loadExamples(
  options: Options & { readonly data: string | string[] },
  model: Classifier,
): Promise<Loaded> {
  const { loadDataset: load, loadExamples: loadAll } = await import('../data/load.ts');
  const {
    model: _,
    base: __,
    threshold: ___,
    device: ____,
    threads: _____,
    token: ______,
    offline: _______,
    errors: ________,
    slices: _________,
    split = 'test',
    ...data
  } = options;
  const { task, labels } = model;
  const isFile =
    typeof data.data === 'string' &&
    (await stat(data.data).then(
      (entry) => entry.isFile(),
      () => false,
    ));
  const request = { ...data, task, ...(isFile ? { labels } : {}) };
  const loaded: Loaded =
    split === 'all' ? { ...(await loadAll(request)), part: split } : await loadSplit(load(request), split);
  try {
    if (loaded.examples.length === 0)
      throw new DataError(`${data.data}: the ${split} split is empty; choose another --split`);
    checkLabels(model, loaded);
    return loaded;
  } catch (error) {
    await loaded.close();
    throw error;
  }
}

async function loadSplit(loading: ReturnType<typeof loadDataset>, split: SplitName): Promise<Loaded> {
  const { dataset, report } = await loading;
  const { malformed, dropped } = report;
  return { ...dataset, examples: dataset.splits[split], part: split, malformed, dropped, split: report.split };
}

/** @throws DataError if the dataset is for another task, or its labels are not those of the model, in whatever order. */
export function checkLabels(
  { labels, task }: Pick<Classifier, 'labels' | 'task'>,
  dataset: Pick<Loaded, 'name' | 'task' | 'labels'>,
): void {
  if (dataset.task !== task)
    throw new DataError(
      `${dataset.name} is for ${dataset.task}, but the model does ${task}: use other data or another model`,
    );
  const unknown = dataset.labels.filter((label) => !labels.includes(label));
  if (unknown.length > 0)
    throw new DataError(
      `${dataset.name} holds labels that the model does not know: ${unknown.join(', ')}; it knows ${labels.join(', ')}`,
    );
  const lacking = labels.filter((label) => !dataset.labels.includes(label));
  if (hasValues(task) && lacking.length > 0)
    throw new DataError(
      `${dataset.name} has no ${lacking.join(', ')}, which the model predicts: use data with all of ${labels.join(', ')}`,
    );
}

/** What a model answers to the examples, and what it should have. */
interface Answered extends Required<Answers> {
  readonly targets: number[][];
  readonly truncated: number;
  readonly seconds: number;
}

/** Classifies the examples, some at a time: targets and scores stay, in the order of `labels`, texts do not. */
async function answer(
  model: Classifier,
  labels: readonly string[],
  { labels: own, examples }: Loaded,
  facts?: SliceFacts,
): Promise<Answered> {
  const places = labels.map((label) => own.indexOf(label));
  const targets: number[][] = [];
  const scores: number[][] = [];
  let truncated = 0;
  const progress = openProgressLine((done, total) => `${formatWhole(done)} of ${plural(total, 'text')}`);
  const from = performance.now();
  for (let at = 0; at < examples.length; at += stride) {
    progress.show(at, examples.length);
    const size = Math.min(stride, examples.length - at);
    const part = await examples.read(Uint32Array.from({ length: size }, (_, i) => at + i));
    for (const prediction of await model.classify(part)) {
      scores.push(labels.map((label) => prediction.scores[label]!));
      if (prediction.truncated) truncated++;
    }
    for (const example of part) {
      targets.push(places.map((k) => example.target[k] ?? 0));
      facts?.add(example);
    }
  }
  progress.close();
  const { thresholds, abstainBelow } = model.decision;
  const threshold = labels.map((label) => thresholds[model.labels.indexOf(label)]!);
  return { targets, scores, threshold, abstainBelow, truncated, seconds: (performance.now() - from) / 1000 };
}

async function measure({ task, labels }: Classifier, { truncated, seconds, ...answers }: Answered): Promise<Measured> {
  const { evaluate } = await import('../metrics/evaluate.ts');
  const evaluation = evaluate(task, labels, answers, { ...answers, bootstrap });
  return { ...evaluation, truncated, seconds, textsPerSecond: evaluation.n / seconds };
}

/** What is asked of the model's errors: scores of slices, and a file of mistakes; and both as lines. */
async function analyse(
  { errors, slices: names }: Options,
  { task, labels, decision }: Classifier,
  { loaded, answers, facts }: { readonly loaded: Loaded; readonly answers: Answered; readonly facts: SliceFacts },
): Promise<{ readonly slices: Slice[] | undefined; readonly lines: string[] }> {
  const analysed = { ...answers, task, labels };
  const lines: string[] = [];
  let found: Slice[] | undefined;
  if (names) {
    const { sliceMetric, slices } = await import('../metrics/slices.ts');
    found = slices(task, labels, analysed, await facts.by(analysed), { bootstrap });
    lines.push('', ...sliceLines(found, sliceMetric[task]));
  }
  if (errors !== undefined) {
    const { mistakes } = await import('../metrics/mistakes.ts');
    lines.push('', ...(await writeMistakes(errors, loaded.examples, analysed, mistakes(task, analysed, decision))));
  }
  return { slices: found, lines };
}

/** The options for another model: a baseline has no base to be told about. */
async function optionsFor(model: string, options: Options): Promise<Options> {
  const { isBaseline } = await import('../baselines/files.ts');
  const { base, precision, device, ...rest } = options;
  return (await isBaseline(model)) ? { ...rest, model } : { ...options, model };
}

/** Measures the model of the options on what another one has answered, and compares the two. */
async function compareWith(
  options: Options,
  { task, labels }: Classifier,
  { loaded, answers: a }: { readonly loaded: Loaded; readonly answers: Answered },
): Promise<Compared> {
  const { compare } = await import('../metrics/compare.ts');
  const model = await openModel(options);
  try {
    const b = await answer(model, labels, loaded);
    return { against: options.model!, ...compare(task, labels, { targets: a.targets, a, b }) };
  } finally {
    await model.dispose();
  }
}
