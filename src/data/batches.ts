import type { Random } from '../core/random.ts';

/**
 * Cuts examples into micro-batches that the engine computes at once: sorted by length, longest first, each with at most
 * `budget` tokens counted as if padded to its longest example. An example longer than the budget stands alone.
 * Results do not depend on the cut; memory and speed do.
 *
 * @returns positions in `lengths`.
 */
export function microBatches(lengths: readonly number[], budget: number): number[][] {
  const order = lengths.map((_, i) => i).sort((a, b) => lengths[b]! - lengths[a]! || a - b);
  const batches: number[][] = [];
  let room = 0;
  for (const i of order) {
    const longest = batches.length > 0 ? lengths[batches.at(-1)![0]!]! : 0;
    if (room < longest || batches.length === 0) {
      batches.push([]);
      room = budget;
    }
    batches.at(-1)!.push(i);
    room -= lengths[batches.at(-1)![0]!]!;
  }
  return batches;
}

/** The optimiser's batches of one epoch. */
export interface EpochBatches {
  /** How many there are. */
  readonly length: number;
  /** The places of the examples in batch number `batch`, from 0. */
  at(batch: number): Uint32Array;
}

/** All of `count` examples once, in a random order, `size` at a time: 4 bytes of memory each. */
export function epochBatches(count: number, size: number, rng: Random): EpochBatches {
  const order = rng.permutation(count);
  return { length: Math.ceil(count / size), at: (batch) => order.subarray(batch * size, (batch + 1) * size) };
}
