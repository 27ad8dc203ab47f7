import type { Random } from '../../core/random.ts';
import type { ForestData } from './tree.ts';

/** Longer lists are read off the sorted column. */
const LONGEST_SORTED = 48;

/** Draws features for the splits of a tree, and reads their values in a node. */
export class NodeFeatures {
  /** Of the candidate at hand, from the largest value down: the examples that are not 0, and their values. */
  readonly examples: Uint32Array<ArrayBuffer>;
  readonly values: Float64Array;
  readonly #data: ForestData;
  readonly #order: Uint32Array;
  readonly #position: Int32Array;
  readonly #random: Random;
  /** All features, in any order. */
  readonly #pool: Uint32Array;
  /** Features of the node at hand, each with the list of its entries. */
  #present: number[] = [];
  readonly #heads: Int32Array;
  readonly #sizes: Uint32Array;
  readonly #entries: { readonly next: Int32Array; readonly example: Uint32Array; readonly value: Float64Array };

  /** @param place the examples of a node lie together in `order`; `position` is where each is there, −1 for none. */
  constructor(
    data: ForestData,
    place: { readonly order: Uint32Array; readonly position: Int32Array; readonly random: Random },
  ) {
    const { rows } = data;
    this.#data = data;
    this.#order = place.order;
    this.#position = place.position;
    this.#random = place.random;
    this.examples = new Uint32Array(place.order.length);
    this.values = new Float64Array(place.order.length);
    this.#pool = Uint32Array.from({ length: rows.columns }, (_, j) => j);
    this.#heads = new Int32Array(rows.columns).fill(-1);
    this.#sizes = new Uint32Array(rows.columns);
    const size = rows.values.length;
    this.#entries = { next: new Int32Array(size), example: new Uint32Array(size), value: new Float64Array(size) };
  }

  /**
   * Features of the node at [from, to) that are not constant there: those among `maxFeatures` drawn from all, but at least one
   * if there is one. Each is in `examples` and `values` until the next is asked for; `size` says how many.
   */
  candidates(from: number, to: number): Generator<{ readonly feature: number; readonly size: number }, void> {
    const { rows, maxFeatures } = this.#data;
    // Reading the node's rows against reading as many columns as are drawn.
    const rowsCost = (to - from) * (rows.values.length / rows.rows);
    const columnsCost = maxFeatures * (rows.values.length / rows.columns);
    return rowsCost < columnsCost ? this.#fromRows(from, to) : this.#fromColumns(from, to);
  }

  *#fromColumns(from: number, to: number) {
    const { maxFeatures } = this.#data;
    const pool = this.#pool;
    let found = 0;
    for (let drawn = 0; drawn < pool.length && (drawn < maxFeatures || found === 0); drawn++) {
      const other = drawn + this.#random.integer(pool.length - drawn);
      const feature = pool[other]!;
      pool[other] = pool[drawn]!;
      pool[drawn] = feature;
      const size = this.#readColumn(feature, from, to);
      if (this.#isConstant(size, to - from)) continue;
      found++;
      yield { feature, size };
    }
  }

  *#fromRows(from: number, to: number) {
    this.#list(from, to);
    for (const feature of this.#drawn(to - from)) {
      const size =
        this.#sizes[feature]! > LONGEST_SORTED ? this.#readColumn(feature, from, to) : this.#sortList(feature);
      yield { feature, size };
    }
  }

  /** Lists the entries of the node by feature. */
  #list(from: number, to: number): void {
    const { starts, indices, values } = this.#data.rows;
    const { next, example, value } = this.#entries;
    for (const feature of this.#present) {
      this.#heads[feature] = -1;
      this.#sizes[feature] = 0;
    }
    this.#present = [];
    let size = 0;
    for (let at = from; at < to; at++) {
      const row = this.#order[at]!;
      for (let i = starts[row]!; i < starts[row + 1]!; i++) {
        const feature = indices[i]!;
        if (this.#sizes[feature]!++ === 0) this.#present.push(feature);
        next[size] = this.#heads[feature]!;
        example[size] = row;
        value[size] = values[i]!;
        this.#heads[feature] = size++;
      }
    }
  }

  /**
   * Those of the node's features that are among `maxFeatures` drawn from all, or else any one: each in turn is drawn with the
   * chance that it has after those before it.
   *
   * @see Knuth, The Art of Computer Programming 2, 3.4.2, algorithm S.
   */
  #drawn(count: number): number[] {
    const { maxFeatures, rows } = this.#data;
    const varying = this.#present.filter((feature) => this.#sizes[feature]! < count || this.#varies(feature));
    const chosen: number[] = [];
    for (const [seen, feature] of varying.entries())
      if (this.#random.uniform() * (rows.columns - seen) < maxFeatures - chosen.length) chosen.push(feature);
    if (chosen.length > 0 || varying.length === 0) return chosen;
    return [varying[this.#random.integer(varying.length)]!];
  }

  #varies(feature: number): boolean {
    const { next, value } = this.#entries;
    const head = this.#heads[feature]!;
    for (let at = next[head]!; at >= 0; at = next[at]!) if (value[at] !== value[head]) return true;
    return false;
  }

  #sortList(feature: number): number {
    const { next, example, value } = this.#entries;
    let size = 0;
    for (let entry = this.#heads[feature]!; entry >= 0; entry = next[entry]!) {
      let at = size++;
      for (; at > 0 && this.values[at - 1]! < value[entry]!; at--) {
        this.values[at] = this.values[at - 1]!;
        this.examples[at] = this.examples[at - 1]!;
      }
      this.values[at] = value[entry]!;
      this.examples[at] = example[entry]!;
    }
    return size;
  }

  #readColumn(feature: number, from: number, to: number): number {
    const { starts, indices, values } = this.#data.columns;
    const [position, last] = [this.#position, starts[feature + 1]!];
    let size = 0;
    for (let i = starts[feature]!; i < last; i++) {
      const at = position[indices[i]!]!;
      if (at < from || at >= to) continue;
      this.examples[size] = indices[i]!;
      this.values[size++] = values[i]!;
    }
    return size;
  }

  #isConstant(size: number, count: number): boolean {
    return size === 0 || (size === count && this.values[0] === this.values[size - 1]);
  }
}
