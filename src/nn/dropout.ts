import { hash32 } from '../core/random.ts';
import type { Value } from '../graph/graph.ts';
import { lessEqual, mul, uniform, where } from '../graph/ops/index.ts';
import { fixed } from '../graph/shape.ts';

export type Dropout = (x: Value) => Value;

/**
 * Inverted dropout with counter-based masks.
 *
 *     y = x / (1 − p) where u ≥ p, else 0;   u = hash(key of the row xor hash(path, feature))
 *
 * The mask depends on the row's key (made of seed, step, example and position), the place in the model and the feature:
 * not on how a batch is cut, so it survives resuming.
 *
 * Shapes: x [R, C], keys uint32 [R, 1] → [R, C]
 *
 * @param keysFor the keys of the rows of a given x: of all tokens, or of the last ones.
 */
export function dropout(probability: number, keysFor: (x: Value) => Value): Dropout {
  return (x) => {
    const graph = x.graph;
    const width = fixed(x.shape[1], 'the width of dropout');
    const features = graph.constant(
      Array.from({ length: width }, (_, i) => hash32(graph.path, i)),
      { dtype: 'uint32' },
    );
    const stays = lessEqual(graph.constant(probability), uniform(keysFor(x), features));
    return mul(x, where(stays, graph.constant(1 / (1 - probability)), graph.constant(0)));
  };
}
