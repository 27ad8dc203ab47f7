import { extname } from 'node:path';

import { type CsvError, parse } from 'csv-parse';

import { ConfigError, DataError } from '../core/errors.ts';
import { quoted } from '../core/quoted.ts';
import { sideBySide } from './line-columns.ts';
import type { Malformed } from './malformed.ts';
import { parquetRows } from './parquet.ts';
import { type Encoding, emptyFile, textChunks } from './text-file.ts';
import { longestRecord, textLines } from './text-lines.ts';

/** Cells by column name; strings, or any JSON value in JSON Lines and Parquet. */
export type Cells = Readonly<Record<string, unknown>>;

/** One record of a file, not yet interpreted. */
export interface Row {
  readonly file: string;
  /** Where the record starts, from 1; in Parquet, its number. */
  readonly line: number;
  readonly cells: Cells;
}

/** Takes the records of a file as they are read. */
export interface RowSink {
  row(row: Row): void;
  malformed(malformed: Malformed): void;
}

export interface RowFormat {
  /** One character between fields. Default: comma in `.csv`, tab in `.tsv`. */
  readonly delimiter?: string | undefined;
  /** `false`: a `"` is a character like any other (SemEval's TSV files). Default: RFC 4180 quotes, in TSV too. */
  readonly quoting?: boolean | undefined;
  /** The names of the columns of a file without a header line. */
  readonly columns?: readonly string[] | undefined;
  /** The column whose text may hold the delimiter, unquoted: where a record has too many fields, it is joined again. */
  readonly spillColumn?: string | undefined;
  /** For columns that are files of lines, side by side: those files by the names of the columns, given the first. */
  readonly lineFiles?: ((path: string) => Readonly<Record<string, string>>) | undefined;
  /** Default: what a byte order mark says, else UTF-8. */
  readonly encoding?: Encoding | undefined;
}

const delimiters: Readonly<Record<string, string>> = { '.csv': ',', '.tsv': '\t' };
const jsonLines = ['.jsonl', '.ndjson'];

const isJsonLines = (path: string): boolean => jsonLines.includes(extname(path).toLowerCase());

const isParquet = (path: string): boolean => extname(path).toLowerCase() === '.parquet';

/** Whether the cells in a file of this name are JSON values, where those of other files are strings. */
export const hasTypes = (path: string): boolean => isJsonLines(path) || isParquet(path);

/** Whether {@link readRows} knows what to do with a file of this name. */
export const isRowFile = (path: string): boolean => hasTypes(path) || extname(path).toLowerCase() in delimiters;

/**
 * Streams the records of a CSV, TSV, JSON Lines or Parquet file into `sink` and returns the names of its columns. Blank lines are
 * no records. A record with another number of fields than the header, or a line that is not a JSON object, is malformed:
 * reported, not thrown.
 *
 * @throws DataError   if the file cannot be read, is empty, repeats a column name, ends inside a quote, is damaged Parquet, or has a
 *                     record of more than 64 MiB.
 * @throws ConfigError if the extension says nothing and no delimiter is given.
 */
export async function readRows(path: string, format: RowFormat, sink: RowSink): Promise<readonly string[]> {
  let columns: readonly string[] = [];
  let isEmpty = true;
  for await (const piece of pieces(path, format, sink)) {
    columns = piece.columns;
    isEmpty &&= piece.isEmpty;
  }
  if (isEmpty) throw emptyFile(path);
  return columns;
}

/** Some records of a file, one after the other. */
export interface RowBatch {
  /** Those of a header; in JSON Lines, the fields seen so far. */
  readonly columns: readonly string[];
  readonly records: readonly (Row | Malformed)[];
}

/**
 * The records of a file, read as they are asked for: what is held is a piece of the file and its records. An empty file
 * has no batch with a column.
 *
 * @throws DataError, ConfigError as {@link readRows}.
 */
export async function* rowBatches(path: string, format: RowFormat): AsyncGenerator<RowBatch, void> {
  let records: (Row | Malformed)[] = [];
  const add = (record: Row | Malformed): void => {
    records.push(record);
  };
  for await (const { columns } of pieces(path, format, { row: add, malformed: add })) {
    yield { columns, records };
    records = [];
  }
}

/** A piece of a file whose records are in the sink. */
interface Piece {
  /** Those seen so far. */
  readonly columns: readonly string[];
  /** Whether there was neither a header nor a record so far. */
  readonly isEmpty: boolean;
}

function pieces(path: string, format: RowFormat, sink: RowSink): AsyncGenerator<Piece, void> {
  if (format.lineFiles) return linePieces(path, format.lineFiles(path), { encoding: format.encoding, sink });
  if (isJsonLines(path)) return jsonPieces(path, format, sink);
  if (isParquet(path)) return parquetPieces(path, sink);
  const extension = extname(path).toLowerCase();
  const delimiter = format.delimiter ?? delimiters[extension];
  if (delimiter === undefined)
    throw new ConfigError(
      `${path}: unknown kind of file '${extension}'; use .csv, .tsv, .jsonl or .parquet, or set delimiter`,
    );
  return delimitedPieces(path, { ...format, delimiter }, sink);
}

async function* linePieces(
  file: string,
  files: Readonly<Record<string, string>>,
  { encoding, sink }: { readonly encoding: Encoding | undefined; readonly sink: RowSink },
): AsyncGenerator<Piece, void> {
  const columns = Object.keys(files);
  let line = 0;
  for await (const cells of sideBySide(files, encoding)) {
    sink.row({ file, line: ++line, cells });
    yield { columns, isEmpty: false };
  }
}

async function* parquetPieces(file: string, sink: RowSink): AsyncGenerator<Piece, void> {
  let line = 0;
  for await (const { columns, rows } of parquetRows(file)) {
    for (const cells of rows) sink.row({ file, line: ++line, cells });
    yield { columns, isEmpty: false };
  }
}

async function* jsonPieces(file: string, { encoding }: RowFormat, sink: RowSink): AsyncGenerator<Piece, void> {
  const columns = new Set<string>();
  let line = 0;
  let isEmpty = true;
  for await (const lines of textLines(textChunks(file, encoding), file)) {
    for (const source of lines) {
      line++;
      if (source.trim() === '') continue;
      isEmpty = false;
      const cells = parseObject(source);
      if (typeof cells === 'string') sink.malformed({ file, line, reason: cells });
      else {
        for (const name in cells) columns.add(name);
        sink.row({ file, line, cells });
      }
    }
    yield { columns: [...columns], isEmpty };
  }
}

function parseObject(source: string): Record<string, unknown> | string {
  try {
    const value: unknown = JSON.parse(source);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
    return `a JSON object is needed, got ${Array.isArray(value) ? 'an array' : quoted(value)}`;
  } catch (error) {
    return `not JSON: ${(error as Error).message}`;
  }
}

async function* delimitedPieces(file: string, format: RowFormat, sink: RowSink): AsyncGenerator<Piece, void> {
  let columns = format.columns && columnNames(format.columns, file);
  let nextLine = 1;
  const { delimiter = ',', spillColumn } = format;
  const take = (found: readonly string[], line: number): void => {
    if (columns === undefined) {
      columns = columnNames(found, file);
      return;
    }
    const fields = rejoined(found, columns.length, { at: columns.indexOf(spillColumn ?? ''), delimiter });
    if (fields.length !== columns.length)
      sink.malformed({ file, line, reason: `${fields.length} fields where ${columns.length} are needed` });
    else sink.row({ file, line, cells: Object.fromEntries(columns.map((name, i) => [name, fields[i]])) });
  };
  const parser = parse({
    delimiter,
    quote: format.quoting === false ? null : '"',
    record_delimiter: '\n',
    relax_column_count: true,
    relax_quotes: true, // a quote inside an unquoted field is a character
    skip_empty_lines: true,
    max_record_size: longestRecord,
    on_record: (fields: string[], { lines: end }) => {
      take(fields, end - fields.reduce((n, field) => n + newlines(field), 0));
      nextLine = end + 1;
      return null;
    },
  }).resume();
  const parsed = (give: (done: (error?: Error | null) => void) => void): Promise<void> =>
    new Promise((resolve, reject) => give((error) => (error ? reject(explained(error, file, nextLine)) : resolve())));
  parser.on('error', () => {}); // `parsed` throws it
  for await (const chunk of textChunks(file, format.encoding)) {
    await parsed((done) => parser.write(chunk, done));
    yield { columns: columns ?? [], isEmpty: nextLine === 1 };
  }
  await parsed((done) => parser.end(done));
  yield { columns: columns ?? [], isEmpty: nextLine === 1 };
}

/** Fields as many as there are columns, those from `at` on made one; as they are, if they are too few or `at` is no place. */
function rejoined(
  fields: readonly string[],
  count: number,
  { at, delimiter }: { readonly at: number; readonly delimiter: string },
): readonly string[] {
  const extra = fields.length - count;
  if (at < 0 || extra <= 0) return fields;
  const end = at + extra + 1;
  return [...fields.slice(0, at), fields.slice(at, end).join(delimiter), ...fields.slice(end)];
}

function newlines(text: string): number {
  let count = 0;
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) count++;
  return count;
}

function explained(error: Error, file: string, line: number): Error {
  if (error instanceof DataError) return error;
  const { code } = error as CsvError;
  if (code !== 'CSV_QUOTE_NOT_CLOSED' && code !== 'CSV_MAX_RECORD_SIZE')
    return new DataError(`${file}: line ${line}: ${error.message}`);
  return new DataError(
    `${file}: a quote (") opened in the record at line ${line} is never closed; close it, ` +
      'or set quoting: false if quotes are ordinary characters in this file',
  );
}

/** Header names, trimmed; a nameless column (an exported index) is called after its place. */
function columnNames(header: readonly string[], file: string): readonly string[] {
  const names = header.map((name, i) => name.trim() || `column ${i + 1}`);
  const repeated = names.find((name, i) => names.indexOf(name) !== i);
  if (repeated !== undefined)
    throw new DataError(`${file}: two columns are called '${repeated}' in [${names.join(', ')}]; rename one`);
  return names;
}
