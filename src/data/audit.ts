import { mix32 } from '../core/random.ts';
import { HashIndex } from './disk/hash-index.ts';
import type { Bucket, Partition } from './disk/partition.ts';
import { type PerSplit, perSplit, type SplitName, splitNames } from './example.ts';
import { rowState } from './example-store.ts';
import { keyRecord, rowRecord } from './row-index.ts';

/** Texts of `from` that are also in `into`. */
export interface Leak {
  readonly from: SplitName;
  readonly into: SplitName;
  /** Distinct texts that are the same character by character. */
  readonly exact: number;
  /** Distinct texts that are the same up to look ({@link textKey}); includes the exact ones. */
  readonly normalised: number;
}

/** Texts with the same key that do not have the same target. */
export interface Conflicts {
  readonly texts: number;
  readonly examples: number;
  /** Up to three ids of each of the first five texts. */
  readonly first: readonly (readonly string[])[];
}

/** Duplicates, conflicting labels and leaks, before any removal. A text counts with its context. */
export interface Audit {
  /** Examples whose exact text came before in the same split. */
  readonly duplicates: PerSplit<number>;
  /** Examples whose text came before in the same split up to look; includes the exact ones. */
  readonly nearDuplicates: PerSplit<number>;
  /** Over all splits together. */
  readonly conflicts: Conflicts;
  /** One per pair of splits that share a text. */
  readonly leaks: readonly Leak[];
}

/** What is taken out so that splits share no text and train holds none twice. */
export interface Removed {
  /** Examples of train that repeat one of train: same key, same target. */
  readonly duplicates: number;
  /** Examples whose text is in a later split. */
  readonly leaks: PerSplit<number>;
  /** Examples whose group is in a later split. */
  readonly groups: PerSplit<number>;
}

const [trainBit, validationBit, testBit] = [1, 2, 4] as const;
const bits: Readonly<Record<SplitName, number>> = { train: trainBit, validation: validationBit, test: testBit };

/** Pairs of splits that should share no text. */
export const splitPairs = [
  { from: 'validation', into: 'train' },
  { from: 'test', into: 'train' },
  { from: 'test', into: 'validation' },
] as const;

/** The splits, as bits, that take a text or a group out of split number `s`: those after it. */
const laterBits = [validationBit | testBit, testBit, 0] as const;

const shownTexts = 5;
const shownIds = 3;

/**
 * Marks as removed: from train every text that is in validation or test, and from validation every one that is in test,
 * by {@link textKey}; then from train what repeats an earlier example of it with the same target. Test stays as it is,
 * so that scores compare with those of others; so do equal texts with different targets, for which label is right is
 * for a person to say. What is found is counted as it was before any removal.
 *
 * Texts are compared by 64-bit hashes. Two that are different but have the same hash would count as one, and one of them
 * may be removed: for ten million texts the chance that this happens to any is 3 in a million.
 *
 * @param states of the rows; see {@link rowState}. Rows that are marked already are counted in the audit, but take no
 * other row out.
 */
export async function removeRepeats(
  keys: Partition,
  states: Uint8Array,
): Promise<{
  readonly audit: Omit<Audit, 'conflicts'> & { readonly conflicts: ConflictRows };
  readonly removed: Omit<Removed, 'groups'>;
}> {
  const scan = new RepeatScan(states);
  for await (const bucket of keys.buckets()) scan.bucket(bucket);
  return scan.result();
}

/** {@link Conflicts} with rows of the store in place of ids. */
interface ConflictRows extends Omit<Conflicts, 'first'> {
  readonly first: readonly (readonly number[])[];
}

/** The place of a row when train stands before validation and test: conflicts are shown in this order. */
const rankOf = (row: number, split: number): number => split * 2 ** 32 + row;
const rowOf = (rank: number): number => rank % 2 ** 32;

class RepeatScan {
  readonly #states: Uint8Array;
  readonly #keys = new HashIndex();
  readonly #exacts = new HashIndex();
  readonly #pairs = new HashIndex();
  readonly #duplicates = [0, 0, 0];
  readonly #nearDuplicates = [0, 0, 0];
  readonly #leaks = splitPairs.map(() => ({ exact: 0, normalised: 0 }));
  readonly #lost = [0, 0, 0];
  #repeats = 0;
  #conflictTexts = 0;
  #conflictExamples = 0;
  /** The first conflicting texts: ranks of their first rows. */
  #firstConflicts: number[][] = [];
  #columns = columnsFor(1024);

  constructor(states: Uint8Array) {
    this.#states = states;
  }

  bucket(bucket: Bucket): void {
    if (bucket.size > this.#columns.keyBits.length) this.#columns = columnsFor(Math.ceil(bucket.size * 1.25));
    for (const index of [this.#keys, this.#exacts, this.#pairs]) index.clear();
    bucket.each((words, at) => this.#look(words, at));
    this.#countDistinct();
    const conflicts = new Map<number, number[]>();
    bucket.each((words, at) => {
      this.#remove(words, at);
      this.#collect(words, at, conflicts);
    });
    this.#firstConflicts = [...this.#firstConflicts, ...conflicts.values()]
      .sort((a, b) => a[0]! - b[0]!)
      .slice(0, shownTexts);
  }

  /** First pass over a bucket: which splits hold each text, and whether its targets differ. */
  #look(words: Uint32Array, at: number): void {
    const { keyBits, keptBits, exactBits, counts, conflicting, targetHigh, targetLow, firstRank } = this.#columns;
    const row = words[at + keyRecord.row]!;
    const state = this.#states[row]!;
    const split = state & rowState.splitMask;
    const rank = rankOf(row, split);
    const [high, low] = [words[at + keyRecord.target]!, words[at + keyRecord.target + 1]!];
    const known = this.#keys.size;
    const key = this.#keys.place(words[at]!, words[at + 1]!);
    if (key === known) {
      keyBits[key] = keptBits[key] = counts[key] = conflicting[key] = 0;
      targetHigh[key] = high;
      targetLow[key] = low;
      firstRank[key] = rank;
    }
    if (keyBits[key]! & (1 << split)) this.#nearDuplicates[split]!++;
    keyBits[key]! |= 1 << split;
    if (!(state & rowState.removed)) keptBits[key]! |= 1 << split;
    counts[key]!++;
    if (rank < firstRank[key]!) firstRank[key] = rank;
    if (targetHigh[key] !== high || targetLow[key] !== low) conflicting[key] = 1;

    const knownExacts = this.#exacts.size;
    const exact = this.#exacts.place(words[at + keyRecord.exact]!, words[at + keyRecord.exact + 1]!);
    if (exact === knownExacts) exactBits[exact] = 0;
    if (exactBits[exact]! & (1 << split)) this.#duplicates[split]!++;
    exactBits[exact]! |= 1 << split;
  }

  #countDistinct(): void {
    const { keyBits, exactBits, counts, conflicting } = this.#columns;
    for (const [p, { from, into }] of splitPairs.entries()) {
      const both = bits[from] | bits[into];
      for (let k = 0; k < this.#keys.size; k++) if ((keyBits[k]! & both) === both) this.#leaks[p]!.normalised++;
      for (let e = 0; e < this.#exacts.size; e++) if ((exactBits[e]! & both) === both) this.#leaks[p]!.exact++;
    }
    for (let k = 0; k < this.#keys.size; k++) {
      if (conflicting[k] === 0) continue;
      this.#conflictTexts++;
      this.#conflictExamples += counts[k]!;
    }
  }

  /** Second pass: a row goes if its text is in a later split, or if train has it with this target already. */
  #remove(words: Uint32Array, at: number): void {
    const row = words[at + keyRecord.row]!;
    const state = this.#states[row]!;
    if (state & rowState.removed) return;
    const split = state & rowState.splitMask;
    const key = this.#keys.place(words[at]!, words[at + 1]!);
    const leaks = this.#columns.keptBits[key]! & laterBits[split]!;
    if (leaks) this.#lost[split]!++;
    else if (split !== 0 || this.#isNewPair(words, at)) return;
    else this.#repeats++;
    this.#states[row] = state | rowState.removed;
  }

  /** Whether this text and target did not stand in train before. */
  #isNewPair(words: Uint32Array, at: number): boolean {
    const known = this.#pairs.size;
    const high = mix32(words[at]! ^ mix32(words[at + keyRecord.target]!));
    const low = mix32(words[at + 1]! + words[at + keyRecord.target + 1]!);
    return this.#pairs.place(high, low) === known;
  }

  /** The ranks of the first rows of a conflicting text, if it may be among the first. */
  #collect(words: Uint32Array, at: number, conflicts: Map<number, number[]>): void {
    const key = this.#keys.place(words[at]!, words[at + 1]!);
    const last = this.#firstConflicts[shownTexts - 1]?.[0] ?? Number.POSITIVE_INFINITY;
    if (this.#columns.conflicting[key] === 0 || this.#columns.firstRank[key]! > last) return;
    const row = words[at + keyRecord.row]!;
    const ranks = conflicts.get(key) ?? [];
    ranks.push(rankOf(row, this.#states[row]! & rowState.splitMask));
    conflicts.set(key, ranks.sort((a, b) => a - b).slice(0, shownIds));
  }

  result() {
    const each = (counts: readonly number[]) => perSplit((name) => counts[splitNames.indexOf(name)]!);
    return {
      audit: {
        duplicates: each(this.#duplicates),
        nearDuplicates: each(this.#nearDuplicates),
        conflicts: {
          texts: this.#conflictTexts,
          examples: this.#conflictExamples,
          first: this.#firstConflicts.map((ranks) => ranks.map(rowOf)),
        },
        leaks: splitPairs
          .map((pair, p) => ({ ...pair, ...this.#leaks[p]! }))
          .filter(({ normalised }) => normalised > 0),
      },
      removed: { duplicates: this.#repeats, leaks: each(this.#lost) },
    };
  }
}

/** What is known of each distinct text of a bucket; used again for the next. */
const columnsFor = (size: number) => ({
  /** The splits that hold it, as bits: in all its rows, and in those that were not removed before. */
  keyBits: new Uint8Array(size),
  keptBits: new Uint8Array(size),
  exactBits: new Uint8Array(size),
  counts: new Uint32Array(size),
  conflicting: new Uint8Array(size),
  targetHigh: new Uint32Array(size),
  targetLow: new Uint32Array(size),
  firstRank: new Float64Array(size),
});

/**
 * Marks as removed the rows of train whose group is in validation or test, and those of validation whose group is in
 * test, where the splits were given; test stays as it is. A row's dialogue is a group, too. Validation comes first: a
 * row that it loses takes none out of train.
 */
export async function removeSharedGroups(groups: Partition, states: Uint8Array): Promise<PerSplit<number>> {
  const lost = { train: 0, validation: 0, test: 0 };
  for (const name of ['validation', 'train'] as const)
    lost[name] = await removeGroupsOfLater(groups, states, splitNames.indexOf(name));
  return lost;
}

/** Takes out of split number `from` the rows whose group is in a later one; returns how many. */
async function removeGroupsOfLater(groups: Partition, states: Uint8Array, from: number): Promise<number> {
  const index = new HashIndex();
  let lost = 0;
  for await (const bucket of groups.buckets()) {
    index.clear();
    const isLater: boolean[] = [];
    bucket.each((words, at) => {
      const group = index.place(words[at]!, words[at + 1]!);
      const state = states[words[at + rowRecord.row]!]!;
      isLater[group] ||= !(state & rowState.removed) && ((1 << state) & laterBits[from]!) !== 0;
    });
    bucket.each((words, at) => {
      const row = words[at + rowRecord.row]!;
      if (states[row] !== from || !isLater[index.place(words[at]!, words[at + 1]!)]) return;
      states[row] = from | rowState.removed;
      lost++;
    });
  }
  return lost;
}
