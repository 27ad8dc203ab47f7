import { splitPairs } from '../audit.ts';
import { HashIndex } from '../disk/hash-index.ts';
import { type Bucket, Partition } from '../disk/partition.ts';
import type { WorkFolder } from '../disk/work-folder.ts';
import { type Dataset, type Example, type PerSplit, perSplit, type SplitName, splitNames } from '../example.ts';
import { rowRecord } from '../row-index.ts';
import { bandCount, comparedText, jaccard, MinHash, shinglesOf } from './min-hash.ts';

/** Texts that say nearly the same. */
export interface NearDuplicates {
  /** From which Jaccard similarity of their runs of 5 characters on two texts are near duplicates. */
  readonly threshold: number;
  /** Examples of each split that have a near duplicate before them in it. */
  readonly within: PerSplit<number>;
  /** Examples of `from` that have a near duplicate in `into`; one per pair of splits that share any. */
  readonly across: readonly { readonly from: SplitName; readonly into: SplitName; readonly examples: number }[];
  /** Some pairs of different texts, those across splits first. */
  readonly first: readonly NearPair[];
}

interface NearPair {
  readonly similarity: number;
  readonly pair: readonly [NearText, NearText];
}

interface NearText extends Pick<Example, 'id' | 'text'> {
  readonly split: SplitName;
}

const threshold = 0.8;
const shownPairs = 3;
/** How many texts that are not alike a text is compared with where all share a band's hash. */
const maxHeads = 16;

/** A text that others are compared with, and its shingles once they were needed. */
interface Head {
  readonly row: number;
  shingles?: ReadonlySet<string>;
}

/**
 * Finds near duplicates: {@link MinHash} proposes pairs, the exact Jaccard similarity of their shingles decides. What is
 * like a third text is like each other: chains count as one. Examples are added in the order of the splits, equal texts
 * count, and turns of a conversation before a text belong to it. Deterministic.
 *
 * The bands lie on disk, 192 bytes an example; in memory are 5 bytes an example, and a bucket's groups at a time.
 */
export class NearDuplicateScan {
  readonly #bands: Partition;
  readonly #minHash = new MinHash();
  readonly #hashes = new Uint32Array(2 * bandCount);
  readonly #record = new Uint32Array(rowRecord.width);
  #size = 0;

  constructor(work: WorkFolder) {
    this.#bands = work.keep(new Partition(work.path('bands'), rowRecord.width));
  }

  add(example: Example): void {
    this.#minHash.bands(comparedText(example), this.#hashes);
    this.#record[rowRecord.row] = this.#size++;
    for (let at = 0; at < this.#hashes.length; at += 2) {
      this.#record[0] = this.#hashes[at]!;
      this.#record[1] = this.#hashes[at + 1]!;
      this.#bands.add(this.#record);
    }
  }

  /** After all examples of the dataset were added. */
  async result(dataset: Dataset): Promise<NearDuplicates> {
    const links = new Links(dataset, this.#size);
    for await (const bucket of this.#bands.buckets()) for (const rows of groupsOf(bucket)) await links.compare(rows);
    return links.result();
  }
}

/** The rows of each hash that several have, in ascending order. */
function* groupsOf(bucket: Bucket): Generator<Uint32Array, void> {
  const index = new HashIndex();
  const groups = new Uint32Array(bucket.size);
  const rows = new Uint32Array(bucket.size);
  let n = 0;
  bucket.each((words, at) => {
    groups[n] = index.place(words[at]!, words[at + 1]!);
    rows[n++] = words[at + rowRecord.row]!;
  });
  const ends = new Uint32Array(index.size + 1);
  for (const group of groups) ends[group + 1]!++;
  for (let group = 0; group < index.size; group++) ends[group + 1]! += ends[group]!;
  const starts = ends.slice();
  const sorted = new Uint32Array(bucket.size);
  for (const [i, group] of groups.entries()) sorted[starts[group]!++] = rows[i]!;
  for (let group = 0; group < index.size; group++)
    if (ends[group + 1]! - ends[group]! > 1) yield sorted.subarray(ends[group], ends[group + 1]);
}

/** Which rows are alike: a forest in which the root of a tree is its first row. */
class Links {
  readonly #dataset: Dataset;
  readonly #parents: Uint32Array;
  readonly #ends: readonly number[];
  readonly #pairs: { readonly rows: readonly [number, number]; readonly similarity: number }[] = [];

  constructor(dataset: Dataset, size: number) {
    this.#dataset = dataset;
    this.#parents = new Uint32Array(size).map((_, row) => row);
    let end = 0;
    this.#ends = splitNames.map((name) => (end += dataset.splits[name].length));
  }

  #root(row: number): number {
    const parents = this.#parents;
    let at = row;
    while (parents[at] !== at) {
      parents[at] = parents[parents[at]!]!;
      at = parents[at]!;
    }
    return at;
  }

  #split(row: number): number {
    return this.#ends.findIndex((end) => row < end);
  }

  /** Links rows that share a hash and are alike indeed. */
  async compare(rows: Uint32Array): Promise<void> {
    const heads: Head[] = [];
    for (const row of rows) {
      if (heads.some((head) => this.#root(head.row) === this.#root(row))) continue;
      const shingles = heads.length === 0 ? undefined : await this.#shingles(row);
      if (shingles !== undefined && (await this.#linked(row, shingles, heads))) continue;
      if (heads.length < maxHeads) heads.push(shingles === undefined ? { row } : { row, shingles });
    }
  }

  async #linked(row: number, shingles: ReadonlySet<string>, heads: readonly Head[]): Promise<boolean> {
    for (const head of heads) {
      head.shingles ??= await this.#shingles(head.row);
      const similarity = jaccard(head.shingles, shingles);
      if (similarity < threshold) continue;
      const [a, b] = [this.#root(head.row), this.#root(row)];
      this.#parents[Math.max(a, b)] = Math.min(a, b);
      if (similarity < 1) this.#show([head.row, row], similarity);
      return true;
    }
    return false;
  }

  async #shingles(row: number): Promise<ReadonlySet<string>> {
    return shinglesOf(comparedText(await this.#read(row)));
  }

  async #read(row: number): Promise<Example> {
    const split = this.#split(row);
    const [example] = await this.#dataset.splits[splitNames[split]!].read([row - (this.#ends[split - 1] ?? 0)]);
    return example!;
  }

  /** Keeps the first pairs across splits, and the first within one. */
  #show(rows: readonly [number, number], similarity: number): void {
    const isWithin = (pair: readonly [number, number]) => this.#split(pair[0]) === this.#split(pair[1]);
    this.#pairs.push({ rows, similarity });
    this.#pairs.sort(
      (a, b) => Number(isWithin(a.rows)) - Number(isWithin(b.rows)) || a.rows[0] - b.rows[0] || a.rows[1] - b.rows[1],
    );
    const of = (within: boolean) => this.#pairs.filter((pair) => isWithin(pair.rows) === within).slice(0, shownPairs);
    this.#pairs.splice(0, this.#pairs.length, ...of(false), ...of(true));
  }

  async result(): Promise<NearDuplicates> {
    const bits = new Uint8Array(this.#parents.length);
    const within = splitNames.map(() => 0);
    this.#eachRow((root, split) => {
      if (bits[root]! & (1 << split)) within[split]!++;
      bits[root]! |= 1 << split;
    });
    const across = splitPairs.map((pair) => ({ ...pair, examples: 0 }));
    this.#eachRow((root, split) => {
      for (const pair of across)
        if (pair.from === splitNames[split] && bits[root]! & (1 << splitNames.indexOf(pair.into))) pair.examples++;
    });
    const first: NearPair[] = [];
    for (const { rows, similarity } of this.#pairs)
      first.push({ similarity, pair: [await this.#shown(rows[0]), await this.#shown(rows[1])] });
    return {
      threshold,
      within: perSplit((name) => within[splitNames.indexOf(name)]!),
      across: across.filter(({ examples }) => examples > 0),
      first,
    };
  }

  #eachRow(visit: (root: number, split: number) => void): void {
    for (let row = 0; row < this.#parents.length; row++) visit(this.#root(row), this.#split(row));
  }

  async #shown(row: number): Promise<NearText> {
    const { id, text } = await this.#read(row);
    return { id, split: splitNames[this.#split(row)]!, text };
  }
}
