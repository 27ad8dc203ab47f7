import { type Random, random } from '../../core/random.ts';
import { balancedWeights, type FitOptions, type Problem } from '../problem.ts';
import { type SparseMatrix, transpose } from '../sparse.ts';
import { type ForestData, growTree, type Tree } from './tree.ts';

const TREES = 100;

/**
 * A random forest: the mean of trees, each grown on examples drawn with replacement, with splits among some random features.
 * Classes and labels draw √D features for a split, values all, as scikit-learn's RandomForestClassifier and
 * RandomForestRegressor; one forest answers for all outputs.
 *
 * @param options.size how many trees. Default: 100.
 */
export async function fitForest(
  problem: Problem,
  { seed, exclusive, balanced, values, onPart, size = TREES }: FitOptions & { readonly size?: number },
): Promise<Tree[]> {
  const { features, targets, outputs } = problem;
  const rows = { ...features, values: Float64Array.from(Float32Array.from(features.values)) };
  const maxFeatures = values ? features.columns : Math.max(1, Math.floor(Math.sqrt(features.columns)));
  const data: ForestData = { rows, columns: sortedColumns(rows), targets, outputs, maxFeatures };
  const weights = balanced ? balancedWeights(problem, exclusive) : problem.weights;
  const trees: Tree[] = [];
  for (let t = 0; t < size; t++) {
    await onPart?.();
    const own = random(seed).fork('tree').fork(t);
    trees.push(growTree(data, bootstrapped(weights, own), own));
  }
  return trees;
}

/** Each example as often as it is drawn, with replacement. */
function bootstrapped(weights: Float64Array, rng: Random): Float64Array {
  const times = new Float64Array(weights.length);
  for (let i = 0; i < times.length; i++) times[rng.integer(times.length)]!++;
  return times.map((count, i) => count * weights[i]!);
}

function sortedColumns(rows: SparseMatrix): SparseMatrix {
  const columns = transpose(rows);
  const { starts, indices, values } = columns;
  for (let column = 0; column < columns.rows; column++) {
    const [from, to] = [starts[column]!, starts[column + 1]!];
    const order = Uint32Array.from({ length: to - from }, (_, i) => from + i).sort((a, b) => values[b]! - values[a]!);
    indices.set(
      Array.from(order, (at) => indices[at]!),
      from,
    );
    values.set(
      Array.from(order, (at) => values[at]!),
      from,
    );
  }
  return columns;
}

/** The mean of the trees' answers for each row. Shapes: [N, D] → N rows of [K] */
export function forestScores(trees: readonly Tree[], outputs: number, features: SparseMatrix): number[][] {
  const { rows, columns, starts, indices, values } = features;
  const row = new Float32Array(columns);
  return Array.from({ length: rows }, (_, i) => {
    for (let at = starts[i]!; at < starts[i + 1]!; at++) row[indices[at]!] = values[at]!;
    const sums = new Array<number>(outputs).fill(0);
    for (const tree of trees) {
      const leaf = leafOf(tree, row);
      for (let k = 0; k < outputs; k++) sums[k]! += tree.values[leaf * outputs + k]!;
    }
    for (let at = starts[i]!; at < starts[i + 1]!; at++) row[indices[at]!] = 0;
    return sums.map((sum) => sum / trees.length);
  });
}

function leafOf({ features, thresholds, next }: Tree, row: Float32Array): number {
  let node = 0;
  while (features[node]! >= 0) node = row[features[node]!]! > thresholds[node]! ? next[node]! : node + 1;
  return next[node]!;
}
