import { hasValues, type Task } from '../core/task.ts';
import type { Cells } from './rows.ts';

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

/** What {@link labelForm} needs to know of all label cells, gathered one row at a time. */
export class LabelSurvey {
  readonly #columns: readonly string[];
  readonly #separators = new Set<string>();
  #others = 0;
  lists = false;
  /** Whether some number is neither 0 nor 1. */
  beyondBinary = false;
  fractions = false;

  constructor(columns: readonly string[]) {
    this.#columns = columns;
  }

  add(cells: Cells): void {
    for (const column of this.#columns) this.#addCell(cells[column]);
  }

  #addCell(cell: unknown): void {
    if (Array.isArray(cell)) this.lists = true;
    if (typeof cell === 'string')
      for (const mark of separators) if (!this.#separators.has(mark) && cell.includes(mark)) this.#separators.add(mark);
    const number = toNumber(cell);
    if (number === undefined) this.#others++;
    else {
      if (number !== 0 && number !== 1) this.beyondBinary = true;
      if (!Number.isInteger(number)) this.fractions = true;
    }
  }

  get allNumbers(): boolean {
    return this.#others === 0;
  }

  get separator(): string | undefined {
    return separators.find((mark) => this.#separators.has(mark));
  }
}

const separators = [',', '|', ';'];

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
 *
 * Ordinal regression is never guessed: levels look like ids or values.
 */
export function labelForm(survey: LabelSurvey, options: LabelOptions): LabelForm {
  const { kind, task } = options.labelColumns.length > 1 ? severalColumns(survey, options) : oneColumn(survey, options);
  const separator =
    kind === 'names' && task === 'multi_label_classification'
      ? (options.labelSeparator ?? survey.separator)
      : undefined;
  const detected = separator !== undefined && options.labelSeparator === undefined;
  const notes = detected ? [`labels in a cell separated at '${separator}'`] : [];
  return { kind, task, separator, notes };
}

type Choice = Pick<LabelForm, 'kind' | 'task'>;

function severalColumns({ beyondBinary }: LabelSurvey, { task }: LabelOptions): Choice {
  if (task !== undefined && hasValues(task)) return { kind: 'numbers', task };
  if (task !== undefined) return { kind: 'indicators', task };
  return beyondBinary
    ? { kind: 'numbers', task: 'regression' }
    : { kind: 'indicators', task: 'multi_label_classification' };
}

function oneColumn({ lists, allNumbers, fractions }: LabelSurvey, { task, labelSeparator }: LabelOptions): Choice {
  if (task !== undefined && hasValues(task)) return { kind: lists ? 'vector' : 'numbers', task };
  if (task !== undefined) return { kind: 'names', task };
  if (lists || labelSeparator !== undefined) return { kind: 'names', task: 'multi_label_classification' };
  return allNumbers && fractions
    ? { kind: 'numbers', task: 'regression' }
    : { kind: 'names', task: 'single_label_classification' };
}

/** A finite number, a string that spells one, or a boolean as 0/1; else undefined. */
export function toNumber(cell: unknown): number | undefined {
  if (typeof cell === 'boolean') return cell ? 1 : 0;
  if (typeof cell !== 'number' && (typeof cell !== 'string' || cell.trim() === '')) return undefined;
  const number = Number(cell);
  return Number.isFinite(number) ? number : undefined;
}
