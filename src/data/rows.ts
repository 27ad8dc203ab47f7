import { extname } from 'node:path';

import { type CsvError, parse } from 'csv-parse/sync';

import { ConfigError, DataError } from '../core/errors.ts';
import { readTextFile } from './text-file.ts';

/** One record of a file, not yet interpreted: cells by column name; strings, or any JSON value in JSON Lines. */
export interface Row {
  readonly file: string;
  /** Where the record starts, from 1. */
  readonly line: number;
  readonly cells: Readonly<Record<string, unknown>>;
}

/** A record that cannot be used, and why. */
export interface Malformed {
  readonly file: string;
  readonly line: number;
  readonly reason: string;
}

/** What {@link readRows} finds in one file. */
export interface RowFile {
  readonly columns: readonly string[];
  readonly rows: readonly Row[];
  readonly malformed: readonly Malformed[];
}

export interface RowFormat {
  /** One character between fields. Default: comma in `.csv`, tab in `.tsv`. */
  readonly delimiter?: string | undefined;
  /** `false`: a `"` is a character like any other (SemEval's TSV files). Default: RFC 4180 quotes, in TSV too. */
  readonly quoting?: boolean | undefined;
  /** The names of the columns of a file without a header line. */
  readonly columns?: readonly string[] | undefined;
}

const delimiters: Readonly<Record<string, string>> = { '.csv': ',', '.tsv': '\t' };
const jsonLines = ['.jsonl', '.ndjson'];

/** Whether {@link readRows} knows what to do with a file of this name. */
export const isRowFile = (path: string): boolean => {
  const extension = extname(path).toLowerCase();
  return extension in delimiters || jsonLines.includes(extension);
};

/**
 * Reads the records of a CSV, TSV or JSON Lines file. Blank lines are no records. A record with another number of
 * fields than the header, or a line that is not a JSON object, is malformed: listed, not thrown.
 *
 * @throws DataError   if the file cannot be read, repeats a column name, or ends inside a quote.
 * @throws ConfigError if the extension says nothing and no delimiter is given.
 */
export async function readRows(path: string, format: RowFormat = {}): Promise<RowFile> {
  const extension = extname(path).toLowerCase();
  if (jsonLines.includes(extension)) return parseJsonLines(await readTextFile(path), path);
  const delimiter = format.delimiter ?? delimiters[extension];
  if (delimiter === undefined)
    throw new ConfigError(`${path}: unknown kind of file '${extension}'; use .csv, .tsv or .jsonl, or set delimiter`);
  return parseDelimited(await readTextFile(path), path, { ...format, delimiter });
}

function parseJsonLines(text: string, file: string): RowFile {
  const columns = new Set<string>();
  const rows: Row[] = [];
  const malformed: Malformed[] = [];
  for (const [index, source] of text.split('\n').entries()) {
    if (source.trim() === '') continue;
    const line = index + 1;
    const cells = parseObject(source);
    if (typeof cells === 'string') malformed.push({ file, line, reason: cells });
    else {
      rows.push({ file, line, cells });
      for (const name of Object.keys(cells)) columns.add(name);
    }
  }
  return { columns: [...columns], rows, malformed };
}

function parseObject(source: string): Record<string, unknown> | string {
  try {
    const value: unknown = JSON.parse(source);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
    return `a JSON object is needed, got ${Array.isArray(value) ? 'an array' : JSON.stringify(value)}`;
  } catch (error) {
    return `not JSON: ${(error as Error).message}`;
  }
}

interface Line {
  readonly line: number;
  readonly fields: readonly string[];
}

function parseDelimited(text: string, file: string, format: RowFormat): RowFile {
  const lines = parseLines(text, file, format);
  const columns = columnNames(format.columns ?? lines.shift()?.fields ?? [], file);
  const rows: Row[] = [];
  const malformed: Malformed[] = [];
  for (const { line, fields } of lines) {
    if (fields.length === columns.length)
      rows.push({ file, line, cells: Object.fromEntries(columns.map((name, i) => [name, fields[i]])) });
    else malformed.push({ file, line, reason: `${fields.length} fields where ${columns.length} are needed` });
  }
  return { columns, rows, malformed };
}

function parseLines(text: string, file: string, format: RowFormat): Line[] {
  const lines: Line[] = [];
  let nextLine = 1;
  try {
    parse(text, {
      delimiter: format.delimiter ?? ',',
      quote: format.quoting === false ? null : '"',
      record_delimiter: '\n',
      relax_column_count: true,
      relax_quotes: true, // a quote inside an unquoted field is a character
      skip_empty_lines: true,
      max_record_size: 0,
      on_record: (fields: string[], { lines: end }) => {
        const inner = fields.reduce((n, field) => n + field.split('\n').length - 1, 0);
        lines.push({ line: end - inner, fields });
        nextLine = end + 1;
        return null;
      },
    });
  } catch (error) {
    if ((error as CsvError).code !== 'CSV_QUOTE_NOT_CLOSED')
      throw new DataError(`${file}: line ${nextLine}: ${(error as Error).message}`);
    throw new DataError(
      `${file}: a quote (") opened in the record at line ${nextLine} is never closed; close it, ` +
        'or set quoting: false if quotes are ordinary characters in this file',
    );
  }
  return lines;
}

/** Header names, trimmed; a nameless column (an exported index) is called after its place. */
function columnNames(header: readonly string[], file: string): readonly string[] {
  const names = header.map((name, i) => name.trim() || `column ${i + 1}`);
  const repeated = names.find((name, i) => names.indexOf(name) !== i);
  if (repeated !== undefined)
    throw new DataError(`${file}: two columns are called '${repeated}' in [${names.join(', ')}]; rename one`);
  return names;
}
