import { ConfigError, DataError } from '../core/errors.ts';
import { type Random, random } from '../core/random.ts';
import type { Task } from '../core/task.ts';
import { type Example, type PerSplit, perSplit, type SplitName, splitNames } from './example.ts';
import { groupBy } from './group.ts';
import { apportion } from './split-by-class.ts';
import { distribute } from './split-by-labels.ts';
import { textKey } from './text-key.ts';

/** Examples that must go to the same split: their texts have the same key. */
export interface Unit {
  readonly examples: readonly Example[];
}

/** Chooses a split for each unit, all of them at once. */
export type Assign = (units: readonly Unit[], shares: Shares, random: Random) => ReadonlyMap<Unit, SplitName>;

/** The splits to fill and the fraction each gets; positive, adding up to 1. */
export type Shares = readonly { readonly name: SplitName; readonly fraction: number }[];

export interface SplitOptions {
  readonly seed: number;
  /** Default: 0.8, 0.1, 0.1. A split with 0 stays empty. */
  readonly fractions?: PerSplit<number>;
}

export const defaultFractions: PerSplit<number> = { train: 0.8, validation: 0.1, test: 0.1 };

/** Splits a regression set by tenths of the mean target. */
const regressionBins = 10;

const assign: Readonly<Record<Task, Assign>> = {
  single_label_classification: (units, shares, rng) => apportion(units, shares, { stratumOf: targetKey, random: rng }),
  multi_label_classification: distribute,
  regression: (units, shares, rng) => apportion(units, shares, { stratumOf: quantileBins(units), random: rng }),
};

/**
 * Splits examples so that each split has about the same share of every label.
 *
 * Single-label: per class by largest remainder; a class with at least three distinct texts is in every split, a rarer
 * one at least in train. Multi-label: iterative stratification. Regression: per tenth of the mean target.
 * Texts with the same {@link textKey} go to the same split. Each split keeps the order of the input.
 * The result depends on the seed and on the order of the input.
 *
 * @throws ConfigError if the fractions are negative or do not add up to 1.
 * @throws DataError   if there are too few examples for every split to get one.
 */
export function stratifiedSplit(
  examples: readonly Example[],
  task: Task,
  options: SplitOptions,
): PerSplit<readonly Example[]> {
  const shares = checkFractions(options.fractions ?? defaultFractions);
  const units = [...groupBy(examples, ({ text }) => textKey(text)).values()].map((group) => ({ examples: group }));
  const splitOfUnit = assign[task](units, shares, random(options.seed).fork('split'));
  const splitOf = new Map([...splitOfUnit].flatMap(([unit, name]) => unit.examples.map((example) => [example, name])));
  const splits = perSplit((name) => examples.filter((example) => splitOf.get(example) === name));
  const empty = shares.find(({ name }) => splits[name].length === 0);
  if (empty !== undefined)
    throw new DataError(
      `split: ${empty.name} would be empty, ${units.length} distinct texts are too few for ` +
        `${shares.map(({ name, fraction }) => `${name} ${fraction.toFixed(2)}`).join(', ')}; ` +
        'give more examples, or files of their own for validation and test',
    );
  return splits;
}

function checkFractions(fractions: PerSplit<number>): Shares {
  const shares = splitNames.map((name) => ({ name, fraction: fractions[name] }));
  const sum = shares.reduce((total, { fraction }) => total + fraction, 0);
  if (shares.some(({ fraction }) => !(fraction >= 0)) || Math.abs(sum - 1) > 1e-9)
    throw new ConfigError(
      `split: fractions ${shares.map(({ name, fraction }) => `${name} ${fraction}`).join(', ')} ` +
        `add up to ${sum}; they need to be at least 0 and add up to 1`,
    );
  return shares.filter(({ fraction }) => fraction > 0);
}

/** A unit with conflicting targets counts as its first one. */
const targetKey = ({ examples }: Unit): string => examples[0]!.target.join();

function quantileBins(units: readonly Unit[]): (unit: Unit) => number {
  const mean = ({ target }: Example): number => target.reduce((sum, value) => sum + value, 0) / target.length;
  const sorted = [...units].sort((a, b) => mean(a.examples[0]!) - mean(b.examples[0]!));
  const rank = new Map(sorted.map((unit, i) => [unit, i]));
  return (unit) => Math.floor((rank.get(unit)! * regressionBins) / units.length);
}
