import type { Random } from '../../core/random.ts';
import type { SparseMatrix } from '../sparse.ts';
import type { BinaryProblem, Hyperplane } from './hyperplane.ts';

/** When the dual problem counts as solved: the projected gradient's spread. LIBLINEAR stops at 0.1, at which some decisions are not yet final. */
const TOLERANCE = 1e-2;
const MAX_PASSES = 1000;

/** The dual problem on its way to the solution; its last column is the constant 1 of the bias. */
interface Dual {
  readonly features: SparseMatrix;
  readonly signs: Int8Array;
  /** Q_ii of the L2 loss beyond ‖x_i‖²: 1 / (2 C_i). */
  readonly diagonal: Float64Array;
  /** ‖x_i‖² + 1 / (2 C_i) */
  readonly curvature: Float64Array;
  readonly alphas: Float64Array;
  /** w and, last, b. */
  readonly plane: Float64Array;
}

/**
 * Linear support vector machine of two classes, by dual coordinate descent with shrinking.
 *
 *     min_{w,b} ½ ‖w‖² + ½ b² + Σ_i C_i max(0, 1 − y_i (w·x_i + b))²      y_i = ±1
 *
 * @see Hsieh et al. 2008, "A Dual Coordinate Descent Method for Large-scale Linear SVM", algorithm 3; LIBLINEAR's
 *      solve_l2r_l1l2_svc, scikit-learn's LinearSVC. Pinned by linear.test.ts
 */
export function fitSvm(
  problem: BinaryProblem,
  { random, tolerance = TOLERANCE }: { readonly random: Random; readonly tolerance?: number },
): Hyperplane {
  const dual = dualOf(problem);
  const order = Uint32Array.from(dual.alphas, (_, i) => i);
  let active = order.length;
  let before = { high: Number.POSITIVE_INFINITY, low: Number.NEGATIVE_INFINITY };
  for (let pass = 0; pass < MAX_PASSES; pass++) {
    const { high, low, left } = sweep(dual, order, { active, above: before.high, random });
    active = left;
    if (high - low > tolerance) before = { high: high > 0 ? high : Number.POSITIVE_INFINITY, low };
    else if (active === order.length) break;
    else {
      active = order.length;
      before = { high: Number.POSITIVE_INFINITY, low: Number.NEGATIVE_INFINITY };
    }
  }
  const { columns } = problem.features;
  return { weights: dual.plane.subarray(0, columns), bias: dual.plane[columns]! };
}

function dualOf({ features, positive, costs }: BinaryProblem): Dual {
  const { rows, columns, starts, values } = features;
  const diagonal = costs.map((cost) => 0.5 / cost);
  const curvature = new Float64Array(rows);
  for (let row = 0; row < rows; row++) {
    let square = 1;
    for (let at = starts[row]!; at < starts[row + 1]!; at++) square += values[at]! ** 2;
    curvature[row] = square + diagonal[row]!;
  }
  const signs = Int8Array.from(positive, (holds) => (holds ? 1 : -1));
  return {
    features,
    signs,
    diagonal,
    curvature,
    alphas: new Float64Array(rows),
    plane: new Float64Array(columns + 1),
  };
}

/**
 * One pass over the active examples in random order.
 *
 * @param options.above examples at α = 0 whose gradient is above this are set aside, behind the active ones.
 * @returns the largest and smallest projected gradient, and how many examples are left active.
 */
function sweep(
  { features: { starts, indices, values, columns }, signs, diagonal, curvature, alphas, plane }: Dual,
  order: Uint32Array,
  { active, above, random }: { readonly active: number; readonly above: number; readonly random: Random },
): { readonly high: number; readonly low: number; readonly left: number } {
  let [high, low, left] = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY, active];
  for (let i = 0; i < active; i++) swap(order, i, i + random.integer(active - i));
  for (let i = 0; i < left; i++) {
    const row = order[i]!;
    const [from, to] = [starts[row]!, starts[row + 1]!];
    const [sign, alpha] = [signs[row]!, alphas[row]!];
    let margin = plane[columns]!;
    for (let at = from; at < to; at++) margin += plane[indices[at]!]! * values[at]!;
    const gradient = sign * margin - 1 + alpha * diagonal[row]!;
    if (alpha === 0 && gradient > above) {
      swap(order, i--, --left);
      continue;
    }
    const projected = alpha === 0 ? Math.min(gradient, 0) : gradient;
    high = Math.max(high, projected);
    low = Math.min(low, projected);
    if (Math.abs(projected) <= 1e-12) continue;
    alphas[row] = Math.max(alpha - gradient / curvature[row]!, 0);
    const change = (alphas[row]! - alpha) * sign;
    plane[columns]! += change;
    for (let at = from; at < to; at++) plane[indices[at]!]! += change * values[at]!;
  }
  return { high, low, left };
}

function swap(order: Uint32Array, i: number, j: number): void {
  const kept = order[i]!;
  order[i] = order[j]!;
  order[j] = kept;
}
