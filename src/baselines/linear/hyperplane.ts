import type { FitOptions, Problem } from '../problem.ts';
import { heldCounts } from '../problem.ts';
import type { SparseMatrix } from '../sparse.ts';

/** Two classes to be told apart. */
export interface BinaryProblem {
  /** [N, D] */
  readonly features: SparseMatrix;
  /** 1 for examples of the class, 0 for the others: [N] */
  readonly positive: Uint8Array;
  /** What an error at each example costs, C_i: [N] */
  readonly costs: Float64Array;
}

/** Where two classes part: w·x + b = 0. */
export interface Hyperplane {
  readonly weights: Float64Array;
  readonly bias: number;
}

/** A hyperplane for each output, as it is saved. */
export interface LinearModel {
  /** [K, D] */
  readonly weights: Float32Array<ArrayBuffer>;
  /** [K] */
  readonly bias: Float32Array<ArrayBuffer>;
}

/** w·x + b of a label that all examples of training hold, or (negative) none: a probability of 10⁻¹³ from certainty. */
const CERTAIN = 30;

/**
 * A hyperplane per label, each between its examples and all others. Two classes that exclude each other share one, half of
 * it each, so that their difference is its margin.
 */
export function oneVersusRest(
  problem: Problem,
  { exclusive, balanced }: Pick<FitOptions, 'exclusive' | 'balanced'>,
  solve: (problem: BinaryProblem, label: number) => Hyperplane,
): LinearModel {
  const { features, outputs } = problem;
  const held = heldCounts(problem);
  const model = emptyModel(features.columns, held, features.rows);
  const mixed = held.flatMap((count, k) => (count > 0 && count < features.rows ? [k] : []));
  const isPair = exclusive && mixed.length === 2;
  for (const k of isPair ? mixed.slice(1) : mixed) {
    const count = held[k]!;
    const positive = Uint8Array.from({ length: features.rows }, (_, i) => problem.targets[i * outputs + k]!);
    const [up, down] = !balanced
      ? [1, 1]
      : exclusive && !isPair
        ? [features.rows / (mixed.length * count), 1] // as LIBLINEAR: the others keep their weight
        : [features.rows / (2 * count), features.rows / (2 * (features.rows - count))];
    const costs = problem.weights.map((weight, i) => weight * (positive[i] ? up : down));
    const plane = solve({ features, positive, costs }, k);
    putPlane(model, k, plane, isPair ? 0.5 : 1);
    if (isPair) putPlane(model, mixed[0]!, plane, -0.5);
  }
  return model;
}

/** Labels that hold always or never are certain; the others are still to be filled in. */
export function emptyModel(columns: number, held: readonly number[], rows: number): LinearModel {
  return {
    weights: new Float32Array(held.length * columns),
    bias: Float32Array.from(held, (count) => (count === 0 ? -CERTAIN : count === rows ? CERTAIN : 0)),
  };
}

export function putPlane({ weights, bias }: LinearModel, k: number, plane: Hyperplane, factor = 1): void {
  const { length } = plane.weights;
  for (let j = 0; j < length; j++) weights[k * length + j] = factor * plane.weights[j]!;
  bias[k] = factor * plane.bias;
}

/** w_k·x + b_k for each row and output. Shapes: [N, D] → N rows of [K] */
export function margins(
  { weights, bias }: LinearModel,
  { rows, columns, starts, indices, values }: SparseMatrix,
): number[][] {
  return Array.from({ length: rows }, (_, row) =>
    Array.from(bias, (start, k) => {
      let sum = start;
      for (let at = starts[row]!; at < starts[row + 1]!; at++)
        sum += weights[k * columns + indices[at]!]! * values[at]!;
      return sum;
    }),
  );
}
