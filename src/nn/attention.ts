import type { Value } from '../graph/graph.ts';
import {
  add,
  gather,
  iota,
  lessEqual,
  matmul,
  padRows,
  reshape,
  softmax,
  transpose,
  unpadRows,
  where,
} from '../graph/ops/index.ts';
import { fixed } from '../graph/shape.ts';

/**
 * Where the tokens of packed examples stand. Only real tokens are rows, so padding costs nothing outside attention, and
 * neither the side nor the id of a pad token can matter.
 */
export interface Packing {
  /** int32 [N]: position of each token in its text. */
  readonly positions: Value;
  /** int32 [B, T]: row of each padded slot, N where it is empty. */
  readonly slots: Value;
  /** int32 [N]: padded slot of each row, b·T + t. */
  readonly places: Value;
  /** int32 [B]: row of each example's last token. */
  readonly last: Value;
}

export interface AttentionOptions {
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly packing: Packing;
  /** Which tokens ask: all, or only each example's last. */
  readonly queries: 'all' | 'last';
}

const MASKED = -1e30;

/**
 * Causal scaled dot-product attention with grouped key/value heads.
 *
 *     y = softmax(q kᵀ / √D + mask) v,   mask = 0 where key position ≤ query position, else −10³⁰
 *
 * Shapes: q [Q, H·D], k and v [N, KV·D] → y [Q, H·D], with Q = N or, for the last tokens, B.
 * Head h reads key/value head ⌊h / (H/KV)⌋.
 *
 * @see Ainslie et al. 2023, arXiv:2305.13245 (grouped queries).
 */
export function causalAttention(q: Value, k: Value, v: Value, options: AttentionOptions): Value {
  const { heads, kvHeads, headDim, packing, queries } = options;
  const groups = heads / kvHeads;
  const [B, T] = packing.slots.shape as [string, string];
  const pad = (x: Value) => padRows(x, packing.slots, packing.places); // [N, C] → [B, T, C]
  const keys = transpose(reshape(pad(k), [B, T, kvHeads, 1, headDim]), [0, 2, 3, 1, 4]); // [B, KV, 1, T, D]
  const values = transpose(reshape(pad(v), [B, T, kvHeads, 1, headDim]), [0, 2, 3, 1, 4]);
  const asked = queries === 'all' ? pad(q) : q;
  const rows = queries === 'all' ? T : 1;
  const split = transpose(reshape(asked, [B, rows, kvHeads, groups, headDim]), [0, 2, 3, 1, 4]); // [B, KV, G, Tq, D]
  const scores = matmul(split, keys, { transB: true, scale: 1 / Math.sqrt(headDim) }); // [B, KV, G, Tq, T]
  const mixed = matmul(softmax(add(scores, causalMask(packing, queries))), values); // [B, KV, G, Tq, D]
  const joined = reshape(transpose(mixed, [0, 3, 1, 2, 4]), [B, rows, heads * headDim]);
  return queries === 'all' ? unpadRows(joined, packing.slots, packing.places) : reshape(joined, [B, heads * headDim]);
}

/** Shapes: [T, T] for all tokens, [B, 1, 1, 1, T] for the last ones. Slots past an example's end come after its last token. */
function causalMask({ slots, places, positions, last }: Packing, queries: 'all' | 'last'): Value {
  const graph = places.graph;
  const [B, T] = slots.shape as [string, string];
  const keys = iota(graph, T);
  const asking = queries === 'all' ? reshape(keys, [T, 1]) : reshape(gather(positions, last), [B, 1, 1, 1, 1]);
  return where(lessEqual(keys, asking), graph.constant(0), graph.constant(MASKED));
}

/** [N, H·D] → [N, H, D] */
export const splitHeads = (x: Value, headDim: number): Value =>
  reshape(x, [x.shape[0]!, fixed(x.shape[1], 'the width of heads') / headDim, headDim]);
/** [N, H, D] → [N, H·D] */
export const joinHeads = (x: Value): Value =>
  reshape(x, [x.shape[0]!, fixed(x.shape[1], 'the number of heads') * fixed(x.shape[2], 'the width of a head')]);
