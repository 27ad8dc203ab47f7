import type { Task } from '../core/task.ts';
import type { Example, Examples } from './example.ts';
import { type ExampleStore, rowOf, type StoredRow } from './example-store.ts';
import type { RowSet } from './row-set.ts';
import { type RowRange, TargetReader, targetOf } from './targets.ts';
import { type IdSuffixes, withSuffix } from './unique-ids.ts';

/** How the rows of a store become examples. */
export interface ExampleView {
  readonly store: ExampleStore;
  readonly suffixes: IdSuffixes;
  readonly ranges: readonly RowRange[];
  readonly task: Task;
  readonly labels: readonly string[];
}

/** The examples of some rows, in ascending order of their numbers, read when asked for. */
export class StoredExamples implements Examples {
  readonly #view: ExampleView;
  readonly #rows: RowSet;

  constructor(view: ExampleView, rows: RowSet) {
    this.#view = view;
    this.#rows = rows;
  }

  get length(): number {
    return this.#rows.length;
  }

  async read(places: ArrayLike<number>): Promise<Example[]> {
    const { store } = this.#view;
    return Array.from(places, (place) => {
      const row = this.#rows.at(place);
      return this.#example(row, store.read(row));
    });
  }

  async *targets(): AsyncGenerator<readonly number[], void> {
    const { store, ranges } = this.#view;
    const targets = new TargetReader(this.#view, ranges);
    for await (const { chunk, k } of chosen(store.facts(), this.#rows)) {
      targets.readFacts(chunk, k);
      yield targets.toArray();
    }
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Example, void> {
    for await (const { chunk, k, row } of chosen(this.#view.store.rows(), this.#rows))
      yield this.#example(row, rowOf(chunk.text(k)));
  }

  #example(row: number, { id, labels, ...rest }: StoredRow): Example {
    const { suffixes, ranges, task, labels: names } = this.#view;
    const { places } = ranges.find(({ start, end }) => row >= start && row < end)!;
    const target = targetOf(labels, { places, task, size: names.length });
    return { id: withSuffix(id, suffixes?.[row]), target, ...rest };
  }
}

/** Goes through chunks of consecutive rows and stops at the chosen ones. */
async function* chosen<C extends { readonly first: number; readonly length: number }>(
  chunks: AsyncIterable<C>,
  rows: RowSet,
): AsyncGenerator<{ readonly chunk: C; readonly k: number; readonly row: number }, void> {
  let left = rows.length;
  if (left === 0) return;
  for await (const chunk of chunks)
    for (let k = 0, row = chunk.first; k < chunk.length; k++, row++) {
      if (!rows.has(row)) continue;
      yield { chunk, k, row };
      if (--left === 0) return;
    }
}
