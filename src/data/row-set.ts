import { internal } from '../core/errors.ts';

/** Rows to a block of the directory: what {@link RowSet.at} steps through at most. */
const blockRows = 1024;

/**
 * The rows of a store in some state, in ascending order. It looks at the store's states, which no longer change; of its
 * own it has one number for every 1024 rows: how many of the rows before them it holds.
 */
export class RowSet {
  readonly length: number;
  readonly #states: Uint8Array;
  readonly #holds: (state: number) => boolean;
  readonly #before: Uint32Array;

  constructor(states: Uint8Array, holds: (state: number) => boolean) {
    this.#states = states;
    this.#holds = holds;
    this.#before = new Uint32Array(Math.ceil(states.length / blockRows));
    let length = 0;
    for (let row = 0; row < states.length; row++) {
      if (row % blockRows === 0) this.#before[row / blockRows] = length;
      if (holds(states[row]!)) length++;
    }
    this.length = length;
  }

  has(row: number): boolean {
    return this.#holds(this.#states[row]!);
  }

  /** The row at a place from 0. */
  at(place: number): number {
    if (!(place >= 0 && place < this.length)) internal(`place ${place} of ${this.length} rows`);
    let [low, high] = [0, this.#before.length]; // the last block with at most `place` rows before it
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      if (this.#before[middle]! <= place) low = middle;
      else high = middle;
    }
    let left = place - this.#before[low]!;
    let row = low * blockRows;
    while (!this.has(row) || left-- > 0) row++;
    return row;
  }
}
