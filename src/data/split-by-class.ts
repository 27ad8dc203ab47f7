import type { Random } from '../core/random.ts';
import type { SplitName } from './example.ts';
import { groupBy } from './group.ts';
import type { Shares, Unit } from './split.ts';

/**
 * Shares out each stratum by largest remainder: of n units a split with fraction f gets ⌊n f⌋, and the units left over
 * go one each to the splits with the largest n f − ⌊n f⌋ + c, where c is what that split is still owed from earlier
 * strata. So the whole keeps the fractions even when strata are small. Then a stratum with fewer units than splits
 * gives its first one to the first split (train), and a larger one gives at least one to every split.
 */
export function apportion(
  units: readonly Unit[],
  shares: Shares,
  { stratumOf, random }: { readonly stratumOf: (unit: Unit) => string | number; readonly random: Random },
): ReadonlyMap<Unit, SplitName> {
  const owed = shares.map(() => 0);
  const strata = [...groupBy(units, stratumOf).values()].sort((a, b) => b.length - a.length);
  const splitOf = new Map<Unit, SplitName>();
  for (const stratum of strata) {
    const quotas = shares.map(({ fraction }) => stratum.length * fraction);
    const seats = atLeastOne(largestRemainder(quotas, owed), stratum.length);
    for (const [s, seat] of seats.entries()) owed[s]! += quotas[s]! - seat;
    const shuffled = random.shuffle(stratum);
    for (const [s, seat] of seats.entries())
      for (const unit of shuffled.splice(0, seat)) splitOf.set(unit, shares[s]!.name);
  }
  return splitOf;
}

function largestRemainder(quotas: readonly number[], owed: readonly number[]): number[] {
  const seats = quotas.map((quota) => Math.floor(quota + 1e-9));
  const left = Math.round(sum(quotas)) - sum(seats);
  const claims = quotas.map((quota, s) => ({ s, claim: quota - seats[s]! + owed[s]! }));
  for (const { s } of claims.sort((a, b) => b.claim - a.claim).slice(0, left)) seats[s]!++;
  return seats;
}

function atLeastOne(seats: readonly number[], total: number): readonly number[] {
  const filled = [...seats];
  for (const s of seats.keys()) {
    if (filled[s]! > 0 || (s > 0 && total < seats.length)) continue;
    filled[filled.indexOf(Math.max(...filled))]!--;
    filled[s]!++;
  }
  return filled;
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
