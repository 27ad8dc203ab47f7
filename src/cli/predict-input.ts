/** Where `predict` gets its texts from. */
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { extname } from 'node:path';
import { type CsvError, parse } from 'csv-parse';
import { ConfigError, DataError } from '../core/errors.ts';
import { textLines } from './text-lines.ts';

/** A text to classify, or a record that has none and why. */
export interface Input {
  readonly text: string;
  readonly error?: string;
}

/** Column names that are taken for the texts', in the order of preference. */
const usualTextColumns = 'text tweet sentence content utterance message post comment review body document'.split(' ');

/**
 * The texts of a file, in its order: lines of a .txt, the text column of a .csv, .tsv or .jsonl.
 *
 * @throws ConfigError for another kind of file.
 * @throws DataError   if the file cannot be read or has no such column, naming those there are.
 */
export async function* fileTexts(path: string, textColumn: string | undefined): AsyncGenerator<Input, void> {
  const read = readers[extname(path).toLowerCase()];
  if (!read)
    throw new ConfigError(`--input ${path}: expected a .txt, .csv, .tsv or .jsonl file; a pipe works for others`);
  await checkReadable(path);
  yield* read(path, textColumn);
}

/** The texts of a stream, one a line. */
export async function* streamTexts(stream: AsyncIterable<Uint8Array>): AsyncGenerator<Input, void> {
  for await (const text of textLines(stream)) yield { text };
}

type Reader = (path: string, textColumn: string | undefined) => AsyncGenerator<Input, void>;

const readers: Readonly<Record<string, Reader>> = {
  '.txt': (path) => streamTexts(createReadStream(path)),
  '.csv': (path, column) => delimitedTexts(path, { column, delimiter: ',' }),
  '.tsv': (path, column) => delimitedTexts(path, { column, delimiter: '\t' }),
  '.jsonl': jsonTexts,
  '.ndjson': jsonTexts,
};

async function checkReadable(path: string): Promise<void> {
  try {
    await (await open(path)).close();
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    throw new DataError(`${path}: ${code === 'ENOENT' ? 'no such file; check the path' : message}`, { cause });
  }
}

interface Delimited {
  readonly column: string | undefined;
  readonly delimiter: string;
}

async function* delimitedTexts(path: string, { column, delimiter }: Delimited): AsyncGenerator<Input, void> {
  const records = createReadStream(path).pipe(
    parse({ bom: true, delimiter, relax_column_count: true, relax_quotes: true, skip_empty_lines: true }),
  );
  let header: readonly string[] | undefined;
  let place = -1;
  try {
    for await (const record of records as AsyncIterable<string[]>) {
      if (!header) {
        header = record.map((name) => name.trim());
        place = header.indexOf(chooseColumn(header, { path, column }));
      } else if (record.length === header.length) yield { text: record[place]! };
      else yield { text: '', error: `${record.length} fields where ${header.length} are needed` };
    }
  } catch (error) {
    if ((error as CsvError).code === 'CSV_QUOTE_NOT_CLOSED')
      throw new DataError(`${path}: a quote (") is opened and never closed; close it`);
    throw error;
  }
  if (!header) throw new DataError(`${path}: is empty; it needs a header line and texts`);
}

async function* jsonTexts(path: string, column: string | undefined): AsyncGenerator<Input, void> {
  let chosen: string | undefined;
  for await (const line of textLines(createReadStream(path))) {
    if (line.trim() === '') continue;
    const record = parseObject(line);
    if (!record) {
      yield { text: '', error: 'not a JSON object' };
      continue;
    }
    chosen ??= chooseColumn(Object.keys(record), { path, column });
    const text = record[chosen];
    yield typeof text === 'string' ? { text } : { text: '', error: `no text in '${chosen}'` };
  }
}

function parseObject(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

interface Choice {
  readonly path: string;
  readonly column: string | undefined;
}

function chooseColumn(columns: readonly string[], { path, column }: Choice): string {
  const usual = usualTextColumns.find((name) => columns.some((other) => other.toLowerCase() === name));
  const chosen = columns.find((name) => (column === undefined ? name.toLowerCase() === usual : name === column));
  if (chosen !== undefined) return chosen;
  const wanted = column === undefined ? 'no text column (such as text, tweet, sentence)' : `no column '${column}'`;
  throw new DataError(`${path}: ${wanted} among the columns [${columns.join(', ')}]; name it with --text-column`);
}
