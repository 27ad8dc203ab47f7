/** Where `predict` gets its texts from. */
import { extname } from 'node:path';
import { ConfigError, DataError } from '../core/errors.ts';
import { guessTextColumn } from '../data/columns.ts';
import { readTurns } from '../data/context.ts';
import { type Cells, hasTypes, isRowFile, type RowFormat, rowBatches } from '../data/rows.ts';
import { textChunks } from '../data/text-file.ts';
import { textLines } from '../data/text-lines.ts';
import type { Turn } from '../text/prompt.ts';

/** A text to classify, or a record that has none and why. */
export interface Input {
  readonly text: string;
  /** What was said before it. */
  readonly context?: readonly Turn[];
  readonly error?: string;
}

/** The form of a table, and its columns that are read; the texts' is found by its name if it is not given. */
export interface InputForm extends Pick<RowFormat, 'delimiter' | 'quoting' | 'encoding'> {
  readonly text?: string | undefined;
  readonly context?: string | undefined;
}

/**
 * The texts of a file, in its order: lines of a .txt, the text column of a .csv, .tsv, .jsonl or .parquet, or of any file with a
 * `delimiter`. Read as they are asked for, in constant memory.
 *
 * @throws ConfigError for another kind of file, or columns of a .txt.
 * @throws DataError   if the file cannot be read or has no such column, naming those there are.
 */
export async function* fileTexts(path: string, form: InputForm = {}): AsyncGenerator<Input, void> {
  if (hasTypes(path)) yield* typedTexts(path, form);
  else if (isRowFile(path) || form.delimiter !== undefined) yield* delimitedTexts(path, form);
  else if (extname(path).toLowerCase() === '.txt') yield* plainTexts(path, form);
  else
    throw new ConfigError(
      `--input ${path}: expected a .txt, .csv, .tsv, .jsonl or .parquet file; a pipe works for others`,
    );
}

/** The texts of a stream, one a line. */
export async function* streamTexts(stream: AsyncIterable<Uint8Array>, name: string): AsyncGenerator<Input, void> {
  for await (const lines of textLines(stream, name)) for (const text of lines) yield { text };
}

function plainTexts(path: string, { text, context, encoding }: InputForm): AsyncGenerator<Input, void> {
  const column = text ?? context;
  if (column !== undefined)
    throw new ConfigError(
      `${path}: a .txt file has no column '${column}', a line is a text; use .csv, .tsv, .jsonl or .parquet`,
    );
  return streamTexts(textChunks(path, encoding), path);
}

async function* delimitedTexts(path: string, form: InputForm): AsyncGenerator<Input, void> {
  let chosen: Chosen | undefined;
  for await (const { columns: header, records } of rowBatches(path, form)) {
    if (header.length > 0) chosen ??= chooseColumns(header, path, form);
    for (const record of records) {
      if ('cells' in record) yield inputOf(record.cells, chosen!);
      else yield { text: '', error: record.reason };
    }
  }
  if (!chosen) throw new DataError(`${path}: is empty; it needs a header line and texts`);
}

async function* typedTexts(path: string, form: InputForm): AsyncGenerator<Input, void> {
  let chosen: Chosen | undefined;
  let contexts = 0;
  for await (const { records } of rowBatches(path, form))
    for (const record of records) {
      if (!('cells' in record)) {
        yield { text: '', error: 'not a JSON object' };
        continue;
      }
      const { cells } = record;
      // the first record of a conversation may lack what was said before it
      chosen ??= chooseColumns([...Object.keys(cells), ...(form.context ? [form.context] : [])], path, form);
      if (form.context !== undefined && form.context in cells) contexts++;
      if (typeof cells[chosen.text] === 'string') yield inputOf(cells, chosen);
      else yield { text: '', error: `no text in '${chosen.text}'` };
    }
  if (form.context !== undefined && contexts === 0)
    throw new DataError(
      `${path}: no record has a field '${form.context}'; name what was said before with --context-column`,
    );
}

function inputOf(cells: Cells, chosen: Chosen): Input {
  const text = String(cells[chosen.text]);
  const context = readTurns(chosen.context && cells[chosen.context]);
  if (typeof context === 'string') return { text, error: context };
  return context.length === 0 ? { text } : { text, context };
}

interface Chosen {
  readonly text: string;
  readonly context: string | undefined;
}

function chooseColumns(columns: readonly string[], path: string, { text, context }: InputForm): Chosen {
  const missing = (what: string, flag: string): DataError =>
    new DataError(`${path}: ${what} among the columns [${columns.join(', ')}]; name it with ${flag}`);
  const named = (name: string, flag: string): string => {
    if (!columns.includes(name)) throw missing(`no column '${name}'`, flag);
    return name;
  };
  const found = text === undefined ? guessTextColumn(columns) : named(text, '--text-column');
  if (found === undefined) throw missing('no text column (such as text, tweet, sentence)', '--text-column');
  return { text: found, context: context === undefined ? undefined : named(context, '--context-column') };
}
