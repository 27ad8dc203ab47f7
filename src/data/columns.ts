import { DataError } from '../core/errors.ts';
import type { Row } from './rows.ts';

/** Which column holds what. */
export interface Columns {
  readonly text: string;
  readonly labels: readonly string[];
  readonly id?: string;
  readonly split?: string;
  /** What was guessed rather than told, for the report. */
  readonly notes: readonly string[];
}

export interface ColumnOptions {
  /** Default: the first column with a usual name, such as `text`, `tweet`, `sentence`. */
  readonly textColumn?: string | undefined;
  /** Default: a column with a usual name (`label`, `emotion`, …), else the columns `labels` names, else all 0/1 columns. */
  readonly labelColumns?: readonly string[] | undefined;
  /** Default: `id`, if there is one. */
  readonly idColumn?: string | undefined;
  /** A column of `train`, `validation` (`valid`, `val`, `dev`) and `test`. Default: `split`, if there is one; `false`: none. */
  readonly splitColumn?: string | false | undefined;
  /** The label set and its order. Default: what the rows hold, sorted; several label columns in their own order. */
  readonly labels?: readonly string[] | undefined;
}

const usual = {
  text: 'text tweet sentence content utterance message post comment review body document'.split(' '),
  label: 'label labels emotion emotions sentiment class category target'.split(' '),
  id: ['id'],
  split: ['split'],
};

/**
 * Chooses columns by name: those told, else those with a usual name in any case.
 *
 * @throws DataError if a column is missing, naming those there are and the option that sets it.
 */
export function chooseColumns(
  table: { readonly file: string; readonly columns: readonly string[]; readonly rows: readonly Row[] },
  options: ColumnOptions,
): Columns {
  const { file, columns } = table;
  const missing = (what: string, option: string): never => {
    throw new DataError(`${file}: ${what} among the columns [${columns.join(', ')}]; set ${option}`);
  };
  const told = (name: string, option: string): string =>
    columns.includes(name) ? name : missing(`no column '${name}'`, option);
  const guess = (names: readonly string[]): string | undefined => {
    const wanted = names.find((name) => columns.some((column) => column.toLowerCase() === name));
    return columns.find((column) => column.toLowerCase() === wanted);
  };

  const text = options.textColumn ? told(options.textColumn, 'textColumn') : guess(usual.text);
  if (text === undefined) return missing(`no text column (such as ${usual.text.slice(0, 3).join(', ')})`, 'textColumn');
  const id = options.idColumn ? told(options.idColumn, 'idColumn') : guess(usual.id);
  const guessSplit = (): string | undefined => (options.splitColumn === false ? undefined : guess(usual.split));
  const split = options.splitColumn ? told(options.splitColumn, 'splitColumn') : guessSplit();
  const others = columns.filter((column) => column !== text && column !== id && column !== split);
  const labels = options.labelColumns?.length
    ? options.labelColumns.map((name) => told(name, 'labelColumns'))
    : guessLabels(others, guess(usual.label), table.rows, options.labels);
  if (labels.length === 0)
    return missing(`no label column (such as ${usual.label.slice(0, 3).join(', ')})`, 'labelColumns');

  const notes = [
    options.textColumn ? [] : [`text column '${text}' chosen by its name`],
    options.labelColumns?.length ? [] : [`label columns [${labels.join(', ')}] chosen by their names or values`],
    options.splitColumn || split === undefined ? [] : [`split column '${split}' chosen by its name`],
  ].flat();
  return { text, labels, notes, ...(id === undefined ? {} : { id }), ...(split === undefined ? {} : { split }) };
}

function guessLabels(
  others: readonly string[],
  byName: string | undefined,
  rows: readonly Row[],
  labels: readonly string[] | undefined,
): readonly string[] {
  if (byName !== undefined) return [byName];
  if (labels?.every((label) => others.includes(label))) return labels;
  const indicators = others.filter(
    (column) =>
      rows.length > 0 && rows.every(({ cells }) => ['', '0', '1'].includes(String(cells[column] ?? '').trim())),
  );
  return indicators.length > 1 ? indicators : [];
}
