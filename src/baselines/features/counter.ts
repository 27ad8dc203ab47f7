import type { SparseMatrix } from '../sparse.ts';
import { type TermRule, termsOf } from './terms.ts';

/** Counts the terms of texts, which are not kept. */
export class TermCounter {
  /** Columns by term, in the order in which terms were met. */
  readonly columns: Map<string, number>;
  readonly #rule: TermRule;
  readonly #grows: boolean;
  readonly #starts = [0];
  readonly #indices: number[] = [];
  readonly #counts: number[] = [];
  /** Where each column was counted last. */
  readonly #last: number[] = [];

  /** @param known the only terms that count. Default: all that are met. */
  constructor(rule: TermRule, known?: Map<string, number>) {
    this.#rule = rule;
    this.#grows = known === undefined;
    this.columns = known ?? new Map();
  }

  add(text: string): void {
    const start = this.#starts.at(-1)!;
    for (const term of termsOf(text, this.#rule)) {
      const column = this.columns.get(term) ?? this.#enter(term);
      if (column === undefined) continue;
      const last = this.#last[column];
      if (last !== undefined && last >= start) this.#counts[last]!++;
      else {
        this.#last[column] = this.#indices.length;
        this.#indices.push(column);
        this.#counts.push(1);
      }
    }
    this.#starts.push(this.#indices.length);
  }

  #enter(term: string): number | undefined {
    if (!this.#grows) return undefined;
    this.columns.set(term, this.columns.size);
    return this.columns.size - 1;
  }

  /** How often each term is in each text; columns in the order in which a text has them. */
  counts(): SparseMatrix {
    return {
      rows: this.#starts.length - 1,
      columns: this.columns.size,
      starts: Uint32Array.from(this.#starts),
      indices: Uint32Array.from(this.#indices),
      values: Float64Array.from(this.#counts),
    };
  }
}
