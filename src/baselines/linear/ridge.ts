import type { Problem } from '../problem.ts';
import type { SparseMatrix } from '../sparse.ts';
import { solveSystem } from './conjugate-gradient.ts';
import { type LinearModel, putPlane } from './hyperplane.ts';

const PENALTY = 1;
const TOLERANCE = 1e-8;

/**
 * Ridge regression of each output; the bias is not penalised.
 *
 *     min_{w,b} Σ_i c_i (w·x_i + b − y_i)² + ‖w‖²
 *
 * Solved for centred features and values, (X̃ᵀ C X̃ + I) w = X̃ᵀ C ỹ, without writing them down; then b = ȳ − w·x̄.
 *
 * @see scikit-learn's Ridge (alpha = 1). Pinned by linear.test.ts
 */
export function fitRidge({ features, targets, outputs, weights }: Problem): LinearModel {
  const { rows, columns } = features;
  const total = weights.reduce((a, b) => a + b, 0);
  const means = transposedProduct(features, weights).map((sum) => sum / total); // [D]
  const diagonal = diagonalOf(features, weights, means);
  const model = { weights: new Float32Array(outputs * columns), bias: new Float32Array(outputs) };
  for (let k = 0; k < outputs; k++) {
    const values = Float64Array.from({ length: rows }, (_, i) => targets[i * outputs + k]!); // [N]
    const mean = values.reduce((sum, value, i) => sum + weights[i]! * value, 0) / total;
    const centred = values.map((value, i) => weights[i]! * (value - mean));
    const w = solveSystem(transposedProduct(features, centred), {
      multiply(v, out) {
        const shift = means.reduce((sum, x, j) => sum + x * v[j]!, 0);
        const weighted = product(features, v).map((value, i) => weights[i]! * (value - shift)); // [N]
        out.set(transposedProduct(features, weighted));
        for (let j = 0; j < columns; j++) out[j]! += PENALTY * v[j]!;
      },
      diagonal,
      tolerance: TOLERANCE,
      maxSteps: 10 * columns,
    });
    putPlane(model, k, { weights: w, bias: mean - means.reduce((sum, x, j) => sum + x * w[j]!, 0) });
  }
  return model;
}

/** X v. Shapes: [N, D], [D] → [N] */
function product({ rows, starts, indices, values }: SparseMatrix, v: Float64Array): Float64Array {
  const out = new Float64Array(rows);
  for (let row = 0; row < rows; row++)
    for (let at = starts[row]!; at < starts[row + 1]!; at++) out[row]! += values[at]! * v[indices[at]!]!;
  return out;
}

/** Xᵀ u. Shapes: [N, D], [N] → [D] */
function transposedProduct({ rows, columns, starts, indices, values }: SparseMatrix, u: Float64Array): Float64Array {
  const out = new Float64Array(columns);
  for (let row = 0; row < rows; row++)
    for (let at = starts[row]!; at < starts[row + 1]!; at++) out[indices[at]!]! += values[at]! * u[row]!;
  return out;
}

/** Σ_i c_i (x_ij − x̄_j)² + 1 = Σ_i c_i x_ij² − Σ_i c_i · x̄_j² + 1. Shapes: [N, D], [N], [D] → [D] */
function diagonalOf(features: SparseMatrix, weights: Float64Array, means: Float64Array): Float64Array {
  const total = weights.reduce((a, b) => a + b, 0);
  const squares = transposedProduct({ ...features, values: features.values.map((x) => x * x) }, weights);
  return squares.map((square, j) => Math.max(0, square - total * means[j]! ** 2) + PENALTY);
}
