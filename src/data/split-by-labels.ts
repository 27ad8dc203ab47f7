import type { Random } from '../core/random.ts';
import type { Shares } from './split.ts';

/** Units with the labels that their examples hold. */
export interface LabelledUnits {
  /** Units in random order. */
  readonly order: Uint32Array;
  /** How many examples each unit holds. */
  readonly sizes: Uint32Array;
  /** The labels of unit u are `labels[offsets[u]]` to `labels[offsets[u + 1] − 1]`: one for each example and label. */
  readonly offsets: Uint32Array;
  readonly labels: Uint32Array;
  readonly labelCount: number;
}

/** A split being filled: how much it still wants, in all and of each label. */
interface Demand {
  total: number;
  readonly labels: Float64Array;
}

/**
 * Iterative stratification: while units with labels are left, take the label with the fewest of them, and give each of
 * its units to the split that wants the label most (ties: that wants units most; then at random). Units without a
 * label come last. A unit counts as many examples as it holds.
 *
 * @param give called for every unit.
 * @see Sechidis, Tsoumakas, Vlahavas 2011, On the Stratification of Multi-Label Data, ECML PKDD, Algorithm 1,
 *      https://doi.org/10.1007/978-3-642-23808-6_10
 */
export function distribute(
  units: LabelledUnits,
  { shares, random }: { readonly shares: Shares; readonly random: Random },
  give: (unit: number, share: number) => void,
): void {
  const { order, sizes, offsets, labels } = units;
  const { holders, starts, left, total } = holdersOf(units);
  const demands = shares.map(
    ({ fraction }): Demand => ({ total: total * fraction, labels: left.map((count) => count * fraction) }),
  );
  const given = new Uint8Array(sizes.length);
  const giveTo = (unit: number, share: number): void => {
    const demand = demands[share]!;
    given[unit] = 1;
    demand.total -= sizes[unit]!;
    for (let i = offsets[unit]!; i < offsets[unit + 1]!; i++) {
      demand.labels[labels[i]!]! -= 1;
      left[labels[i]!]! -= 1;
    }
    give(unit, share);
  };
  for (let label = rarest(left, random); label !== undefined; label = rarest(left, random))
    for (let i = starts[label]!; i < starts[label + 1]!; i++) {
      const unit = holders[i]!;
      if (given[unit] === 0) giveTo(unit, neediest(demands, random, label));
    }
  for (const unit of order) if (given[unit] === 0) giveTo(unit, neediest(demands, random));
}

/** The inverted index: units that hold each label, in random order; one may stand there twice. */
function holdersOf({ order, sizes, offsets, labels, labelCount }: LabelledUnits) {
  const starts = new Uint32Array(labelCount + 1);
  let total = 0;
  for (const unit of order) {
    total += sizes[unit]!;
    for (let i = offsets[unit]!; i < offsets[unit + 1]!; i++) starts[labels[i]! + 1]!++;
  }
  const left = Float64Array.from(starts.subarray(1));
  for (let k = 0; k < labelCount; k++) starts[k + 1]! += starts[k]!;
  const next = starts.slice();
  const holders = new Uint32Array(starts[labelCount]!);
  for (const unit of order)
    for (let i = offsets[unit]!; i < offsets[unit + 1]!; i++) holders[next[labels[i]!]!++] = unit;
  return { holders, starts, left, total };
}

/** The label with the fewest examples left, at least one; ties at random. */
function rarest(left: Float64Array, random: Random): number | undefined {
  let fewest = Number.POSITIVE_INFINITY;
  for (const count of left) if (count > 0 && count < fewest) fewest = count;
  const ties = [...left.keys()].filter((k) => left[k] === fewest);
  return ties[random.integer(ties.length)];
}

/** The split that wants `label` most, or examples at all; ties by the latter, then at random. */
function neediest(demands: readonly Demand[], random: Random, label?: number): number {
  let best = 0;
  let ties = 1;
  for (let s = 1; s < demands.length; s++) {
    const difference = compare(demands[s]!, demands[best]!, label);
    if (difference < 0) continue;
    if (difference > 0) ties = 0;
    ties++;
    if (random.integer(ties) === 0) best = s; // each of n ties is left with a chance of 1 / n
  }
  return best;
}

function compare(a: Demand, b: Demand, label: number | undefined): number {
  const byLabel = label === undefined ? 0 : a.labels[label]! - b.labels[label]!;
  return byLabel !== 0 ? byLabel : a.total - b.total;
}
