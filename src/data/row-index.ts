import { setImmediate as nextTurn } from 'node:timers/promises';
import { mix32 } from '../core/random.ts';
import { Partition } from './disk/partition.ts';
import type { WorkFolder } from './disk/work-folder.ts';
import { type ExampleStore, fact, rowState } from './example-store.ts';
import type { TargetReader } from './targets.ts';

/**
 * The rows of all datasets dealt out by what they must be compared by: equal texts, ids and groups are in one bucket.
 * A record starts with a hash of two words; then come
 *
 *     keys     exact text (2 words), target (2 words), row
 *     ids      row
 *     groups   row; twice, if the row has a group and a dialogue
 */
export interface RowIndex {
  readonly keys: Partition;
  readonly ids: Partition;
  readonly groups: Partition;
  /** Rows that the label map left without a label, by dataset; they are marked as removed and not in the index. */
  readonly unlabelled: readonly number[];
}

export const keyRecord = { exact: 2, target: 4, row: 6, width: 7 } as const;
export const rowRecord = { row: 2, width: 3 } as const;

interface IndexOptions {
  readonly work: WorkFolder;
  readonly targets: TargetReader;
  /** Whether a row needs a label. */
  readonly singleLabel: boolean;
  /** The first row of each dataset. */
  readonly starts: readonly number[];
}

/** One pass over the facts of all rows. */
export async function indexRows(store: ExampleStore, options: IndexOptions): Promise<RowIndex> {
  const { work, targets, singleLabel, starts } = options;
  const create = (name: string, width: number) => work.keep(new Partition(work.path(name), width));
  const keys = create('keys', keyRecord.width);
  const ids = create('ids', rowRecord.width);
  const groups = create('groups', rowRecord.width);
  const unlabelled = starts.map(() => 0);
  const { states } = store;
  const record = new Uint32Array(keyRecord.width);
  for await (const chunk of store.facts()) {
    for (let k = 0; k < chunk.length; k++) {
      const row = chunk.first + k;
      targets.readFacts(chunk, k);
      if (singleLabel && targets.count === 0) {
        states[row]! |= rowState.removed;
        unlabelled[starts.findLastIndex((start) => start <= row)]!++;
        continue;
      }
      for (let i = 0; i < 2; i++) {
        record[i] = chunk.word(k, fact.key + i);
        record[keyRecord.exact + i] = chunk.word(k, fact.exact + i);
      }
      hashTarget(targets, record, keyRecord.target);
      record[keyRecord.row] = row;
      keys.add(record);
      addRow(ids, record, { high: chunk.word(k, fact.id), low: chunk.word(k, fact.id + 1), row });
      for (const at of [fact.group, fact.dialogue]) {
        const group = { high: chunk.word(k, at), low: chunk.word(k, at + 1), row };
        if (group.high !== 0 || group.low !== 0) addRow(groups, record, group);
      }
    }
    await nextTurn();
  }
  return { keys, ids, groups, unlabelled };
}

function addRow(
  partition: Partition,
  scratch: Uint32Array,
  { high, low, row }: { readonly high: number; readonly low: number; readonly row: number },
): void {
  scratch[0] = high;
  scratch[1] = low;
  scratch[rowRecord.row] = row;
  partition.add(scratch);
}

/** Equal targets have equal hashes. */
function hashTarget(targets: TargetReader, into: Uint32Array, at: number): void {
  const words = targets.words();
  let [high, low] = [0x9e3779b9, 0x7f4a7c15];
  for (let i = 0; i < words.length; i++) {
    high = mix32(Math.imul(high, 31) + words[i]!);
    low = mix32(Math.imul(low, 0x01000193) ^ words[i]!);
  }
  into[at] = high;
  into[at + 1] = low;
}
