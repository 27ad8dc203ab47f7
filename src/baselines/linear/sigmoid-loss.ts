import type { BinaryProblem } from './hyperplane.ts';
import type { Objective } from './newton.ts';

/**
 * The loss of two classes as a function of x = (w, b): [D + 1]
 *
 *     ½ ‖w‖² + Σ_i c_i ln(1 + exp(−y_i z_i))      z_i = w·x_i + b,  y_i = ±1
 */
export class SigmoidLoss implements Objective {
  readonly start: Float64Array;
  readonly #problem: BinaryProblem;
  /** Second derivatives by z, where it was evaluated last: [N] */
  readonly #curvature: Float64Array;

  constructor(problem: BinaryProblem) {
    const { features, positive, costs } = problem;
    this.#problem = problem;
    this.#curvature = new Float64Array(features.rows);
    this.start = new Float64Array(features.columns + 1);
    const all = costs.reduce((sum, cost) => sum + cost, 0);
    const held = costs.reduce((sum, cost, i) => sum + positive[i]! * cost, 0);
    this.start[features.columns] = Math.log(held / (all - held));
  }

  evaluate(x: Float64Array, gradient: Float64Array): number {
    const { positive, costs, features } = this.#problem;
    const { rows, columns, starts, indices, values } = features;
    const curvature = this.#curvature;
    let value = penalty(x, gradient);
    for (let i = 0; i < rows; i++) {
      const end = starts[i + 1]!;
      let z = x[columns]!;
      for (let at = starts[i]!; at < end; at++) z += x[indices[at]!]! * values[at]!;
      const small = Math.exp(-Math.abs(z));
      const p = z >= 0 ? 1 / (1 + small) : small / (1 + small);
      const [y, cost] = [positive[i]!, costs[i]!];
      value += cost * (Math.max(z, 0) + Math.log1p(small) - y * z);
      curvature[i] = cost * p * (1 - p);
      const slope = cost * (p - y);
      gradient[columns]! += slope;
      for (let at = starts[i]!; at < end; at++) gradient[indices[at]!]! += slope * values[at]!;
    }
    return value;
  }

  curve(v: Float64Array, out: Float64Array): void {
    const { rows, columns, starts, indices, values } = this.#problem.features;
    const curvature = this.#curvature;
    penalty(v, out);
    for (let i = 0; i < rows; i++) {
      const end = starts[i + 1]!;
      let z = v[columns]!;
      for (let at = starts[i]!; at < end; at++) z += v[indices[at]!]! * values[at]!;
      z *= curvature[i]!;
      out[columns]! += z;
      for (let at = starts[i]!; at < end; at++) out[indices[at]!]! += z * values[at]!;
    }
  }

  diagonal(): Float64Array {
    const { rows, columns, starts, indices, values } = this.#problem.features;
    const curvature = this.#curvature;
    const out = new Float64Array(columns + 1).fill(1);
    for (let i = 0; i < rows; i++) {
      out[columns]! += curvature[i]!;
      for (let at = starts[i]!; at < starts[i + 1]!; at++)
        out[indices[at]!]! += curvature[i]! * values[at]! * values[at]!;
    }
    return out;
  }
}

/** ½ ‖w‖²; writes its gradient, which is w, and 0 for the bias. */
function penalty(x: Float64Array, out: Float64Array): number {
  const columns = x.length - 1;
  let square = 0;
  for (let j = 0; j < columns; j++) {
    out[j] = x[j]!;
    square += x[j]! * x[j]!;
  }
  out[columns] = 0;
  return square / 2;
}
