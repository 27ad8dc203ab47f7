import type { Random } from '../../core/random.ts';
import type { SparseMatrix } from '../sparse.ts';
import { NodeFeatures } from './node-features.ts';

/** What all trees of a forest are grown from. */
export interface ForestData {
  /** [N, D], values ≥ 0 that are exact in float32 */
  readonly rows: SparseMatrix;
  /** The same by columns, each from its largest value down: [D, N] */
  readonly columns: SparseMatrix;
  /** [N, K] */
  readonly targets: Float64Array;
  readonly outputs: number;
  /** How many features, drawn at random, a split is chosen from. */
  readonly maxFeatures: number;
}

/**
 * A tree in depth-first order. Node i asks whether the feature is above the threshold: yes leads to `next[i]`, no to i + 1.
 * Of a leaf (feature −1), `next[i]` is its row in `values`.
 */
export interface Tree {
  readonly features: Int32Array<ArrayBuffer>;
  readonly thresholds: Float32Array<ArrayBuffer>;
  readonly next: Int32Array<ArrayBuffer>;
  /** Mean target of each leaf: [L, K] */
  readonly values: Float32Array<ArrayBuffer>;
}

/** Of some examples: Σ c, Σ c |y|², then Σ c y_k for each k. */
type Sums = Float64Array;
const [WEIGHT, SQUARES, FIRST] = [0, 1, 2] as const;

interface Split {
  readonly feature: number;
  readonly threshold: number;
  /** The examples above the threshold, and their sums. */
  readonly above: Uint32Array;
  readonly sums: Sums;
}

/** Examples that are still to be split: those at [from, to) of the order. */
interface Open {
  readonly from: number;
  readonly to: number;
  readonly sums: Sums;
  /** The node whose `next` this is. */
  readonly parent?: number;
}

/** Relative to Σ c |y|²: less spread than this is rounding. */
const PURE = 1e-12;

/**
 * Grows a tree until its leaves are pure or cannot be split: each split is the one of some random features that leaves
 * the smallest squared error, that is, has the largest
 *
 *     Σ_k (Σ_above c y_k)² / Σ_above c + Σ_k (Σ_below c y_k)² / Σ_below c
 *
 * For one-hot or 0/1 targets that is the split of least Gini impurity.
 *
 * @param weights what each example counts, 0 for those that are not in the tree: [N]
 * @see Breiman 2001, "Random Forests"; scikit-learn's trees, which consider features in the same way.
 */
export function growTree(data: ForestData, weights: Float64Array, random: Random): Tree {
  const order = Uint32Array.from(weights.keys()).filter((i) => weights[i]! > 0);
  const position = new Int32Array(weights.length).fill(-1);
  order.forEach((example, at) => {
    position[example] = at;
  });
  const node = new NodeFeatures(data, { order, position, random });
  const tree = { features: [] as number[], thresholds: [] as number[], next: [] as number[], values: [] as number[] };
  const open: Open[] = [{ from: 0, to: order.length, sums: sumsOf(order, data, weights) }];
  for (let item = open.pop(); item; item = open.pop()) {
    const { from, to, sums, parent } = item;
    const at = tree.features.length;
    if (parent !== undefined) tree.next[parent] = at;
    const split = to - from > 1 && !isPure(sums) ? bestSplit(node, item, { data, weights }) : undefined;
    tree.features.push(split?.feature ?? -1);
    tree.thresholds.push(split?.threshold ?? 0);
    tree.next.push(tree.values.length / data.outputs);
    if (split) {
      const middle = moveToEnd(split.above, to, { order, position });
      const below = sums.map((sum, k) => sum - split.sums[k]!);
      open.push({ from: middle, to, sums: split.sums, parent: at }, { from, to: middle, sums: below });
    } else for (let k = FIRST; k < sums.length; k++) tree.values.push(sums[k]! / sums[WEIGHT]!);
  }
  return {
    features: Int32Array.from(tree.features),
    thresholds: Float32Array.from(tree.thresholds),
    next: Int32Array.from(tree.next),
    values: Float32Array.from(tree.values),
  };
}

function sumsOf(examples: Uint32Array, { targets, outputs }: ForestData, weights: Float64Array): Sums {
  const sums = new Float64Array(FIRST + outputs);
  for (const example of examples) addExample(sums, example, { targets, weights });
  return sums;
}

function addExample(
  sums: Sums,
  example: number,
  { targets, weights }: { readonly targets: Float64Array; readonly weights: Float64Array },
): void {
  const [weight, outputs] = [weights[example]!, sums.length - FIRST];
  sums[WEIGHT]! += weight;
  for (let k = 0; k < outputs; k++) {
    const y = targets[example * outputs + k]!;
    if (y === 0) continue;
    sums[SQUARES]! += weight * y * y;
    sums[FIRST + k]! += weight * y;
  }
}

function isPure(sums: Sums): boolean {
  let explained = 0;
  for (let k = FIRST; k < sums.length; k++) explained += sums[k]! ** 2 / sums[WEIGHT]!;
  return sums[SQUARES]! - explained <= PURE * sums[SQUARES]!;
}

function bestSplit(
  node: NodeFeatures,
  { from, to, sums }: Open,
  { data, weights }: { readonly data: ForestData; readonly weights: Float64Array },
): Split | undefined {
  const { targets } = data;
  const above = new Float64Array(sums.length);
  const best = { gain: Number.NEGATIVE_INFINITY, feature: -1, threshold: 0, sums: new Float64Array(sums.length) };
  let examples = new Uint32Array();
  for (const { feature, size } of node.candidates(from, to)) {
    above.fill(0);
    let count = 0;
    for (let i = 0; i < size; i++) {
      addExample(above, node.examples[i]!, { targets, weights });
      const lower = i + 1 < size ? node.values[i + 1]! : 0;
      const isCut = lower < node.values[i]! && i + 1 < to - from;
      if (!isCut) continue;
      const gain = explainedBy(above, sums);
      if (gain <= best.gain) continue;
      Object.assign(best, { gain, feature, threshold: between(lower, node.values[i]!) });
      best.sums.set(above);
      count = i + 1;
    }
    if (count > 0) examples = node.examples.slice(0, count);
  }
  return best.feature < 0 ? undefined : { ...best, above: examples };
}

/** What a split explains of Σ c |y|². */
function explainedBy(above: Sums, all: Sums): number {
  let [up, down] = [0, 0];
  for (let k = FIRST; k < all.length; k++) {
    up += above[k]! * above[k]!;
    down += (all[k]! - above[k]!) * (all[k]! - above[k]!);
  }
  return up / above[WEIGHT]! + down / (all[WEIGHT]! - above[WEIGHT]!);
}

/** A float32 from `low` up, and below `high`. */
function between(low: number, high: number): number {
  const middle = Math.fround((low + high) / 2);
  return middle < high ? middle : low;
}

/** Moves examples to the end of the node's part of the order. Returns where they begin. */
function moveToEnd(
  examples: Uint32Array,
  to: number,
  { order, position }: { readonly order: Uint32Array; readonly position: Int32Array },
): number {
  let end = to;
  for (const example of examples) {
    const [at, other] = [position[example]!, order[--end]!];
    order[at] = other;
    position[other] = at;
    order[end] = example;
    position[example] = end;
  }
  return end;
}
