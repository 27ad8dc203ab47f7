/** Where `predict` gets its texts from. */
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { extname } from 'node:path';
import { type CsvError, parse } from 'csv-parse';
import { ConfigError, DataError } from '../core/errors.ts';
import { readTurns } from '../data/context.ts';
import type { Turn } from '../text/prompt.ts';
import { textLines } from './text-lines.ts';

/** A text to classify, or a record that has none and why. */
export interface Input {
  readonly text: string;
  /** What was said before it. */
  readonly context?: readonly Turn[];
  readonly error?: string;
}

/** The columns of a table that are read; the texts' is found by its name if it is not given. */
export interface InputColumns {
  readonly text?: string | undefined;
  readonly context?: string | undefined;
}

/** Column names that are taken for the texts', in the order of preference. */
const usualTextColumns = 'text tweet sentence content utterance message post comment review body document'.split(' ');

/**
 * The texts of a file, in its order: lines of a .txt, the text column of a .csv, .tsv or .jsonl.
 *
 * @throws ConfigError for another kind of file, or columns of a .txt.
 * @throws DataError   if the file cannot be read or has no such column, naming those there are.
 */
export async function* fileTexts(path: string, columns: InputColumns = {}): AsyncGenerator<Input, void> {
  const read = readers[extname(path).toLowerCase()];
  if (!read)
    throw new ConfigError(`--input ${path}: expected a .txt, .csv, .tsv or .jsonl file; a pipe works for others`);
  await checkReadable(path);
  yield* read(path, columns);
}

/** The texts of a stream, one a line. */
export async function* streamTexts(stream: AsyncIterable<Uint8Array>): AsyncGenerator<Input, void> {
  for await (const text of textLines(stream)) yield { text };
}

type Reader = (path: string, columns: InputColumns) => AsyncGenerator<Input, void>;

const readers: Readonly<Record<string, Reader>> = {
  '.txt': plainTexts,
  '.csv': (path, columns) => delimitedTexts(path, ',', columns),
  '.tsv': (path, columns) => delimitedTexts(path, '\t', columns),
  '.jsonl': jsonTexts,
  '.ndjson': jsonTexts,
};

function plainTexts(path: string, { text, context }: InputColumns): AsyncGenerator<Input, void> {
  const column = text ?? context;
  if (column !== undefined)
    throw new ConfigError(`${path}: a .txt file has no column '${column}', a line is a text; use .csv, .tsv or .jsonl`);
  return streamTexts(createReadStream(path));
}

async function checkReadable(path: string): Promise<void> {
  try {
    await (await open(path)).close();
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    throw new DataError(`${path}: ${code === 'ENOENT' ? 'no such file; check the path' : message}`, { cause });
  }
}

async function* delimitedTexts(path: string, delimiter: string, columns: InputColumns): AsyncGenerator<Input, void> {
  const records = createReadStream(path).pipe(
    parse({ bom: true, delimiter, relax_column_count: true, relax_quotes: true, skip_empty_lines: true }),
  );
  let header: readonly string[] | undefined;
  let chosen: Chosen | undefined;
  try {
    for await (const record of records as AsyncIterable<string[]>) {
      if (!header || !chosen) {
        header = record.map((name) => name.trim());
        chosen = chooseColumns(header, path, columns);
      } else if (record.length !== header.length)
        yield { text: '', error: `${record.length} fields where ${header.length} are needed` };
      else {
        const { text, context } = chosen;
        yield inputOf(record[header.indexOf(text)]!, context && record[header.indexOf(context)]);
      }
    }
  } catch (error) {
    if ((error as CsvError).code === 'CSV_QUOTE_NOT_CLOSED')
      throw new DataError(`${path}: a quote (") is opened and never closed; close it`);
    throw error;
  }
  if (!header) throw new DataError(`${path}: is empty; it needs a header line and texts`);
}

async function* jsonTexts(path: string, columns: InputColumns): AsyncGenerator<Input, void> {
  let chosen: Chosen | undefined;
  let contexts = 0;
  for await (const line of textLines(createReadStream(path))) {
    if (line.trim() === '') continue;
    const record = parseObject(line);
    if (!record) {
      yield { text: '', error: 'not a JSON object' };
      continue;
    }
    // the first record of a conversation may lack what was said before it
    chosen ??= chooseColumns([...Object.keys(record), ...(columns.context ? [columns.context] : [])], path, columns);
    if (columns.context !== undefined && columns.context in record) contexts++;
    const text = record[chosen.text];
    if (typeof text !== 'string') yield { text: '', error: `no text in '${chosen.text}'` };
    else yield inputOf(text, chosen.context && record[chosen.context]);
  }
  if (columns.context !== undefined && contexts === 0)
    throw new DataError(
      `${path}: no record has a field '${columns.context}'; name what was said before with --context-column`,
    );
}

function inputOf(text: string, cell: unknown): Input {
  const context = readTurns(cell);
  if (typeof context === 'string') return { text, error: context };
  return context.length === 0 ? { text } : { text, context };
}

function parseObject(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

interface Chosen {
  readonly text: string;
  readonly context: string | undefined;
}

function chooseColumns(columns: readonly string[], path: string, { text, context }: InputColumns): Chosen {
  const missing = (what: string, flag: string): DataError =>
    new DataError(`${path}: ${what} among the columns [${columns.join(', ')}]; name it with ${flag}`);
  const named = (name: string, flag: string): string => {
    if (!columns.includes(name)) throw missing(`no column '${name}'`, flag);
    return name;
  };
  const usual = usualTextColumns.find((name) => columns.some((other) => other.toLowerCase() === name));
  const found =
    text === undefined ? columns.find((name) => name.toLowerCase() === usual) : named(text, '--text-column');
  if (found === undefined) throw missing('no text column (such as text, tweet, sentence)', '--text-column');
  return { text: found, context: context === undefined ? undefined : named(context, '--context-column') };
}
