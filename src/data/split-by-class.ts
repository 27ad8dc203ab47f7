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
  const { sorted, starts } = sortByStratum(strata);
  const owed = shares.map(() => 0);
  const size = (s: number): number => starts[s + 1]! - starts[s]!;
  const largestFirst = Array.from({ length: strata.count }, (_, s) => s).sort((a, b) => size(b) - size(a));
  for (const stratum of largestFirst) {
    const quotas = shares.map(({ fraction }) => size(stratum) * fraction);
    const seats = atLeastOne(largestRemainder(quotas, owed), size(stratum));
    let at = starts[stratum]!;
    for (const [share, seat] of seats.entries()) {
      owed[share]! += quotas[share]! - seat;
      for (const end = at + seat; at < end; at++) give(sorted[at]!, share);
    }
  }
}

/** Counting sort: the units of stratum s are `sorted[starts[s]]` to `sorted[starts[s + 1] − 1]`, in random order. */
function sortByStratum({ order, stratumOf, count }: Strata): { sorted: Uint32Array; starts: Uint32Array } {
  const starts = new Uint32Array(count + 1);
  for (const unit of order) starts[stratumOf[unit]! + 1]!++;
  for (let s = 0; s < count; s++) starts[s + 1]! += starts[s]!;
  const next = starts.slice();
  const sorted = new Uint32Array(order.length);
  for (const unit of order) sorted[next[stratumOf[unit]!]!++] = unit;
  return { sorted, starts };
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
  if (total === 0) return filled;
  for (const s of seats.keys()) {
    if (filled[s]! > 0 || (s > 0 && total < seats.length)) continue;
    filled[filled.indexOf(Math.max(...filled))]!--;
    filled[s]!++;
  }
  return filled;
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
