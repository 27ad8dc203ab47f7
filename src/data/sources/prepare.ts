import type { Cells, Row } from '../rows.ts';

/**
 * The cells to read instead of a row's own, or a text: why the row is left out. What is left out, and what is given to
 * `count`, becomes a note with the number of rows.
 *
 * @throws DataError if the file is not the one it should be.
 */
export type PrepareRow = (row: Row, count: (what: string) => void) => Cells | string;

/** Prepares rows, and counts what that does to them. */
export class Preparation {
  /** Those that were made. */
  readonly columns = new Set<string>();
  readonly #prepare: PrepareRow | undefined;
  readonly #counts = new Map<string, number>();

  constructor(prepare: PrepareRow | undefined) {
    this.#prepare = prepare;
  }

  /** The cells to read; none if the row is left out. */
  cellsOf(row: Row): Cells | undefined {
    if (this.#prepare === undefined) return row.cells;
    const made = this.#prepare(row, (what) => this.#count(what));
    if (typeof made === 'string') {
      this.#count(`left out, ${made}`);
      return undefined;
    }
    for (const name in made) this.columns.add(name);
    return made;
  }

  get notes(): readonly string[] {
    return [...this.#counts].map(([what, rows]) => `${what}: ${rows} ${rows === 1 ? 'row' : 'rows'}`);
  }

  #count(what: string): void {
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + 1);
  }
}
