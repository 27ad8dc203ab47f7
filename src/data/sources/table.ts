import { basename } from 'node:path';

import { ConfigError, DataError } from '../../core/errors.ts';
import { cut, quoted } from '../../core/quoted.ts';
import type { Task } from '../../core/task.ts';
import type { Turn } from '../../text/prompt.ts';
import { type CleaningCounts, type CleaningStep, cleaningSteps, cleanText } from '../clean.ts';
import { type ColumnOptions, type ColumnSurvey, type Columns, chooseColumns } from '../columns.ts';
import { DialogueMemory, readTurns } from '../context.ts';
import { isNestedDeeper, packJson, unpackJson } from '../disk/packed-json.ts';
import { RecordFile } from '../disk/record-file.ts';
import type { WorkFolder } from '../disk/work-folder.ts';
import { type SplitName, splitNames } from '../example.ts';
import type { ExampleStore } from '../example-store.ts';
import { IndicatorSurvey } from '../indicator-survey.ts';
import { LabelSurvey, labelForm, toNumber } from '../label-form.ts';
import { type LabelReader, openLabelReader, type TableLabels } from '../labels.ts';
import { MalformedCount, type MalformedRows, mergeMalformed } from '../malformed.ts';
import { type Cells, type Row, type RowFormat, readRows } from '../rows.ts';
import { markedEncoding } from '../text-file.ts';
import { Preparation, type PrepareRow } from './prepare.ts';

export interface TableOptions extends RowFormat, ColumnOptions {
  /** The CSV, TSV, JSON Lines or Parquet file; the training part if there are others. */
  readonly data: string;
  /** Files of their own for the other splits, in the same form. */
  readonly validation?: string | undefined;
  readonly test?: string | undefined;
  readonly task?: Task | undefined;
  /** What separates several labels in one cell; says that the task is multi-label. */
  readonly labelSeparator?: string | undefined;
  /** How many turns of the dialogue before a row are its context. Default: 4. */
  readonly contextTurns?: number | undefined;
  /** A JSON Lines field that holds all of `meta`. Default: the columns that are not used otherwise. */
  readonly metaColumn?: string | undefined;
  /** Columns that a row, or a whole file, may lack; a row without a weight counts 1. Default: none. */
  readonly mayLack?: readonly string[] | undefined;
  /** Makes the cells that are read out of those of the file. Default: the file's. */
  readonly prepare?: PrepareRow | undefined;
}

/** What a table held, apart from its rows. */
export interface Table extends TableLabels {
  /** Usable rows of each split there is, before cleaning. `train` alone means: not split yet. */
  readonly rowsRead: Readonly<Partial<Record<SplitName, number>>>;
  readonly malformed: MalformedRows;
  /** The number of texts each cleaning step changed. */
  readonly cleaned: CleaningCounts;
  /** Rows whose text came out of cleaning empty. */
  readonly dropped: number;
  /** The column of the ids, where there is one. */
  readonly idColumn: string | undefined;
}

export interface TableTarget {
  readonly work: WorkFolder;
  readonly store: ExampleStore;
  /** Sets the ids of this table's rows apart from other tables'; empty for none. */
  readonly prefix: string;
}

const defaultTurns = 4;

/**
 * Losses are sums of weighted terms in float32, divided by the sum of the weights. A weight of 10⁻⁵⁰ is 0 there, one of
 * 10³⁰⁰ infinite, and either makes the loss no number. Within these bounds a batch's sums stay far from both ends, and a
 * light row beside a heavy one is already without effect: float32 has 7 digits.
 */
const weights = { least: 1e-6, most: 1e6 } as const;

/** How many levels of arrays and objects a cell may have: what is done to cells calls itself for every level. */
const deepest = 100;

/**
 * Reads files with named columns into the store. Labels may be a name or an id per row, several of either in a cell (a
 * JSON array, or separated), a 0/1 column per label, or columns of numbers; see {@link chooseColumns} and
 * {@link labelForm} for what is guessed. Rows that cannot be used are counted as malformed.
 *
 * The files are read once, into a working file. That is gone through twice: to see how labels are written, then to read them.
 *
 * @throws DataError   if a file or column is missing, a label is outside the label set, or no row is usable.
 * @throws ConfigError if options contradict each other or the file.
 */
export async function readTable(options: TableOptions, target: TableTarget): Promise<Table> {
  const parts = filesOf(options);
  const records = target.work.keep(new RecordFile(target.work.path(`records-${target.store.length}`)));
  const copied = await copyRecords(parts, options, records);
  const columns = chooseColumns(copied.survey, {
    ...options,
    splitColumn: parts.length > 1 ? false : options.splitColumn,
  });
  checkColumns(copied.columns, columns, options.mayLack ?? []);
  const isGuessed = !options.labelColumns?.length && columns.labels.length > 1;

  const reading = { parts, columns, options, records };
  const survey = await surveyLabels(reading, copied.malformed);
  const labelOptions = { ...options, labelColumns: columns.labels };
  const labels = openLabelReader(labelForm(survey, labelOptions), labelOptions);
  const filler = new Filler(reading, labels, target);
  await eachRow(reading, (row, split, problem) => filler.take(row, split, problem));
  const found = labels.finish(options.data);
  if (filler.usable === 0) throw nothingUsable(options.data, [copied.malformed, filler.malformed]);
  return {
    ...found,
    ...filler.result(),
    malformed: mergeMalformed(
      [copied.malformed, filler.malformed],
      parts.map(({ file }) => file),
    ),
    notes: [
      ...(await markNotes(parts)),
      ...copied.notes,
      ...columns.notes,
      ...(isGuessed ? copied.almost : []),
      ...found.notes,
    ],
    idColumn: columns.id,
  };
}

/** A file, and the split its rows are in if there are several files. */
interface Part {
  readonly file: string;
  readonly split: SplitName;
}

function filesOf(options: TableOptions): readonly Part[] {
  const paths = { train: options.data, validation: options.validation, test: options.test };
  const parts: Part[] = [];
  for (const split of splitNames) {
    const file = paths[split];
    if (file === undefined) continue;
    const same = parts.find((part) => part.file === file);
    if (same) throw new ConfigError(`${file}: given as both ${same.split} and ${split}`);
    parts.push({ file, split });
  }
  if (parts.length > 1 && options.splitColumn)
    throw new ConfigError(`splitColumn '${options.splitColumn}' and separate validation or test files: use one`);
  return parts;
}

/** What to say of files that are not UTF-8. */
async function markNotes(parts: readonly Part[]): Promise<string[]> {
  const marked = await Promise.all(parts.map(async ({ file }) => ({ file, mark: await markedEncoding(file) })));
  return marked
    .filter(({ mark }) => mark?.startsWith('utf-16'))
    .map(({ file, mark }) => `${file}: read as ${mark}, as its byte order mark says`);
}

interface FileColumns {
  readonly file: string;
  readonly columns: readonly string[];
}

/** Copies all records into one working file and looks at what every column holds. */
async function copyRecords(
  parts: readonly Part[],
  options: TableOptions,
  records: RecordFile,
): Promise<{
  readonly survey: ColumnSurvey;
  readonly columns: readonly FileColumns[];
  readonly malformed: MalformedCount;
  readonly notes: readonly string[];
  /** See {@link IndicatorSurvey}. */
  readonly almost: readonly string[];
}> {
  const malformed = new MalformedCount();
  const preparation = new Preparation(options.prepare);
  const indicators = new IndicatorSurvey();
  const columns: FileColumns[] = [];
  for (const [number, { file }] of parts.entries()) {
    const names = await readRows(file, options, {
      row(row) {
        const { line } = row;
        const cells = preparation.cellsOf(row);
        if (cells === undefined) return;
        const deep = tooDeep(cells);
        if (deep !== undefined) {
          malformed.add({ file, line, reason: `'${cut(deep)}' is nested more than ${deepest} levels deep` });
          return;
        }
        indicators.add({ file, line, cells });
        records.appendText(packJson([number, line, cells]));
      },
      malformed: (row) => malformed.add(row),
    });
    columns.push({ file, columns: [...new Set([...names, ...preparation.columns])] });
  }
  records.flush();
  const survey: ColumnSurvey = {
    file: options.data,
    columns: [...new Set([...(columns[0]?.columns ?? []), ...(options.mayLack ?? [])])],
    isIndicator: (column) => indicators.isIndicator(column),
  };
  return { survey, columns, malformed, notes: preparation.notes, almost: indicators.almost };
}

/** The column of a cell that is nested too deeply, if there is one. */
function tooDeep(cells: Cells): string | undefined {
  for (const name in cells) if (isNestedDeeper(cells[name], deepest)) return name;
  return undefined;
}

function checkColumns(files: readonly FileColumns[], chosen: Columns, mayLack: readonly string[]): void {
  const { text, labels, group, weight, context } = chosen;
  const needed = [text, ...labels, group, weight, context]
    .filter((name) => name !== undefined)
    .filter((name) => !mayLack.includes(name));
  for (const { file, columns } of files.slice(1)) {
    const missing = needed.find((name) => !columns.includes(name));
    if (missing !== undefined)
      throw new DataError(
        `${file}: no column '${missing}' among the columns [${columns.join(', ')}], but ${files[0]?.file} has it; ` +
          'all files need the same columns',
      );
  }
}

interface Reading {
  readonly parts: readonly Part[];
  readonly columns: Columns;
  readonly options: TableOptions;
  readonly records: RecordFile;
}

/** Goes through all records in order: with the split each belongs to, or with what is wrong with its text or split. */
async function eachRow(
  { parts, columns, records }: Reading,
  visit: (row: Row, split: SplitName, problem: string | undefined) => void,
): Promise<void> {
  for await (const chunk of records.chunks())
    for (let k = 0; k < chunk.length; k++) {
      const [number, line, cells] = unpackJson(chunk.text(k)) as [number, number, Cells];
      Object.setPrototypeOf(cells, null); // a row that lacks a column called `constructor` has nothing there
      const { file, split: own } = parts[number]!;
      const split = parts.length > 1 ? own : splitOf(cells, columns);
      const problem =
        textProblem(cells[columns.text]) ?? (split === undefined ? splitProblem(cells, columns) : undefined);
      visit({ file, line, cells }, split ?? 'train', problem);
    }
}

/** @throws DataError if no row has a text and a split. */
async function surveyLabels(reading: Reading, malformed: MalformedCount): Promise<LabelSurvey> {
  const survey = new LabelSurvey(reading.columns.labels);
  const bad = new MalformedCount();
  await eachRow(reading, ({ file, line, cells }, _, problem) => {
    if (problem === undefined) survey.add(cells);
    else bad.add({ file, line, reason: problem });
  });
  if (bad.count === reading.records.length) throw nothingUsable(reading.options.data, [malformed, bad]);
  return survey;
}

const splitAliases: ReadonlyMap<string, SplitName> = new Map([
  ['train', 'train'],
  ['training', 'train'],
  ['validation', 'validation'],
  ['valid', 'validation'],
  ['val', 'validation'],
  ['dev', 'validation'],
  ['test', 'test'],
  ['testing', 'test'],
]);

const splitOf = (cells: Cells, { split }: Columns): SplitName | undefined =>
  split === undefined ? 'train' : splitAliases.get(cellText(cells[split]).toLowerCase());

const splitProblem = (cells: Cells, { split = '' }: Columns): string =>
  `split ${quoted(cells[split] ?? '')} is not train, validation or test`;

function textProblem(text: unknown): string | undefined {
  if (text === undefined || text === null) return 'no text';
  if (typeof text !== 'string') return `text is not a string but ${quoted(text)}`;
  return text.trim() === '' ? 'empty text' : undefined;
}

/** What a usable row says. */
interface RowContent {
  readonly text: string;
  readonly changed: readonly CleaningStep[];
  readonly labels: readonly number[];
  readonly weight: number | undefined;
  readonly context: readonly Turn[];
}

/** Turns rows into stored examples, and counts on the way. */
class Filler {
  readonly malformed = new MalformedCount();
  readonly #reading: Reading;
  readonly #labels: LabelReader;
  readonly #target: TableTarget;
  readonly #dialogue: DialogueMemory;
  readonly #used: ReadonlySet<string | undefined>;
  readonly #rowsRead: Partial<Record<SplitName, number>> = {};
  readonly #cleaned: Record<CleaningStep, number>;
  #dropped = 0;

  constructor(reading: Reading, labels: LabelReader, target: TableTarget) {
    this.#reading = reading;
    this.#labels = labels;
    this.#target = target;
    this.#dialogue = new DialogueMemory(reading.options.contextTurns ?? defaultTurns);
    const { text, id, split, group, weight, context, dialogue, labels: labelColumns } = reading.columns;
    this.#used = new Set([text, id, split, group, weight, context, dialogue, ...labelColumns]);
    this.#cleaned = Object.fromEntries(cleaningSteps.map((step) => [step, 0])) as Record<CleaningStep, number>;
  }

  get usable(): number {
    return Object.values(this.#rowsRead).reduce((n, count) => n + count, 0);
  }

  result(): Pick<Table, 'rowsRead' | 'cleaned' | 'dropped'> {
    const present = splitNames.filter((name) => this.#rowsRead[name] !== undefined);
    return {
      rowsRead: Object.fromEntries(present.map((name) => [name, this.#rowsRead[name]!])),
      cleaned: this.#cleaned,
      dropped: this.#dropped,
    };
  }

  take(row: Row, split: SplitName, problem: string | undefined): void {
    const read = problem ?? this.#read(row);
    if (typeof read === 'string') {
      this.malformed.add({ file: row.file, line: row.line, reason: read });
      return;
    }
    this.#rowsRead[split] = (this.#rowsRead[split] ?? 0) + 1;
    for (const step of read.changed) this.#cleaned[step]++;
    if (read.text === '') this.#dropped++;
    else this.#store(row, split, read);
  }

  /** What the row says, or why it cannot be used. Its text is remembered as a turn of its dialogue either way. */
  #read(row: Row): RowContent | string {
    const { columns } = this.#reading;
    const { text, changed } = cleanText(row.cells[columns.text] as string);
    const before = columns.dialogue && this.#dialogue.before(cellText(row.cells[columns.dialogue]), text);
    const labels = this.#labels.read(row);
    if (typeof labels === 'string') return labels;
    const weight = this.#weight(row.cells);
    if (typeof weight === 'string') return weight;
    const context = columns.context ? readTurns(row.cells[columns.context]) : before || [];
    return typeof context === 'string' ? context : { text, changed, labels, weight, context };
  }

  #store(row: Row, split: SplitName, { text, labels, weight, context }: RowContent): void {
    const { store, prefix } = this.#target;
    const { columns } = this.#reading;
    const group = columns.group === undefined ? '' : cellText(row.cells[columns.group]);
    const dialogue = columns.dialogue === undefined ? '' : cellText(row.cells[columns.dialogue]);
    const meta = this.#meta(row.cells);
    store.add(
      {
        id: prefix + rowId(row, columns),
        text,
        labels,
        ...(group === '' ? {} : { group }),
        ...(weight === undefined ? {} : { weight }),
        ...(context.length === 0 ? {} : { context }),
        ...(meta === undefined ? {} : { meta }),
      },
      split,
      { origin: prefix, dialogue: columns.dialogue === columns.group || dialogue === '' ? undefined : dialogue },
    );
  }

  /** The row's weight, or why it has none. */
  #weight(cells: Cells): number | string | undefined {
    const { columns, options } = this.#reading;
    if (columns.weight === undefined) return undefined;
    const cell = cells[columns.weight];
    if (cell === undefined && options.mayLack?.includes(columns.weight)) return undefined;
    const weight = toNumber(cell);
    if (weight === undefined || weight <= 0 || typeof cell === 'boolean')
      return `weight ${quoted(cell ?? '')} is not a positive number`;
    return weight >= weights.least && weight <= weights.most
      ? weight
      : `weight ${quoted(cell)} is not from ${weights.least} to ${weights.most}`;
  }

  #meta(cells: Cells): Readonly<Record<string, unknown>> | undefined {
    const { metaColumn } = this.#reading.options;
    if (metaColumn !== undefined)
      return (cells[metaColumn] ?? undefined) as Readonly<Record<string, unknown>> | undefined;
    const rest = Object.entries(cells).filter(([name]) => !this.#used.has(name));
    return rest.length === 0 ? undefined : Object.fromEntries(rest);
  }
}

/** What a cell says, as one text. */
const cellText = (cell: unknown): string =>
  typeof cell === 'object' && cell !== null ? JSON.stringify(cell) : String(cell ?? '').trim();

function rowId({ file, line, cells }: Row, { id }: Columns): string {
  const told = id === undefined ? '' : cellText(cells[id]);
  return told === '' ? `${basename(file)}:${line}` : told;
}

function nothingUsable(file: string, malformed: readonly MalformedRows[]): DataError {
  const first = malformed.flatMap((part) => part.first)[0];
  const why =
    first === undefined ? 'no row to read after the header' : `the first at line ${first.line}: ${first.reason}`;
  const count = malformed.reduce((n, part) => n + part.count, 0);
  return new DataError(`${file}: no usable row, ${count} malformed (${why}); check the columns and the kind of file`);
}
