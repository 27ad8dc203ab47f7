/** `data label-errors`: labels that a model which has not seen them finds wrong. */
import type { Command } from 'commander';
import { z } from 'zod';
import { baselineNames } from '../baselines/names.ts';
import { ConfigError } from '../core/errors.ts';
import { hasValues } from '../core/task.ts';
import { type Dataset, splitNames } from '../data/example.ts';
import type { LabelError } from '../metrics/label-errors.ts';
import { makeCommand } from './command.ts';
import { requireData, splitShape } from './data-flags.ts';
import { addFlags, type Values, valuesFrom } from './flags.ts';
import { foundLine, withExamples } from './found-texts.ts';
import { checkNotRead, printLines, writeResult } from './output.ts';
import { openProgressLine } from './progress-line.ts';
import { formatShare, plural } from './view/quantities.ts';

const shape = {
  ...splitShape,
  split: z.enum(splitNames).default('train').describe('which part of the data to look through'),
  model: z.enum(baselineNames).default('tfidf-lr').describe('what learns the labels'),
  folds: z.int().min(2).default(5).describe('parts of the data, each of which is judged by what the others teach'),
  out: z.string().optional().describe('file to write what is found to, the surest first (JSON Lines)'),
};

export function labelErrorsCommand(): Command {
  const command = makeCommand('label-errors', {
    summary: 'find labels that are likely wrong',
    description:
      'Find labels that are likely wrong, by confident learning: a classical baseline is trained on all folds of the data but ' +
      'one and judges that one; where it is surer of another label than it usually is of that, the label given is doubtful. ' +
      'Nothing is changed: which label is right is for a person to say.',
    examples: [['emotune data label-errors --data posts.csv --out doubtful.jsonl', 'then read them, the surest first']],
  });
  return addFlags(command, shape).action(async (given: Readonly<Record<string, unknown>>) =>
    findLabelErrors(valuesFrom(shape, given)),
  );
}

async function findLabelErrors({
  data,
  split = 'train',
  model = 'tfidf-lr',
  folds = 5,
  out,
  ...options
}: Values<typeof shape>): Promise<void> {
  const { loadDataset } = await import('../data/load.ts');
  const { dataset } = await loadDataset({ data: requireData(data), ...options });
  try {
    const { task, labels, splits } = dataset;
    if (hasValues(task)) throw new ConfigError(`data label-errors is for labels; ${dataset.name} is for ${task}`);
    await checkNotRead('--out', out, dataset.files);
    const examples = splits[split];
    const { crossValidatedScores } = await import('../train/cross-validation.ts');
    const progress = openProgressLine((fold, total) => `fold ${Math.min(fold + 1, total)} of ${total}`);
    const scores = await crossValidatedScores({ task, labels }, examples, {
      model,
      folds,
      seed: options.seed ?? 0,
      onFold: (fold) => progress.show(fold, folds),
    });
    progress.close();
    const targets: (readonly number[])[] = [];
    for await (const target of examples.targets()) targets.push(target);
    const { labelErrors, multiLabelErrors } = await import('../metrics/label-errors.ts');
    const find = task === 'single_label_classification' ? labelErrors : multiLabelErrors;
    const found = find(targets, scores);
    const count = targets.length * (task === 'single_label_classification' ? 1 : labels.length);
    await report({ dataset, split, scores, found, out }, count);
    const { evaluate, primaryMetric } = await import('../metrics/evaluate.ts');
    const { value } = evaluate(task, labels, { targets, scores }).metrics[primaryMetric(task)]!;
    await printLines([
      '',
      `judged by ${model}, which has a ${primaryMetric(task)} of ${value?.toFixed(4)} on texts it has not seen: the lower that is, the less it says`,
    ]);
  } finally {
    await dataset.close();
  }
}

interface Found {
  readonly dataset: Dataset;
  readonly split: (typeof splitNames)[number];
  readonly scores: readonly (readonly number[])[];
  readonly found: readonly LabelError[];
  readonly out: string | undefined;
}

/** What a person is shown; the file has all. */
const shown = 20;

async function report({ dataset, split, scores, found, out }: Found, count: number): Promise<void> {
  const { task, labels, splits } = dataset;
  const single = task === 'single_label_classification';
  const said = ({ label, likely }: LabelError) =>
    single
      ? { label: labels[label]!, likely: labels[likely]! }
      : { label: labels[label]!, holds: likely === 0, likelyHolds: likely === 1 };
  const inWords = ({ label, likely }: LabelError) =>
    single
      ? `${labels[label]}, likely ${labels[likely]}`
      : `${labels[label]}: likely ${likely === 1 ? 'missing' : 'wrong'}`;
  const lines: string[] = [];
  async function* records(): AsyncGenerator<string, void> {
    for await (const [each, { id, text }] of withExamples(found, splits[split])) {
      if (lines.length < shown) lines.push(foundLine(each.margin, inWords(each), text));
      const named = Object.fromEntries(labels.map((label, k) => [label, scores[each.place]![k]!]));
      yield `${JSON.stringify({ id, text, ...said(each), margin: each.margin, scores: named })}\n`;
    }
  }
  if (out !== undefined) await writeResult(out, records());
  else for await (const _ of records()) if (lines.length === shown) break;
  const rest =
    out === undefined && found.length > shown ? [`… and ${found.length - shown} more: --out FILE has all`] : [];
  await printLines([
    `${plural(found.length, 'label')} of ${count} in the ${split} split likely wrong (${formatShare(found.length, count)})${out === undefined ? '' : `, in ${out}`}`,
    ...lines,
    ...rest,
  ]);
}
