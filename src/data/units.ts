import { HashIndex } from './disk/hash-index.ts';
import type { Partition } from './disk/partition.ts';
import { keyRecord, type RowIndex, rowRecord } from './row-index.ts';

/**
 * Rows that must go to the same split, as units: their texts have the same key or their groups are the same, directly or
 * by way of other rows. Two different texts whose 64-bit hashes agree stand in one unit, which does no harm.
 */
export interface Units {
  readonly count: number;
  /** For each row its unit, numbered from 1 in the order of their first rows; 0 for rows that are not to be split. */
  readonly unitOf: Uint32Array;
}

/** The state of a row that is in train and not removed. */
const inTrain = 0;

/** Units of the rows that are in train and not removed: connected components by union-find, 4 bytes a row. */
export async function findUnits(
  { keys, groups }: Pick<RowIndex, 'keys' | 'groups'>,
  states: Uint8Array,
): Promise<Units> {
  const parents = new Uint32Array(states.length);
  for (let row = 0; row < parents.length; row++) parents[row] = row;
  await uniteEqual(keys, keyRecord.row, { parents, states });
  await uniteEqual(groups, rowRecord.row, { parents, states });
  return { count: numberUnits(parents, states), unitOf: parents };
}

/** Writes units in place of parents. A row's root is its unit's first row, so it comes before the others. */
function numberUnits(parents: Uint32Array, states: Uint8Array): number {
  for (let row = 0; row < parents.length; row++) parents[row] = parents[parents[row]!]!; // is now the root
  let count = 0;
  for (let row = 0; row < parents.length; row++) {
    if (states[row] !== inTrain) parents[row] = 0;
    else if (parents[row] === row) parents[row] = ++count;
    else parents[row] = parents[parents[row]!]!;
  }
  return count;
}

/** Unites the rows whose records start with the same hash. */
async function uniteEqual(
  partition: Partition,
  rowAt: number,
  { parents, states }: { readonly parents: Uint32Array; readonly states: Uint8Array },
): Promise<void> {
  const index = new HashIndex();
  for await (const bucket of partition.buckets()) {
    index.clear();
    const first: number[] = [];
    bucket.each((words, at) => {
      const row = words[at + rowAt]!;
      if (states[row] !== inTrain) return;
      const item = index.place(words[at]!, words[at + 1]!);
      if (item === first.length) first.push(row);
      else unite(parents, first[item]!, row);
    });
  }
}

/** The earlier root becomes the parent. */
function unite(parents: Uint32Array, a: number, b: number): void {
  const [x, y] = [rootOf(parents, a), rootOf(parents, b)];
  if (x < y) parents[y] = x;
  else parents[x] = y;
}

function rootOf(parents: Uint32Array, row: number): number {
  let at = row;
  while (parents[at] !== at) {
    parents[at] = parents[parents[at]!]!; // halves the path
    at = parents[at]!;
  }
  return at;
}
