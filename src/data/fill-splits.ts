import { DataError } from '../core/errors.ts';
import type { Task } from '../core/task.ts';
import { type PerSplit, perSplit, type SplitName, splitNames } from './example.ts';
import { type ExampleStore, rowState } from './example-store.ts';
import type { RowIndex } from './row-index.ts';
import { defaultFractions, stratifiedSplit } from './split.ts';
import type { RowRange, TargetReader } from './targets.ts';
import { findUnits, type Units } from './units.ts';

/** A dataset's rows, and which splits it came with. */
export interface GivenSplits extends RowRange {
  readonly present: readonly SplitName[];
  /** What to call splits that are all there. */
  readonly given: string;
}

interface FillOptions {
  readonly store: ExampleStore;
  readonly index: RowIndex;
  readonly targets: TargetReader;
  readonly datasets: readonly GivenSplits[];
  readonly task: Task;
  readonly labelCount: number;
  readonly seed: number;
  /** Names the data in errors. */
  readonly data: string;
}

/**
 * Makes the splits that are missing out of train, for each dataset by itself as to how: both as 80/10/10, one alone so
 * that train stays 8 times as large. Datasets that miss the same are split as one. Rows with equal texts or of one group
 * go together; where they are of datasets that miss different splits, they stay in train. Writes the states of the rows.
 *
 * @returns how each dataset was split, in words.
 * @throws DataError if there is no train split, or a split is empty.
 */
export async function fillSplits(options: FillOptions): Promise<readonly string[]> {
  const { store, datasets } = options;
  checkNotEmpty(options);
  const ways = datasets.map(({ present }) => wayOf(present));
  if (ways.every((way) => way === undefined)) return datasets.map(({ given }) => given);

  const units = await findUnits(options.index, store.states);
  const different = new Set(ways.filter((way) => way !== undefined));
  const splitOf = new Uint8Array(units.count + 1);
  for (const way of different) {
    const chosen = unitsOf(
      units,
      datasets.map((range, d) => ({ ...range, chosen: ways[d] === way })),
    );
    const mayBeEmpty = different.size > 1;
    await stratifiedSplit(
      { ...options, units, chosen, grouped: options.index.groups.size > 0 },
      { ...options, fractions: fractionsOf[way], mayBeEmpty },
      splitOf,
    );
  }
  const { states } = store;
  for (let row = 0; row < states.length; row++) states[row]! |= splitOf[units.unitOf[row]!]!;
  checkAllFilled(options);
  const grouped = options.index.groups.size > 0;
  return datasets.map(({ given }, d) => describe(ways[d], given, { seed: options.seed, grouped }));
}

/** Which splits are to be made. */
type Way = 'both' | 'validation' | 'test';

function wayOf(present: readonly SplitName[]): Way | undefined {
  if (!present.includes('train')) return undefined;
  const missing = (['validation', 'test'] as const).filter((name) => !present.includes(name));
  return missing.length === 2 ? 'both' : missing[0];
}

const fractionsOf: Readonly<Record<Way, PerSplit<number>>> = {
  both: defaultFractions,
  validation: withoutSplit('test'),
  test: withoutSplit('validation'),
};

function withoutSplit(out: SplitName): PerSplit<number> {
  const total = 1 - defaultFractions[out];
  return perSplit((name) => (name === out ? 0 : defaultFractions[name] / total));
}

function describe(
  way: Way | undefined,
  given: string,
  { seed, grouped }: { readonly seed: number; readonly grouped: boolean },
): string {
  const how = `${grouped ? ', by groups' : ''}, seed ${seed}`;
  if (way === undefined) return given;
  if (way === 'both') return `stratified 80/10/10${how}`;
  return `${given}; ${way} is 1/9 of train, stratified${how}`;
}

/** The units all of whose rows are in chosen ranges, in order. */
function unitsOf(
  { count, unitOf }: Units,
  ranges: readonly { readonly start: number; readonly end: number; readonly chosen: boolean }[],
): Uint32Array<ArrayBuffer> {
  const elsewhere = new Uint8Array(count + 1);
  for (const { start, end, chosen } of ranges)
    if (!chosen) for (let row = start; row < end; row++) elsewhere[unitOf[row]!] = 1;
  let size = 0;
  for (let unit = 1; unit <= count; unit++) if (elsewhere[unit] === 0) size++;
  const units = new Uint32Array(size);
  for (let unit = 1, at = 0; unit <= count; unit++) if (elsewhere[unit] === 0) units[at++] = unit;
  return units;
}

/** @throws DataError if a split is empty after all. */
function checkAllFilled({ store, data }: FillOptions): void {
  const sizes = sizesOf(store);
  const empty = splitNames.find((_, split) => sizes[split] === 0);
  if (empty !== undefined)
    throw new DataError(
      `${data}: ${empty} would be empty, for too many texts or groups are in several of the datasets; give more examples`,
    );
}

/** How many rows each split has. */
function sizesOf({ states }: ExampleStore): number[] {
  const sizes = splitNames.map(() => 0);
  for (const state of states) if (!(state & rowState.removed)) sizes[state]!++;
  return sizes;
}

function checkNotEmpty({ store, datasets, data }: FillOptions): void {
  const present = splitNames.filter((name) => datasets.some((dataset) => dataset.present.includes(name)));
  if (!present.includes('train'))
    throw new DataError(`${data}: no train rows, only ${present.join(', ') || 'none'}; add a train part`);
  const sizes = sizesOf(store);
  const empty = present.find((name) => sizes[splitNames.indexOf(name)] === 0);
  if (empty !== undefined)
    throw new DataError(`${data}: nothing is left of ${empty} after cleaning and removing leaks; give other rows`);
}
