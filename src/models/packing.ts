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

/** Packs examples without padding. Every example has at least one token. */
export function packTokens(examples: readonly ArrayLike<number>[]): PackedTokens {
  const longest = examples.reduce((n, e) => Math.max(n, e.length), 0);
  const count = examples.reduce((n, e) => n + e.length, 0);
  const ids = new Int32Array(count);
  const positions = new Int32Array(count);
  const places = new Int32Array(count);
  const slots = new Int32Array(examples.length * longest).fill(count);
  const last = new Int32Array(examples.length);
  let row = 0;
  for (const [b, example] of examples.entries()) {
    for (let t = 0; t < example.length; t++, row++) {
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
