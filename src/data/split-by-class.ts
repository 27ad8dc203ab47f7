import type { Shares } from './split.ts';

export interface Strata {
  /** Units in random order. */
  readonly order: Uint32Array;
  /** The stratum of each unit, from 0. */
  readonly stratumOf: Uint32Array;
  readonly count: number;
}

/**
 * Shares out each stratum by largest remainder: of n units a split with fraction f gets ⌊n f⌋, and the units left over
 * go one each to the splits with the largest n f − ⌊n f⌋ + c, where c is what that split is still owed from earlier
 * strata. So the whole keeps the fractions even when strata are small. Then a stratum with fewer units than splits
 * gives its first one to the first split (train), and a larger one gives at least one to every split.
 *
 * @param give called for every unit.
 */
export function apportion(strata: Strata, shares: Shares, give: (unit: number, share: number) => void): void {
  const { order, stratumOf, count } = strata;
  const sizes = new Array<number>(count).fill(0);
  for (const unit of order) sizes[stratumOf[unit]!]!++;
  const seats = seatsOf(sizes, shares);
  for (const unit of order) {
    const left = seats[stratumOf[unit]!]!;
    const share = left.findIndex((seat) => seat > 0);
    left[share]!--;
    give(unit, share);
  }
}

/** How many units of each stratum each split gets; the largest strata choose first. */
function seatsOf(sizes: readonly number[], shares: Shares): number[][] {
  const owed = shares.map(() => 0);
  const seats: number[][] = sizes.map(() => []);
  const largestFirst = [...sizes.keys()].sort((a, b) => sizes[b]! - sizes[a]!);
  for (const stratum of largestFirst) {
    const size = sizes[stratum]!;
    const quotas = shares.map(({ fraction }) => size * fraction);
    seats[stratum] = atLeastOne(largestRemainder(quotas, owed), size);
    for (const [share, seat] of seats[stratum].entries()) owed[share]! += quotas[share]! - seat;
  }
  return seats;
}

function largestRemainder(quotas: readonly number[], owed: readonly number[]): number[] {
  const seats = quotas.map((quota) => Math.floor(quota + 1e-9));
  const left = Math.round(sum(quotas)) - sum(seats);
  const claims = quotas.map((quota, s) => ({ s, claim: quota - seats[s]! + owed[s]! }));
  for (const { s } of claims.sort((a, b) => b.claim - a.claim).slice(0, left)) seats[s]!++;
  return seats;
}

function atLeastOne(seats: readonly number[], total: number): number[] {
  const filled = [...seats];
  if (total === 0) return filled;
  for (const s of seats.keys()) {
    if (filled[s]! > 0 || (s > 0 && total < seats.length)) continue;
    filled[filled.indexOf(Math.max(...filled))]!--;
    filled[s]!++;
  }
  return filled;
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
