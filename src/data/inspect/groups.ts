import { hash64 } from '../../core/random.ts';
import { HashIndex } from '../disk/hash-index.ts';
import { Partition } from '../disk/partition.ts';
import type { WorkFolder } from '../disk/work-folder.ts';
import { type PerSplit, perSplit, type SplitName, splitNames } from '../example.ts';

/** The groups of a split. */
export interface GroupCounts {
  readonly groups: number;
  /** Examples that belong to a group. */
  readonly examples: number;
  /** Examples of the largest group. */
  readonly largest: number;
}

const record = { split: 2, width: 3 } as const;

/** Counts distinct groups; they lie on disk, 12 bytes an example. */
export class GroupTally {
  readonly #groups: Partition;
  readonly #record = new Uint32Array(record.width);

  constructor(work: WorkFolder) {
    this.#groups = work.keep(new Partition(work.path('groups'), record.width));
  }

  take(group: string, split: SplitName): void {
    hash64(group, this.#record);
    this.#record[record.split] = splitNames.indexOf(split);
    this.#groups.add(this.#record);
  }

  async counts(): Promise<PerSplit<GroupCounts>> {
    const counts = splitNames.map(() => ({ groups: 0, examples: 0, largest: 0 }));
    for await (const bucket of this.#groups.buckets()) {
      const index = new HashIndex();
      const sizes = new Uint32Array(bucket.size * splitNames.length);
      bucket.each((words, at) => {
        const split = words[at + record.split]!;
        const place = index.place(words[at]!, words[at + 1]!) * splitNames.length + split;
        const own = counts[split]!;
        const size = ++sizes[place]!;
        own.examples++;
        if (size === 1) own.groups++;
        own.largest = Math.max(own.largest, size);
      });
    }
    return perSplit((name) => counts[splitNames.indexOf(name)]!);
  }
}
