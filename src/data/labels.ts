import { ConfigError, DataError } from '../core/errors.ts';
import { cut, quoted } from '../core/quoted.ts';
import { hasValues, type Task } from '../core/task.ts';
import { type LabelForm, type LabelOptions, toNumber } from './label-form.ts';
import type { Row } from './rows.ts';

/** What the label columns of a table turned out to say. */
export interface TableLabels {
  readonly task: Task;
  readonly labels: readonly string[];
  /** Which of `labels` each number stands for that {@link LabelReader.read} gave: a held label's, or a value's place. */
  readonly places: readonly number[];
  readonly notes: readonly string[];
}

/**
 * Reads label cells row by row: names, ids into the label set, several of either in a cell, 0/1 columns, or numbers.
 * Names are numbered as they come, for which label a name is can only be said when all are known.
 */
export interface LabelReader {
  /** Numbers of the labels held, each once; or the values, where the task has them. A text says why the row cannot be used. */
  read(row: Row): readonly number[] | string;
  /**
   * What there was.
   *
   * A label outside a given label set is an error, because a misspelt label or a wrong set would otherwise lose rows in
   * silence.
   *
   * @throws DataError if labels are outside the set (with counts and first lines), or there are fewer than two classes.
   */
  finish(file: string): TableLabels;
}

/** @throws ConfigError if the given labels repeat or do not fit the columns. */
export function openLabelReader(form: LabelForm, options: LabelOptions): LabelReader {
  checkNotRepeated(options.labels);
  const reader = form.kind === 'names' ? nameReader(form, options) : numberReader(form, options);
  return {
    read: reader.read,
    finish(file) {
      const found = reader.finish();
      if (form.task === 'single_label_classification' && found.labels.length < 2)
        throw new DataError(
          `${file}: only one class [${found.labels.join(', ')}] in [${options.labelColumns.join(', ')}]; ` +
            'a classifier needs two: check labelColumns',
        );
      return { ...found, task: form.task, notes: [...form.notes, ...found.notes] };
    },
  };
}

/** @throws ConfigError if a label is listed twice. */
export function checkNotRepeated(labels: readonly string[] | undefined): void {
  const repeated = labels?.find((label, i) => labels.indexOf(label) !== i);
  if (repeated !== undefined) throw new ConfigError(`labels: '${repeated}' is listed twice`);
}

interface Reader {
  readonly read: LabelReader['read'];
  finish(): Omit<TableLabels, 'task'>;
}

/** A name as it first stood in a cell. */
interface Seen {
  readonly number: number;
  readonly row: Pick<Row, 'file' | 'line'>;
  count: number;
}

function nameReader(form: LabelForm, options: LabelOptions): Reader {
  const column = options.labelColumns[0]!;
  const seen = new Map<string, Seen>();
  const numberOf = (name: string, { file, line }: Row): number => {
    const entry = seen.get(name) ?? { number: seen.size, row: { file, line }, count: 0 };
    if (entry.count === 0) seen.set(name, entry);
    entry.count++;
    return entry.number;
  };
  return {
    read(row) {
      const cell = names(row.cells[column], form);
      if (typeof cell === 'string') return cell;
      const held = [...new Set(cell.map((name) => numberOf(name, row)))];
      return form.task === 'single_label_classification' && held.length !== 1
        ? `${held.length} labels in '${column}' where the task allows one`
        : held;
    },
    finish: () => placeNames(seen, options),
  };
}

function placeNames(seen: ReadonlyMap<string, Seen>, options: LabelOptions): Omit<TableLabels, 'task'> {
  const distinct = [...seen.keys()];
  const labels = options.labels ?? sortLabels(distinct);
  const byName = new Map(labels.map((label, k) => [label, k]));
  const asIds = distinct.every(isInteger) && !distinct.every((name) => byName.has(name));
  const indexOf = (name: string): number | undefined =>
    asIds ? (labels[Number(name)] === undefined ? undefined : Number(name)) : byName.get(name);
  checkKnown(seen, { labels, indexOf, column: options.labelColumns[0]! });
  return {
    labels,
    places: distinct.map((name) => indexOf(name)!),
    notes: [...(asIds ? ['labels read as ids into the label set'] : []), ...caseNotes(labels)],
  };
}

/** The labels of a cell, or why it has none. */
function names(cell: unknown, form: LabelForm): readonly string[] | string {
  if (cell === undefined || cell === null || cell === '') return 'no label';
  const parts = partsOf(cell, form.separator);
  if (parts.some((part) => typeof part !== 'string' && typeof part !== 'number' && typeof part !== 'boolean'))
    return `label ${quoted(cell)} is not a name or a number`;
  const found = parts.map((part) => String(part).trim()).filter((part) => part !== '');
  return found.length === 0 && parts.length > 0 ? 'no label' : found;
}

function partsOf(cell: unknown, separator: string | undefined): readonly unknown[] {
  if (Array.isArray(cell)) return cell;
  return typeof cell === 'string' && separator !== undefined ? cell.split(separator) : [cell];
}

interface Lookup {
  readonly labels: readonly string[];
  readonly indexOf: (name: string) => number | undefined;
  readonly column: string;
}

function checkKnown(seen: ReadonlyMap<string, Seen>, lookup: Lookup): void {
  const unknown = [...seen].filter(([name]) => lookup.indexOf(name) === undefined);
  if (unknown.length === 0) return;
  const first = unknown.slice(0, 10).map(([name, { count, row }]) => {
    const meant = lookup.labels.find((label) => label.toLowerCase() === name.toLowerCase());
    const hint = meant === undefined ? '' : `, perhaps '${meant}'`;
    return `'${cut(name)}' (${count} ${count === 1 ? 'row' : 'rows'}, first ${row.file}:${row.line}${hint})`;
  });
  const more = unknown.length > first.length ? ` and ${unknown.length - first.length} more` : '';
  throw new DataError(
    `column '${lookup.column}' holds labels outside the label set [${lookup.labels.join(', ')}]: ` +
      `${first.join(', ')}${more}; add them to labels, or correct the rows`,
  );
}

function numberReader(form: LabelForm, options: LabelOptions): Reader {
  const columns = numberColumns(form, options);
  return {
    read({ cells }) {
      const values = form.kind === 'vector' ? cells[options.labelColumns[0]!] : columns.map((name) => cells[name]);
      const target = numbers(values as readonly unknown[], columns, form);
      if (typeof target === 'string' || hasValues(form.task)) return target;
      return [...target.keys()].filter((k) => target[k] === 1);
    },
    finish: () => ({ labels: columns, places: columns.map((_, k) => k), notes: [] }),
  };
}

/** The label columns in the order of the given label set, which must name the same. */
function numberColumns(form: LabelForm, { labelColumns, labels }: LabelOptions): readonly string[] {
  if (form.kind === 'vector') {
    if (labels === undefined) throw new ConfigError(`labels: name the numbers in column '${labelColumns[0]}'`);
    return labels;
  }
  if (labels === undefined) return labelColumns;
  const sorted = (list: readonly string[]): string => [...list].sort().join('\n');
  if (sorted(labels) !== sorted(labelColumns))
    throw new ConfigError(`labels [${labels.join(', ')}] are not the label columns [${labelColumns.join(', ')}]`);
  return labels;
}

function numbers(values: readonly unknown[], columns: readonly string[], form: LabelForm): readonly number[] | string {
  if (!Array.isArray(values) || values.length !== columns.length)
    return `${quoted(values)} is not a list of ${columns.length} numbers`;
  const target: number[] = [];
  for (const [k, value] of values.entries()) {
    const number = toNumber(value);
    if (number === undefined) return `${columns[k]}: ${quoted(value ?? '')} is not a number`;
    const problem = numberProblem(number, form);
    if (problem !== undefined) return `${columns[k]}: ${number} ${problem}`;
    target.push(number);
  }
  const held = target.filter((value) => value === 1).length;
  if (form.task === 'single_label_classification' && held !== 1) return `${held} labels where the task allows one`;
  return target;
}

/** The highest level of an ordinal target: scales of emotion have at most ten points. */
const highestLevel = 20;

/** Why a number cannot be what the form says. */
function numberProblem(number: number, { kind, task }: LabelForm): string | undefined {
  if (kind === 'indicators') return number === 0 || number === 1 ? undefined : 'is not 0 or 1';
  if (task !== 'ordinal_regression') return undefined;
  const isLevel = Number.isInteger(number) && number >= 0 && number <= highestLevel;
  return isLevel ? undefined : `is no level: levels are whole numbers from 0 to ${highestLevel}`;
}

const isInteger = (name: string): boolean => /^[+-]?\d+$/.test(name);

/** Numbers in numeric order, names by code unit: the same on every machine. */
function sortLabels(labels: readonly string[]): string[] {
  return labels.every(isInteger) ? [...labels].sort((a, b) => Number(a) - Number(b)) : [...labels].sort();
}

function caseNotes(labels: readonly string[]): string[] {
  const twins = labels.filter((label, i) => labels.findIndex((l) => l.toLowerCase() === label.toLowerCase()) < i);
  return twins.length === 0 ? [] : [`labels that differ from others only in case: ${twins.join(', ')}`];
}
