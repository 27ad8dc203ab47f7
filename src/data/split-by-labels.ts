import type { Random } from '../core/random.ts';
import type { SplitName } from './example.ts';
import type { Assign, Unit } from './split.ts';

/** A split being filled: how much it still wants, in all and of each label. */
interface Demand {
  readonly name: SplitName;
  total: number;
  readonly labels: number[];
}

/**
 * Iterative stratification: while units with labels are left, take the label with the fewest of them, and give each of
 * its units to the split that wants the label most (ties: that wants units most; then at random). Units without a
 * label come last. A unit counts as many examples as it holds.
 *
 * @see Sechidis, Tsoumakas, Vlahavas 2011, On the Stratification of Multi-Label Data, ECML PKDD, Algorithm 1,
 *      https://doi.org/10.1007/978-3-642-23808-6_10
 */
export const distribute: Assign = (units, shares, random) => {
  const labelCount = units[0]?.examples[0]?.target.length ?? 0;
  const weights = new Map(units.map((unit) => [unit, labelWeights(unit, labelCount)]));
  const left = columnSums([...weights.values()], labelCount);
  const size = units.reduce((n, { examples }) => n + examples.length, 0);
  const demands: Demand[] = shares.map(({ name, fraction }) => ({
    name,
    total: size * fraction,
    labels: left.map((count) => count * fraction),
  }));

  const splitOf = new Map<Unit, SplitName>();
  const give = (unit: Unit, demand: Demand): void => {
    splitOf.set(unit, demand.name);
    demand.total -= unit.examples.length;
    for (const [k, weight] of weights.get(unit)!.entries()) {
      demand.labels[k]! -= weight;
      left[k]! -= weight;
    }
  };
  let waiting = random.shuffle(units);
  for (let label = rarest(left, random); label !== undefined; label = rarest(left, random)) {
    const wanted = label;
    const holders = waiting.filter((unit) => weights.get(unit)![wanted]! > 0);
    for (const unit of holders)
      give(
        unit,
        neediest(demands, (demand) => demand.labels[wanted]!, random),
      );
    waiting = waiting.filter((unit) => !splitOf.has(unit));
  }
  for (const unit of waiting)
    give(
      unit,
      neediest(demands, (demand) => demand.total, random),
    );
  return splitOf;
};

/** How many examples of the unit hold each label. */
function labelWeights({ examples }: Unit, labelCount: number): readonly number[] {
  return columnSums(
    examples.map(({ target }) => target),
    labelCount,
  );
}

function columnSums(rows: readonly (readonly number[])[], size: number): number[] {
  const sums = new Array<number>(size).fill(0);
  for (const row of rows) for (let k = 0; k < size; k++) sums[k]! += row[k]!;
  return sums;
}

/** The label with the fewest examples left, at least one; ties at random. */
function rarest(left: readonly number[], random: Random): number | undefined {
  const fewest = Math.min(...left.filter((count) => count > 0));
  const ties = [...left.keys()].filter((k) => left[k] === fewest);
  return ties[random.integer(ties.length)];
}

function neediest(demands: readonly Demand[], need: (demand: Demand) => number, random: Random): Demand {
  const most = Math.max(...demands.map(need));
  const ties = demands.filter((demand) => need(demand) === most);
  const mostOfAll = Math.max(...ties.map(({ total }) => total));
  const last = ties.filter(({ total }) => total === mostOfAll);
  return last[random.integer(last.length)]!;
}
