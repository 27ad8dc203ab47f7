import { hasValues, type Task } from '../core/task.ts';
import type { FactChunk } from './example-store.ts';
import type { JoinedLabels } from './join-labels.ts';

/** A dataset's rows in the store: `start` to `end − 1`, and how their numbers are to be read. */
export interface RowRange {
  readonly start: number;
  readonly end: number;
  readonly places: Int32Array;
}

/**
 * Reads the targets of rows into memory that is used again: `held` are the labels that hold, in ascending order, each
 * once; where they have values, `values` are those in the order of the labels.
 */
export class TargetReader {
  readonly #ranges: readonly RowRange[];
  readonly #values: boolean;
  readonly values: Float64Array;
  readonly #held: Uint32Array;
  #count = 0;
  #range = 0;

  constructor({ task, labels }: Pick<JoinedLabels, 'labels'> & { readonly task: Task }, ranges: readonly RowRange[]) {
    this.#ranges = ranges;
    this.#values = hasValues(task);
    this.values = new Float64Array(labels.length);
    this.#held = new Uint32Array(labels.length);
  }

  /** How many labels hold. */
  get count(): number {
    return this.#count;
  }

  /** The k-th label that holds. */
  label(k: number): number {
    return this.#held[k]!;
  }

  /** Reads row `chunk.first + k`. */
  readFacts(chunk: FactChunk, k: number): void {
    const places = this.#placesOf(chunk.first + k);
    this.#count = 0;
    for (let i = 0, n = chunk.labelCount(k); i < n; i++) this.#take(places[i]!, chunk.label(k, i), places);
  }

  #take(place: number, number: number, places: Int32Array): void {
    if (this.#values)
      this.values[place] = number + 0; // −0 is 0
    else this.#hold(places[number]!);
  }

  /** Adds a label to the held ones by insertion; there are few. */
  #hold(label: number): void {
    if (label < 0) return;
    let at = this.#count;
    while (at > 0 && this.#held[at - 1]! > label) at--;
    if (at > 0 && this.#held[at - 1] === label) return;
    this.#held.copyWithin(at + 1, at, this.#count);
    this.#held[at] = label;
    this.#count++;
  }

  #placesOf(row: number): Int32Array {
    const inside = ({ start, end }: RowRange): boolean => row >= start && row < end;
    if (!inside(this.#ranges[this.#range]!)) this.#range = this.#ranges.findIndex(inside);
    return this.#ranges[this.#range]!.places;
  }

  /** 32-bit words that are equal for equal targets only. */
  words(): Uint32Array {
    return this.#values ? new Uint32Array(this.values.buffer) : this.#held.subarray(0, this.#count);
  }

  /** The target that was read, as an {@link Example} holds it. */
  toArray(): number[] {
    if (this.#values) return [...this.values];
    const target = new Array<number>(this.values.length).fill(0);
    for (let k = 0; k < this.#count; k++) target[this.#held[k]!] = 1;
    return target;
  }
}

/** The target of a row from the numbers of its labels; see {@link TargetReader}. */
export function targetOf(
  labels: readonly number[],
  { places, task, size }: { readonly places: Int32Array; readonly task: Task; readonly size: number },
): number[] {
  const target = new Array<number>(size).fill(0);
  for (const [i, number] of labels.entries()) {
    if (hasValues(task)) target[places[i]!] = number + 0;
    else if (places[number]! >= 0) target[places[number]!] = 1;
  }
  return target;
}
