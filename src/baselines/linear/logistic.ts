import { balancedWeights, type FitOptions, heldCounts, type Problem } from '../problem.ts';
import {
  type BinaryProblem,
  emptyModel,
  type Hyperplane,
  type LinearModel,
  oneVersusRest,
  putPlane,
} from './hyperplane.ts';
import { minimize, type Objective } from './newton.ts';

/** When the fit is done: the largest part of the gradient of the mean loss. */
const TOLERANCE = 1e-4;

/**
 * Logistic regression; the bias is not penalised.
 *
 *     min ½ ‖W‖² + Σ_i c_i (−ln p_i,y(i))      p_i = softmax(W x_i + b) of classes that exclude each other
 *
 * Of two classes, or for labels of which several may hold: p = 1 / (1 + exp(−w·x − b)) of each label by itself.
 *
 * @see scikit-learn's LogisticRegression (C = 1). Pinned by linear.test.ts
 */
export function fitLogistic(
  problem: Problem,
  options: Pick<FitOptions, 'exclusive' | 'balanced'>,
  tolerance = TOLERANCE,
): LinearModel {
  const held = heldCounts(problem);
  const present = held.flatMap((count, k) => (count > 0 ? [k] : []));
  if (options.exclusive && present.length > 2) return fitSoftmax(problem, { ...options, held, present, tolerance });
  return oneVersusRest(problem, options, (binary) => fitSigmoid(binary, tolerance));
}

function fitSigmoid({ features, positive, costs }: BinaryProblem, tolerance: number): Hyperplane {
  const objective = new LogisticLoss({ features, targets: Float64Array.from(positive), outputs: 1, weights: costs });
  const found = minimize(objective, tolerance * sum(costs));
  return { weights: found.subarray(0, features.columns), bias: found[features.columns]! };
}

/** Over the classes that there are; the others are certain not to hold. */
function fitSoftmax(
  problem: Problem,
  {
    balanced,
    held,
    present,
    tolerance,
  }: { balanced: boolean; held: readonly number[]; present: readonly number[]; tolerance: number },
): LinearModel {
  const { features, outputs } = problem;
  const targets = Float64Array.from(
    { length: features.rows * present.length },
    (_, at) => problem.targets[Math.floor(at / present.length) * outputs + present[at % present.length]!]!,
  );
  const weights = balanced ? balancedWeights(problem, true) : problem.weights;
  const objective = new LogisticLoss({ features, targets, outputs: present.length, weights });
  const found = minimize(objective, tolerance * sum(weights));
  const model = emptyModel(features.columns, held, features.rows);
  const shift = found.subarray(-present.length).reduce((a, b) => a + b, 0) / present.length; // the same for all changes nothing
  for (const [from, k] of present.entries()) {
    const part = Float64Array.from({ length: features.columns + 1 }, (_, j) => found[j * present.length + from]!);
    putPlane(model, k, { weights: part.subarray(0, features.columns), bias: part[features.columns]! - shift });
  }
  return model;
}

/** The penalised loss as a function of x [D + 1, K], the biases last: softmax, or a sigmoid where K = 1. */
class LogisticLoss implements Objective {
  readonly size: number;
  readonly #problem: Problem;
  /** Where it was evaluated last: [N, K] */
  readonly #probabilities: Float64Array;
  /** Of the row at hand: [K] */
  readonly #row: Float64Array;

  constructor(problem: Problem) {
    this.#problem = problem;
    this.size = (problem.features.columns + 1) * problem.outputs;
    this.#probabilities = new Float64Array(problem.features.rows * problem.outputs);
    this.#row = new Float64Array(problem.outputs);
  }

  evaluate(x: Float64Array, gradient: Float64Array): number {
    const { features, targets, outputs, weights } = this.#problem;
    const [row, probabilities] = [this.#row, this.#probabilities];
    let value = this.#penalty(x, gradient);
    for (let i = 0; i < features.rows; i++) {
      this.#product(x, i);
      value += weights[i]! * normalise(row, targets, i * outputs);
      for (let k = 0; k < outputs; k++) {
        probabilities[i * outputs + k] = row[k]!;
        row[k] = weights[i]! * (row[k]! - targets[i * outputs + k]!);
      }
      this.#scatter(gradient, i);
    }
    return value;
  }

  curve = (v: Float64Array, out: Float64Array): void => {
    const { features, outputs, weights } = this.#problem;
    const [row, probabilities] = [this.#row, this.#probabilities];
    this.#penalty(v, out);
    for (let i = 0; i < features.rows; i++) {
      this.#product(v, i);
      let mean = 0;
      for (let k = 0; k < outputs; k++) mean += probabilities[i * outputs + k]! * row[k]!;
      for (let k = 0; k < outputs; k++) row[k] = weights[i]! * probabilities[i * outputs + k]! * (row[k]! - mean);
      this.#scatter(out, i);
    }
  };

  diagonal(): Float64Array {
    const { features, outputs, weights } = this.#problem;
    const { rows, columns, starts, indices, values } = features;
    const out = new Float64Array(this.size).fill(1);
    for (let i = 0; i < rows; i++)
      for (let k = 0; k < outputs; k++) {
        const p = this.#probabilities[i * outputs + k]!;
        const curvature = weights[i]! * p * (1 - p);
        for (let at = starts[i]!; at < starts[i + 1]!; at++)
          out[indices[at]! * outputs + k]! += curvature * values[at]! ** 2;
        out[columns * outputs + k]! += curvature;
      }
    return out;
  }

  /** ½ ‖W‖²; writes its gradient W, and 0 for the biases. */
  #penalty(x: Float64Array, out: Float64Array): number {
    const { features, outputs } = this.#problem;
    out.set(x);
    out.fill(0, features.columns * outputs);
    let square = 0;
    for (let at = 0; at < features.columns * outputs; at++) square += x[at]! ** 2;
    return square / 2;
  }

  /** row = x · (x_i, 1) */
  #product(x: Float64Array, i: number): void {
    const { features, outputs } = this.#problem;
    const { starts, indices, values, columns } = features;
    const row = this.#row;
    for (let k = 0; k < outputs; k++) row[k] = x[columns * outputs + k]!;
    for (let at = starts[i]!; at < starts[i + 1]!; at++) {
      const [from, value] = [indices[at]! * outputs, values[at]!];
      for (let k = 0; k < outputs; k++) row[k]! += x[from + k]! * value;
    }
  }

  /** out += (x_i, 1) ⊗ row */
  #scatter(out: Float64Array, i: number): void {
    const { features, outputs } = this.#problem;
    const { starts, indices, values, columns } = features;
    const row = this.#row;
    for (let k = 0; k < outputs; k++) out[columns * outputs + k]! += row[k]!;
    for (let at = starts[i]!; at < starts[i + 1]!; at++) {
      const [to, value] = [indices[at]! * outputs, values[at]!];
      for (let k = 0; k < outputs; k++) out[to + k]! += row[k]! * value;
    }
  }
}

/** Turns logits into probabilities, and gives the loss −Σ_k y_k ln p_k, of one label with that of its absence. */
function normalise(row: Float64Array, targets: Float64Array, from: number): number {
  if (row.length === 1) {
    const z = row[0]!;
    row[0] = 1 / (1 + Math.exp(-z));
    return Math.max(z, 0) + Math.log1p(Math.exp(-Math.abs(z))) - targets[from]! * z;
  }
  let top = row[0]!;
  let own = 0;
  for (let k = 0; k < row.length; k++) {
    top = Math.max(top, row[k]!);
    own += targets[from + k]! * row[k]!;
  }
  let total = 0;
  for (let k = 0; k < row.length; k++) {
    row[k] = Math.exp(row[k]! - top);
    total += row[k]!;
  }
  for (let k = 0; k < row.length; k++) row[k]! /= total;
  return top + Math.log(total) - own;
}

const sum = (values: Float64Array): number => values.reduce((a, b) => a + b, 0);
