import type { Problem } from '../problem.ts';
import type { Objective } from './newton.ts';

/**
 * The loss of K classes that exclude each other, as a function of x = (W, b): [D + 1, K], the biases last
 *
 *     ½ ‖W‖² − Σ_i c_i ln p_i,y(i)      p_i = softmax(W x_i + b)
 */
export class SoftmaxLoss implements Objective {
  readonly start: Float64Array;
  readonly #problem: Problem;
  /** Where it was evaluated last: [N, K] */
  readonly #probabilities: Float64Array;
  /** Of the row at hand: [K] */
  readonly #row: Float64Array;

  /** @param problem in which every class has an example. */
  constructor(problem: Problem) {
    const { features, targets, outputs, weights } = problem;
    this.#problem = problem;
    this.#probabilities = new Float64Array(features.rows * outputs);
    this.#row = new Float64Array(outputs);
    this.start = new Float64Array((features.columns + 1) * outputs);
    const sums = new Float64Array(outputs);
    for (let at = 0; at < targets.length; at++)
      sums[at % outputs]! += targets[at]! * weights[Math.floor(at / outputs)]!;
    this.start.set(sums.map(Math.log), features.columns * outputs);
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

  curve(v: Float64Array, out: Float64Array): void {
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
  }

  diagonal(): Float64Array {
    const { features, outputs, weights } = this.#problem;
    const { rows, columns, starts, indices, values } = features;
    const out = new Float64Array(this.start.length).fill(1);
    for (let i = 0; i < rows; i++)
      for (let k = 0; k < outputs; k++) {
        const p = this.#probabilities[i * outputs + k]!;
        const curvature = weights[i]! * p * (1 - p);
        for (let at = starts[i]!; at < starts[i + 1]!; at++)
          out[indices[at]! * outputs + k]! += curvature * values[at]! * values[at]!;
        out[columns * outputs + k]! += curvature;
      }
    return out;
  }

  /** ½ ‖W‖²; writes its gradient, which is W, and 0 for the biases. */
  #penalty(x: Float64Array, out: Float64Array): number {
    const end = this.#problem.features.columns * this.#problem.outputs;
    out.set(x);
    out.fill(0, end);
    let square = 0;
    for (let at = 0; at < end; at++) square += x[at]! * x[at]!;
    return square / 2;
  }

  /** row = x · (x_i, 1) */
  #product(x: Float64Array, i: number): void {
    const { features, outputs } = this.#problem;
    const { starts, indices, values, columns } = features;
    const [row, end] = [this.#row, starts[i + 1]!];
    for (let k = 0; k < outputs; k++) row[k] = x[columns * outputs + k]!;
    for (let at = starts[i]!; at < end; at++) {
      const [from, value] = [indices[at]! * outputs, values[at]!];
      for (let k = 0; k < outputs; k++) row[k]! += x[from + k]! * value;
    }
  }

  /** out += (x_i, 1) ⊗ row */
  #scatter(out: Float64Array, i: number): void {
    const { features, outputs } = this.#problem;
    const { starts, indices, values, columns } = features;
    const [row, end] = [this.#row, starts[i + 1]!];
    for (let k = 0; k < outputs; k++) out[columns * outputs + k]! += row[k]!;
    for (let at = starts[i]!; at < end; at++) {
      const [to, value] = [indices[at]! * outputs, values[at]!];
      for (let k = 0; k < outputs; k++) out[to + k]! += row[k]! * value;
    }
  }
}

/** Turns logits into probabilities, and gives −ln p of the class that holds. */
function normalise(row: Float64Array, targets: Float64Array, from: number): number {
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
