import type { Task } from '../core/task.ts';
import type { Row } from './rows.ts';

export interface LabelOptions {
  readonly labelColumns: readonly string[];
  readonly labels?: readonly string[] | undefined;
  /** Default: inferred from the cells, see {@link labelForm}. */
  readonly task?: Task | undefined;
  /** What separates several labels in one cell. Default: the first of `,` `|` `;` that any cell holds. */
  readonly labelSeparator?: string | undefined;
}

/** How label cells are to be read. */
export interface LabelForm {
  readonly task: Task;
  /**
   * `names`: one column of names or ids, one or several in a cell; `indicators`: a column of 0/1 per label;
   * `numbers`: a column of values per label; `vector`: one column of lists of values.
   */
  readonly kind: 'names' | 'indicators' | 'numbers' | 'vector';
  /** Between the names in a cell; undefined: a cell is one name. */
  readonly separator: string | undefined;
  readonly notes: readonly string[];
}

/**
 * Chooses how to read the label columns, from the task where it is given and else from what the cells hold:
 *
 * | columns | cells                               | task                        |
 * |---------|-------------------------------------|-----------------------------|
 * | several | all numbers 0 or 1                  | multi-label                 |
 * | several | other numbers                       | regression                  |
 * | one     | JSON arrays, or a separator is given | multi-label                 |
 * | one     | numbers, not all integers           | regression                  |
 * | one     | anything else                       | single-label                |
 */
export function labelForm(rows: readonly Row[], options: LabelOptions): LabelForm {
  const { labelColumns } = options;
  const cells = rows.flatMap((row) => labelColumns.map((name) => row.cells[name]));
  const { kind, task } = labelColumns.length > 1 ? severalColumns(cells, options) : oneColumn(cells, options);
  const separator =
    kind === 'names' && task === 'multi_label_classification'
      ? (options.labelSeparator ?? detectSeparator(cells))
      : undefined;
  const detected = separator !== undefined && options.labelSeparator === undefined;
  const notes = detected ? [`labels in a cell separated at '${separator}'`] : [];
  return { kind, task, separator, notes };
}

type Choice = Pick<LabelForm, 'kind' | 'task'>;

function severalColumns(cells: readonly unknown[], { task }: LabelOptions): Choice {
  if (task === 'regression') return { kind: 'numbers', task };
  if (task !== undefined) return { kind: 'indicators', task };
  const found = cells.map(toNumber).filter((cell) => cell !== undefined);
  return found.every((cell) => cell === 0 || cell === 1)
    ? { kind: 'indicators', task: 'multi_label_classification' }
    : { kind: 'numbers', task: 'regression' };
}

function oneColumn(cells: readonly unknown[], { task, labelSeparator }: LabelOptions): Choice {
  const lists = cells.some(Array.isArray);
  if (task === 'regression') return { kind: lists ? 'vector' : 'numbers', task };
  if (task !== undefined) return { kind: 'names', task };
  if (lists || labelSeparator !== undefined) return { kind: 'names', task: 'multi_label_classification' };
  const found = cells.map(toNumber).filter((cell) => cell !== undefined);
  const fractions = found.length === cells.length && found.some((cell) => !Number.isInteger(cell));
  return fractions ? { kind: 'numbers', task: 'regression' } : { kind: 'names', task: 'single_label_classification' };
}

function detectSeparator(cells: readonly unknown[]): string | undefined {
  return [',', '|', ';'].find((mark) => cells.some((cell) => typeof cell === 'string' && cell.includes(mark)));
}

/** A finite number, a string that spells one, or a boolean as 0/1; else undefined. */
export function toNumber(cell: unknown): number | undefined {
  if (typeof cell === 'boolean') return cell ? 1 : 0;
  if (typeof cell !== 'number' && (typeof cell !== 'string' || cell.trim() === '')) return undefined;
  const number = Number(cell);
  return Number.isFinite(number) ? number : undefined;
}
