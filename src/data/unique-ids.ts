import { type Hash64, hash64 } from '../core/random.ts';
import { HashIndex } from './disk/hash-index.ts';
import { Partition } from './disk/partition.ts';
import type { WorkFolder } from './disk/work-folder.ts';
import { type ExampleStore, fact, rowState } from './example-store.ts';
import { rowRecord } from './row-index.ts';

/** For each row 0, or n where its id becomes `id#n`; undefined where no id is repeated. */
export type IdSuffixes = Uint32Array | undefined;

export const withSuffix = (id: string, suffix = 0): string => (suffix > 1 ? `${id}#${suffix}` : id);

/**
 * Suffixes that make all ids different: the first row with an id keeps it, the next become `id#2`, `id#3` … A made id
 * may be one that another row has; so this is repeated until none is.
 */
export async function makeIdsUnique(store: ExampleStore, ids: Partition, work: WorkFolder): Promise<IdSuffixes> {
  let suffixes: IdSuffixes;
  let partition = ids;
  for (let round = 1; ; round++) {
    const next: IdSuffixes = await raiseRepeats(partition, { suffixes, rows: store.length });
    if (next === undefined) return suffixes;
    suffixes = next;
    partition = work.keep(new Partition(work.path(`ids-${round}`), rowRecord.width));
    await hashAgain(store, suffixes, partition);
  }
}

/** Raises the suffix of every row whose id stood before; undefined if there is none. */
async function raiseRepeats(
  partition: Partition,
  { suffixes, rows }: { readonly suffixes: IdSuffixes; readonly rows: number },
): Promise<IdSuffixes> {
  const index = new HashIndex();
  let raised: IdSuffixes;
  for await (const bucket of partition.buckets()) {
    index.clear();
    const times: number[] = [];
    bucket.each((words, at) => {
      const id = index.place(words[at]!, words[at + 1]!);
      const before = times[id] ?? 0;
      times[id] = before + 1;
      if (before === 0) return;
      raised ??= suffixes ?? new Uint32Array(rows);
      const row = words[at + rowRecord.row]!;
      raised[row] = Math.max(1, raised[row]!) + before;
    });
  }
  return raised;
}

async function hashAgain(store: ExampleStore, suffixes: Uint32Array, into: Partition): Promise<void> {
  const record: Hash64 = new Uint32Array(rowRecord.width);
  for await (const chunk of store.facts())
    for (let k = 0; k < chunk.length; k++) {
      const row = chunk.first + k;
      if (store.states[row]! & rowState.removed) continue;
      record[0] = chunk.word(k, fact.id);
      record[1] = chunk.word(k, fact.id + 1);
      if (suffixes[row]! > 1) hash64(withSuffix(store.read(row).id, suffixes[row]), record);
      record[rowRecord.row] = row;
      into.add(record);
    }
}
