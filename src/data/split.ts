import { ConfigError, DataError } from '../core/errors.ts';
import { type Random, random } from '../core/random.ts';
import type { Task } from '../core/task.ts';
import { type PerSplit, splitNames } from './example.ts';
import type { ExampleStore } from './example-store.ts';
import { apportion } from './split-by-class.ts';
import { distribute } from './split-by-labels.ts';
import type { TargetReader } from './targets.ts';
import type { Units } from './units.ts';

/** The splits to fill and the fraction each gets; positive, adding up to 1. `split` is a place in {@link splitNames}. */
export type Shares = readonly { readonly split: number; readonly fraction: number }[];

export interface SplitOptions {
  readonly task: Task;
  readonly seed: number;
  readonly labelCount: number;
  /** Default: 0.8, 0.1, 0.1. A split with 0 stays empty. */
  readonly fractions?: PerSplit<number>;
  /** Whether a split may stay empty for want of units. Default: no. */
  readonly mayBeEmpty?: boolean;
}

/** What is split, and how its targets are read. */
export interface SplitInput {
  readonly store: ExampleStore;
  readonly targets: TargetReader;
  readonly units: Units;
  /** The units to split; they are shuffled in place. */
  readonly chosen: Uint32Array<ArrayBuffer>;
  /** Whether some rows have groups. */
  readonly grouped: boolean;
}

export const defaultFractions: PerSplit<number> = { train: 0.8, validation: 0.1, test: 0.1 };

/** Splits a regression set by tenths of the mean target. */
const regressionBins = 10;

/**
 * Splits units so that each split has about the same share of every label: the place of each one's split in
 * {@link splitNames} is written to `splitOf`, by unit.
 *
 * Single-label: per class by largest remainder; a class with at least three units is in every split, a rarer one at
 * least in train. Multi-label: iterative stratification. Regression: per tenth of the mean target. In single-label and
 * regression a unit counts as its first example. With groups, whose units differ in size, shares are counted in examples
 * for every task, by iterative stratification (regression: over the tenths). The result depends on the seed and on the order of the rows.
 *
 * @throws ConfigError if the fractions are negative or do not add up to 1.
 * @throws DataError   if there are too few units for every split to get one.
 */
export async function stratifiedSplit(input: SplitInput, options: SplitOptions, splitOf: Uint8Array): Promise<void> {
  const shares = checkFractions(options.fractions ?? defaultFractions);
  const rng = random(options.seed).fork('split');
  const filled = shares.map(() => 0);
  const give = (unit: number, share: number): void => {
    splitOf[unit] = shares[share]!.split;
    filled[share]!++;
  };
  const order = rng.shuffleInPlace(input.chosen);
  await assign[options.task]({ ...input, ...options, order, shares, random: rng }, give);
  const empty = shares.find((_, share) => filled[share] === 0);
  if (empty !== undefined && !options.mayBeEmpty)
    throw new DataError(
      `split: ${splitNames[empty.split]} would be empty, ${order.length} distinct texts are too few for ` +
        `${shares.map(({ split, fraction }) => `${splitNames[split]} ${fraction.toFixed(2)}`).join(', ')}; ` +
        'give more examples, or files of their own for validation and test',
    );
}

function checkFractions(fractions: PerSplit<number>): Shares {
  const shares = splitNames.map((name, split) => ({ name, split, fraction: fractions[name] }));
  const sum = shares.reduce((total, { fraction }) => total + fraction, 0);
  if (shares.some(({ fraction }) => !(fraction >= 0)) || Math.abs(sum - 1) > 1e-9)
    throw new ConfigError(
      `split: fractions ${shares.map(({ name, fraction }) => `${name} ${fraction}`).join(', ')} ` +
        `add up to ${sum}; they need to be at least 0 and add up to 1`,
    );
  return shares.filter(({ fraction }) => fraction > 0);
}

interface Assignment extends SplitInput, SplitOptions {
  /** The units in random order. */
  readonly order: Uint32Array;
  readonly shares: Shares;
  readonly random: Random;
}

type Assign = (assignment: Assignment, give: (unit: number, share: number) => void) => Promise<void>;

/** By tenths of the mean value, so that every split covers the range. */
const byMean: Assign = async (assignment, give) => {
  const { order, shares } = assignment;
  const bins = await binsByMean(assignment);
  if (!assignment.grouped) return apportion({ order, stratumOf: bins, count: regressionBins }, shares, give);
  const labelsOf: LabelsOf = { count: () => 1, label: (_, unit) => bins[unit]! };
  return distributeGroups(assignment, { labelCount: regressionBins, labelsOf }, give);
};

const assign: Readonly<Record<Task, Assign>> = {
  async single_label_classification(assignment, give) {
    const { order, shares, targets, labelCount } = assignment;
    if (assignment.grouped) return distributeGroups(assignment, { labelCount, labelsOf: held(targets) }, give);
    const stratumOf = new Uint32Array(assignment.units.count + 1);
    await eachFirstRow(assignment, (unit) => {
      stratumOf[unit] = targets.label(0);
    });
    apportion({ order, stratumOf, count: labelCount }, shares, give);
  },
  async multi_label_classification(assignment, give) {
    const { order, labelCount, targets } = assignment;
    const labelsOf = held(targets);
    if (assignment.grouped) return distributeGroups(assignment, { labelCount, labelsOf }, give);
    distribute({ ...(await labelsOfUnits(assignment, labelsOf)), order, labelCount }, assignment, give);
  },
  regression: byMean,
  ordinal_regression: byMean,
};

/** The labels by which a row of a unit is to be in proportion, once its target is read. */
interface LabelsOf {
  count(): number;
  label(k: number, unit: number): number;
}

const held = (targets: TargetReader): LabelsOf => ({ count: () => targets.count, label: (k) => targets.label(k) });

/**
 * Units of groups differ in size, so shares are counted in examples, by iterative stratification; the largest units go
 * first, while every split has room for them.
 */
async function distributeGroups(
  assignment: Assignment,
  { labelCount, labelsOf }: { readonly labelCount: number; readonly labelsOf: LabelsOf },
  give: (unit: number, share: number) => void,
): Promise<void> {
  const labelled = await labelsOfUnits(assignment, labelsOf);
  const order = largestFirst(assignment.order, labelled.sizes);
  distribute({ ...labelled, order, labelCount }, assignment, give);
}

/** Counting sort by size; units of one size keep their order. */
function largestFirst(order: Uint32Array, sizes: Uint32Array): Uint32Array {
  const largest = order.reduce((most, unit) => Math.max(most, sizes[unit]!), 0);
  const next = new Uint32Array(largest + 2); // by size, where the next unit of it goes
  for (const unit of order) next[sizes[unit]! - 1]!++;
  for (let size = largest, start = 0; size >= 0; size--) {
    const count = next[size]!;
    next[size] = start;
    start += count;
  }
  const sorted = new Uint32Array(order.length);
  for (const unit of order) sorted[next[sizes[unit]! - 1]!++] = unit;
  return sorted;
}

/** Reads the target of every row that belongs to a unit, in order. */
async function eachRow({ store, targets, units }: SplitInput, visit: (unit: number) => void): Promise<void> {
  for await (const chunk of store.facts())
    for (let k = 0; k < chunk.length; k++) {
      const unit = units.unitOf[chunk.first + k]!;
      if (unit === 0) continue;
      targets.readFacts(chunk, k);
      visit(unit);
    }
}

/** Reads the target of each unit's first row, in order: units are numbered by their first rows. */
async function eachFirstRow(input: SplitInput, visit: (unit: number) => void): Promise<void> {
  let last = 0;
  await eachRow(input, (unit) => {
    if (unit <= last) return;
    last = unit;
    visit(unit);
  });
}

/** The labels of the examples of each unit: two passes, to count and to write. */
async function labelsOfUnits(
  input: SplitInput,
  labelsOf: LabelsOf,
): Promise<{ readonly sizes: Uint32Array; readonly offsets: Uint32Array; readonly labels: Uint32Array }> {
  const { units } = input;
  const sizes = new Uint32Array(units.count + 1);
  const offsets = new Uint32Array(units.count + 3);
  await eachRow(input, (unit) => {
    sizes[unit]!++;
    offsets[unit + 2]! += labelsOf.count();
  });
  for (let u = 2; u < offsets.length; u++) offsets[u]! += offsets[u - 1]!;
  const labels = new Uint32Array(offsets.at(-1)!);
  // offsets[u + 1] is where unit u starts, and moves to where it ends: the start of the next
  await eachRow(input, (unit) => {
    for (let k = 0; k < labelsOf.count(); k++) labels[offsets[unit + 1]!++] = labelsOf.label(k, unit);
  });
  return { sizes, offsets, labels };
}

/** The tenth of each unit by the mean of its first target; equal means are ranked at random. */
async function binsByMean(input: Assignment): Promise<Uint32Array> {
  const { targets, order } = input;
  const means = new Float64Array(input.units.count + 1);
  await eachFirstRow(input, (unit) => {
    means[unit] = targets.values.reduce((sum, value) => sum + value, 0) / targets.values.length;
  });
  const sorted = Float64Array.from(order, (unit) => means[unit]!).sort();
  const equal = new Uint32Array(sorted.length);
  const bins = new Uint32Array(means.length);
  for (const unit of order) {
    const first = lowerBound(sorted, means[unit]!);
    const rank = first + equal[first]!++;
    bins[unit] = Math.floor((rank * regressionBins) / order.length);
  }
  return bins;
}

/** The place of the first number that is not smaller. */
function lowerBound(sorted: Float64Array, value: number): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle]! < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
