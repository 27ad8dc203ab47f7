import { int32, type Tensor } from '../core/tensor.ts';
import type { Graph } from '../graph/graph.ts';
import type { Packing } from '../nn/attention.ts';

/** The inputs of a graph over packed examples: N tokens in all, B examples, T tokens in the longest. */
export const packingInputs = (graph: Graph): Packing => ({
  positions: graph.input('positions', 'int32', ['N']),
  slots: graph.input('slots', 'int32', ['B', 'T']),
  places: graph.input('places', 'int32', ['N']),
  last: graph.input('last', 'int32', ['B']),
});

/** Token ids of several examples, one after the other, and what {@link packingInputs} reads. */
export interface PackedTokens {
  readonly ids: Int32Array<ArrayBuffer>;
  readonly feeds: Readonly<Record<'positions' | 'slots' | 'places' | 'last', Tensor>>;
}

/** How many tokens {@link packTokens} can share: those at the beginning that are the same in all, but the last of each. */
export function sharedTokens(examples: readonly ArrayLike<number>[]): number {
  const [first, ...others] = examples;
  if (!first || others.length === 0) return 0;
  let shared = examples.reduce((n, e) => Math.min(n, e.length), first.length) - 1;
  for (const example of others) for (let t = 0; t < shared; t++) if (example[t] !== first[t]) shared = t;
  return shared;
}

/**
 * Packs examples without padding. Every example has at least one token.
 *
 * @param shared how many tokens at the beginning are the same in all of them, and less than any has: they become rows once, which
 *        every example's slots point to. For graphs that are not differentiated: a row's cotangent would be that of one example.
 */
export function packTokens(examples: readonly ArrayLike<number>[], shared = 0): PackedTokens {
  const longest = examples.reduce((n, e) => Math.max(n, e.length), 0);
  const count = examples.reduce((n, e) => n + e.length - shared, shared);
  const ids = new Int32Array(count);
  const positions = new Int32Array(count);
  const places = new Int32Array(count);
  const slots = new Int32Array(examples.length * longest).fill(count);
  const last = new Int32Array(examples.length);
  let row = 0;
  for (const [b, example] of examples.entries()) {
    const own = b > 0 ? shared : 0;
    for (let t = 0; t < own; t++) slots[b * longest + t] = t;
    for (let t = own; t < example.length; t++, row++) {
      ids[row] = example[t]!;
      positions[row] = t;
      places[row] = b * longest + t;
      slots[b * longest + t] = row;
    }
    last[b] = row - 1;
  }
  return {
    ids,
    feeds: {
      positions: int32(positions),
      slots: int32(slots, [examples.length, longest]),
      places: int32(places),
      last: int32(last),
    },
  };
}
