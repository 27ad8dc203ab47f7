import { basename } from 'node:path';

import { ConfigError, DataError } from '../../core/errors.ts';
import type { Task } from '../../core/task.ts';
import { type ColumnOptions, type Columns, chooseColumns } from '../columns.ts';
import { type Example, type SplitName, splitNames, uniqueId } from '../example.ts';
import { readTargets, type Targets } from '../labels.ts';
import { type Malformed, type Row, type RowFile, type RowFormat, readRows } from '../rows.ts';
import type { Loaded } from './source.ts';

export interface TableOptions extends RowFormat, ColumnOptions {
  /** The CSV, TSV or JSON Lines file; the training part if there are others. */
  readonly data: string;
  /** Files of their own for the other splits, in the same form. */
  readonly validation?: string | undefined;
  readonly test?: string | undefined;
  readonly task?: Task | undefined;
  /** What separates several labels in one cell; says that the task is multi-label. */
  readonly labelSeparator?: string | undefined;
  /** A JSON Lines field that holds all of `meta`. Default: the columns that are not used otherwise. */
  readonly metaColumn?: string | undefined;
}

/**
 * Reads files with named columns. Labels may be a name or an id per row, several of either in a cell (a JSON array,
 * or separated), a 0/1 column per label, or columns of numbers; see {@link chooseColumns} and {@link labelForm} for
 * what is guessed. Rows that cannot be used are listed as malformed.
 *
 * @throws DataError   if a file or column is missing, a label is outside the label set, or no row is usable.
 * @throws ConfigError if options contradict each other or the file.
 */
export async function loadTable(options: TableOptions): Promise<Loaded> {
  const { files, fileSplits } = await readFiles(options);
  const several = files.length > 1;
  if (several && options.splitColumn)
    throw new ConfigError(`splitColumn '${options.splitColumn}' and separate validation or test files: use one`);
  const splitColumn = several ? false : options.splitColumn;
  const columns = chooseColumns(mergeFiles(options.data, files), { ...options, splitColumn });
  checkColumns(files, columns);

  const malformed = files.flatMap((file) => file.malformed);
  const rows: Row[] = [];
  const splits: SplitName[] = [];
  for (const row of files.flatMap((file) => file.rows)) {
    const split = several ? fileSplits.get(row.file) : splitOf(row, columns);
    const problem = textProblem(row.cells[columns.text]) ?? splitProblem(split, row, columns);
    if (problem === undefined) {
      rows.push(row);
      splits.push(split!);
    } else malformed.push({ file: row.file, line: row.line, reason: problem });
  }
  if (rows.length === 0) throw nothingUsable(options.data, malformed);
  const targets = readTargets(rows, { ...options, labelColumns: columns.labels });
  return collect({ rows, splits, columns, targets, malformed, options });
}

async function readFiles(options: TableOptions): Promise<{
  readonly files: readonly (RowFile & { readonly file: string })[];
  readonly fileSplits: ReadonlyMap<string, SplitName>;
}> {
  const paths = { train: options.data, validation: options.validation, test: options.test };
  const fileSplits = new Map<string, SplitName>();
  const files = [];
  for (const split of splitNames) {
    const file = paths[split];
    if (file === undefined) continue;
    if (fileSplits.has(file)) throw new ConfigError(`${file}: given as both ${fileSplits.get(file)} and ${split}`);
    fileSplits.set(file, split);
    files.push({ file, ...(await readRows(file, options)) });
  }
  return { files, fileSplits };
}

function mergeFiles(file: string, files: readonly RowFile[]): RowFile & { readonly file: string } {
  const [first] = files;
  return {
    file,
    columns: first?.columns ?? [],
    rows: files.flatMap((part) => part.rows),
    malformed: files.flatMap((part) => part.malformed),
  };
}

function checkColumns(files: readonly (RowFile & { readonly file: string })[], { text, labels }: Columns): void {
  for (const { file, columns } of files.slice(1)) {
    const missing = [text, ...labels].find((name) => !columns.includes(name));
    if (missing !== undefined)
      throw new DataError(
        `${file}: no column '${missing}' among the columns [${columns.join(', ')}], but ${files[0]?.file} has it; ` +
          'all files need the same columns',
      );
  }
}

const splitAliases: Readonly<Record<string, SplitName>> = {
  train: 'train',
  training: 'train',
  validation: 'validation',
  valid: 'validation',
  val: 'validation',
  dev: 'validation',
  test: 'test',
  testing: 'test',
};

function splitOf({ cells }: Row, { split }: Columns): SplitName | undefined {
  return split === undefined ? 'train' : splitAliases[String(cells[split]).trim().toLowerCase()];
}

function splitProblem(split: SplitName | undefined, { cells }: Row, columns: Columns): string | undefined {
  if (split !== undefined) return undefined;
  return `split ${JSON.stringify(cells[columns.split ?? ''] ?? '')} is not train, validation or test`;
}

function textProblem(text: unknown): string | undefined {
  if (text === undefined || text === null) return 'no text';
  if (typeof text !== 'string') return `text is not a string but ${JSON.stringify(text)}`;
  return text.trim() === '' ? 'empty text' : undefined;
}

interface Parts {
  readonly rows: readonly Row[];
  readonly splits: readonly SplitName[];
  readonly columns: Columns;
  readonly targets: Targets;
  readonly malformed: readonly Malformed[];
  readonly options: TableOptions;
}

function collect({ rows, splits, columns, targets, malformed, options }: Parts): Loaded {
  const bad = [...malformed];
  const taken = new Set<string>();
  const collected: Record<SplitName, Example[]> = { train: [], validation: [], test: [] };
  let renamed = 0;
  for (const [i, row] of rows.entries()) {
    const target = targets.targets[i]!;
    if (typeof target === 'string') {
      bad.push({ file: row.file, line: row.line, reason: target });
      continue;
    }
    const wanted = rowId(row, columns);
    const id = uniqueId(wanted, taken);
    if (id !== wanted) renamed++;
    const meta = metaOf(row, columns, options);
    const text = row.cells[columns.text] as string;
    collected[splits[i]!].push({ id, text, target, ...(Object.keys(meta).length > 0 ? { meta } : {}) });
  }
  if (taken.size === 0) throw nothingUsable(options.data, bad);
  const notes = [...columns.notes, ...targets.notes];
  if (renamed > 0) notes.push(`${renamed} repeated ids in column '${columns.id}' got a suffix such as #2`);
  const filled = Object.fromEntries(Object.entries(collected).filter(([, examples]) => examples.length > 0));
  const { task, labels } = targets;
  return { task, labels, splits: filled, malformed: inFileOrder(bad, options), notes };
}

function rowId({ file, line, cells }: Row, { id }: Columns): string {
  const told = id === undefined ? '' : String(cells[id] ?? '').trim();
  return told === '' ? `${basename(file)}:${line}` : told;
}

function metaOf({ cells }: Row, columns: Columns, { metaColumn }: TableOptions): Readonly<Record<string, unknown>> {
  if (metaColumn !== undefined) return (cells[metaColumn] ?? {}) as Readonly<Record<string, unknown>>;
  const used = new Set([columns.text, columns.id, columns.split, ...columns.labels]);
  return Object.fromEntries(Object.entries(cells).filter(([name]) => !used.has(name)));
}

function inFileOrder(malformed: readonly Malformed[], { data, validation, test }: TableOptions): Malformed[] {
  const order = [data, validation, test];
  return [...malformed].sort((a, b) => order.indexOf(a.file) - order.indexOf(b.file) || a.line - b.line);
}

function nothingUsable(file: string, malformed: readonly Malformed[]): DataError {
  const [first] = malformed;
  const why = first === undefined ? 'it has a header but no rows' : `the first at line ${first.line}: ${first.reason}`;
  return new DataError(
    `${file}: no usable row, ${malformed.length} malformed (${why}); check the columns and the kind of file`,
  );
}
