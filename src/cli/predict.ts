import type { Command } from 'commander';
import { z } from 'zod';
import { ConfigError } from '../core/errors.ts';
import type { Classifier, Prediction } from '../predict/classifier.ts';
import { dataShape } from '../train/config.ts';
import { batchesAsTheyCome } from './batches.ts';
import { makeCommand } from './command.ts';
import { addFlags, flagOf, type Values, valuesFrom } from './flags.ts';
import { modelShape, openModel } from './model-flags.ts';
import { printLines } from './output.ts';
import type { Input } from './predict-input.ts';
import { columnsOf, styleFor } from './terminal.ts';
import { predictionLine, refusedLine } from './view/prediction-line.ts';
import { plural } from './view/quantities.ts';

const shape = {
  ...modelShape,
  input: z.string().optional().describe('file of texts: .txt (one a line), .csv, .tsv, .jsonl or .parquet'),
  textColumn: z.string().optional().describe('column of the texts in --input (default: found by its name)'),
  contextColumn: z
    .string()
    .optional()
    .describe('column of --input with what was said before: a JSON array of texts or of {"role", "text"}'),
  delimiter: dataShape.delimiter,
  quoting: dataShape.quoting,
  encoding: dataShape.encoding,
  top: z.int().min(1).optional().describe('show this many labels, the most probable first'),
};

/** Texts classified at once: enough for the engine to be busy, few enough to see results soon. */
const batch = { size: 256, waitMs: 50 };

export function predictCommand(): Command {
  const command = makeCommand('predict', {
    summary: 'classify texts with a trained model',
    description:
      'Classify texts with a trained model: those given as arguments, the texts of --input, or the lines of stdin as ' +
      'they come. One line out for each text in, in the same order.',
    examples: [
      ['emotune predict --model runs/posts "What a lovely surprise!"', 'one text'],
      ['emotune predict --model runs/posts --input posts.csv --json > out.jsonl', 'a file, with all scores'],
      ['tail -f chat.log | emotune predict --model runs/posts', 'lines as they are written'],
    ],
  });
  return addFlags(command.argument('[text...]', 'texts to classify'), shape)
    .option('--json', '{"text", "scores", "labels", "truncated"} for each text, a line each')
    .action(async (texts: string[], given: Readonly<Record<string, unknown>>) => {
      const options = valuesFrom(shape, given);
      await predict(await inputs(texts, options), { ...options, json: given.json === true });
    });
}

interface PredictOptions extends Values<typeof shape> {
  readonly json: boolean;
}

async function inputs(
  texts: readonly string[],
  { input, textColumn, contextColumn, delimiter, quoting, encoding }: Values<typeof shape>,
): Promise<AsyncIterable<Input>> {
  if (texts.length > 0 && input !== undefined)
    throw new ConfigError(`both --input ${input} and ${plural(texts.length, 'text')} are given: use one of them`);
  const form = { textColumn, contextColumn, delimiter, quoting, encoding };
  const formKey = Object.entries(form).find(([, value]) => value !== undefined)?.[0];
  if (formKey !== undefined && input === undefined) throw new ConfigError(`${flagOf(formKey)} is only for --input`);
  if (texts.length > 0) return given(texts);
  const { fileTexts, streamTexts } = await import('./predict-input.ts');
  if (input !== undefined)
    return fileTexts(input, { text: textColumn, context: contextColumn, delimiter, quoting, encoding });
  if (process.stdin.isTTY) process.stderr.write('Type texts, one a line; Ctrl-D ends.\n');
  return streamTexts(process.stdin, 'stdin');
}

async function* given(texts: readonly string[]): AsyncGenerator<Input, void> {
  for (const text of texts) yield { text };
}

async function predict(texts: AsyncIterable<Input>, options: PredictOptions): Promise<void> {
  const model = await openModel(options);
  const counts = { refused: 0, truncated: 0 };
  try {
    for await (const rows of batchesAsTheyCome(texts, batch)) {
      const results = await classify(model, rows);
      await printLines(results.map((result) => (options.json ? toJson(result) : toLine(result, model, options))));
      counts.refused += results.filter(({ error }) => error !== undefined).length;
      counts.truncated += results.filter(({ prediction }) => prediction?.truncated).length;
    }
  } finally {
    await model.dispose();
  }
  if (counts.refused > 0) process.stderr.write(`${plural(counts.refused, 'text')} without anything to classify\n`);
  if (counts.truncated > 0) process.stderr.write(`${plural(counts.truncated, 'text')} cut to the model's length\n`);
}

/** An input with its prediction or the reason why it has none. */
interface Result extends Input {
  readonly prediction?: Prediction;
}

async function classify(model: Classifier, rows: readonly Input[]): Promise<Result[]> {
  const checked = rows.map((row) => ((row.error ?? row.text.trim() !== '') ? row : { ...row, error: 'empty text' }));
  const usable = checked.filter(({ error }) => error === undefined);
  const predictions = (await model.classify(usable)).values();
  return checked.map((row) => (row.error === undefined ? { ...row, prediction: predictions.next().value! } : row));
}

function toJson({ text, error, prediction }: Result): string {
  if (!prediction) return JSON.stringify({ text, error });
  const { scores, labels, truncated } = prediction;
  return JSON.stringify({ text, scores, labels, truncated });
}

function toLine({ text, error, prediction }: Result, { task }: Classifier, { top }: PredictOptions): string {
  const { stdout } = process;
  const style = styleFor(stdout);
  if (!prediction) return refusedLine(error ?? '', style);
  return predictionLine(text, prediction, { task, top, style, width: stdout.isTTY ? columnsOf(stdout) : undefined });
}
