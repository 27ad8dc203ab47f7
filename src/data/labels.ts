import { ConfigError, DataError } from '../core/errors.ts';
import type { Task } from '../core/task.ts';
import { type LabelForm, type LabelOptions, labelForm, toNumber } from './label-form.ts';
import type { Row } from './rows.ts';

/** What the label columns of some rows say. */
export interface Targets {
  readonly task: Task;
  readonly labels: readonly string[];
  /** One per row: its target, or why it has none. */
  readonly targets: readonly (readonly number[] | string)[];
  readonly notes: readonly string[];
}

/**
 * Turns label cells into targets: names, ids into the label set, several of either in a cell, 0/1 columns, or numbers.
 *
 * A row whose cells cannot be read gets a reason in place of a target. A label outside a given label set is an error,
 * because a misspelt label or a wrong set would otherwise lose rows in silence.
 *
 * @throws DataError   if labels are outside the set (with counts and first lines), or there are fewer than two classes.
 * @throws ConfigError if the given labels repeat or do not fit the columns.
 */
export function readTargets(rows: readonly Row[], options: LabelOptions): Targets {
  const { labels } = options;
  const repeated = labels?.find((label, i) => labels.indexOf(label) !== i);
  if (repeated !== undefined) throw new ConfigError(`labels: '${repeated}' is listed twice`);
  const form = labelForm(rows, options);
  const read = form.kind === 'names' ? readNames(rows, form, options) : readNumbers(rows, form, options);
  if (form.task === 'single_label_classification' && read.labels.length < 2)
    throw new DataError(
      `${rows[0]?.file}: only one class [${read.labels.join(', ')}] in [${options.labelColumns.join(', ')}]; ` +
        'a classifier needs two: check labelColumns',
    );
  return { ...read, task: form.task, notes: [...form.notes, ...read.notes] };
}

type Reading = Omit<Targets, 'task'>;

function readNames(rows: readonly Row[], form: LabelForm, options: LabelOptions): Reading {
  const column = options.labelColumns[0]!;
  const cells = rows.map(({ cells }) => names(cells[column], form));
  const distinct = new Set(cells.flatMap((cell) => (typeof cell === 'string' ? [] : cell)));
  const labels = options.labels ?? sortLabels([...distinct]);
  const byName = new Map(labels.map((label, k) => [label, k]));
  const asIds = [...distinct].every(isInteger) && ![...distinct].every((name) => byName.has(name));
  const indexOf = (name: string): number | undefined =>
    asIds ? (labels[Number(name)] === undefined ? undefined : Number(name)) : byName.get(name);
  checkKnown(rows, cells, { labels, indexOf, column });
  const targets = cells.map((cell) => {
    if (typeof cell === 'string') return cell;
    const held = new Set(cell.map(indexOf));
    if (form.task === 'single_label_classification' && held.size !== 1)
      return `${held.size} labels in '${column}' where the task allows one`;
    return labels.map((_, k) => (held.has(k) ? 1 : 0));
  });
  return {
    labels,
    targets,
    notes: [...(asIds ? ['labels read as ids into the label set'] : []), ...caseNotes(labels)],
  };
}

/** The labels of a cell, or why it has none. */
function names(cell: unknown, form: LabelForm): readonly string[] | string {
  if (cell === undefined || cell === null || cell === '') return 'no label';
  const parts = partsOf(cell, form.separator);
  if (parts.some((part) => typeof part !== 'string' && typeof part !== 'number' && typeof part !== 'boolean'))
    return `label ${JSON.stringify(cell)} is not a name or a number`;
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

function checkKnown(rows: readonly Row[], cells: readonly (readonly string[] | string)[], lookup: Lookup): void {
  const unknown = new Map<string, { count: number; row: Row }>();
  for (const [i, cell] of cells.entries())
    for (const name of typeof cell === 'string' ? [] : cell) {
      if (lookup.indexOf(name) !== undefined) continue;
      const seen = unknown.get(name) ?? { count: 0, row: rows[i]! };
      unknown.set(name, { ...seen, count: seen.count + 1 });
    }
  if (unknown.size === 0) return;
  const first = [...unknown].slice(0, 10).map(([name, { count, row }]) => {
    const meant = lookup.labels.find((label) => label.toLowerCase() === name.toLowerCase());
    const hint = meant === undefined ? '' : `, perhaps '${meant}'`;
    return `'${name}' (${count} ${count === 1 ? 'row' : 'rows'}, first ${row.file}:${row.line}${hint})`;
  });
  const more = unknown.size > first.length ? ` and ${unknown.size - first.length} more` : '';
  throw new DataError(
    `column '${lookup.column}' holds labels outside the label set [${lookup.labels.join(', ')}]: ` +
      `${first.join(', ')}${more}; add them to labels, or correct the rows`,
  );
}

function readNumbers(rows: readonly Row[], form: LabelForm, options: LabelOptions): Reading {
  const columns = numberColumns(form, options);
  const targets = rows.map(({ cells }) => {
    const values = form.kind === 'vector' ? cells[options.labelColumns[0]!] : columns.map((name) => cells[name]);
    return numbers(values as readonly unknown[], columns, form);
  });
  return { labels: columns, targets, notes: [] };
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
    return `${JSON.stringify(values)} is not a list of ${columns.length} numbers`;
  const target: number[] = [];
  for (const [k, value] of values.entries()) {
    const number = toNumber(value);
    if (number === undefined) return `${columns[k]}: ${JSON.stringify(value ?? '')} is not a number`;
    if (form.kind === 'indicators' && number !== 0 && number !== 1) return `${columns[k]}: ${number} is not 0 or 1`;
    target.push(number);
  }
  const held = target.filter((value) => value === 1).length;
  if (form.task === 'single_label_classification' && held !== 1) return `${held} labels where the task allows one`;
  return target;
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
