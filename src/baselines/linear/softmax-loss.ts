import type { Problem } from '../problem.ts';
import type { Objective } from './newton.ts';

/**
 * The loss of K classes that exclude each other, as a function of x = (W, b): [K, D + 1], each class's bias last
 *
 *     ½ ‖W‖² − Σ_i c_i ln p_i,y(i)      p_i = softmax(W x_i + b)
 */
export class SoftmaxLoss implements Objective {
  readonly start: Float64Array;
  readonly #problem: Problem;
  /** D + 1: from one class to the next. */
  readonly #stride: number;
  /** Where it was evaluated last: [N, K] */
  readonly #probabilities: Float64Array;
  /** Of the row at hand: [K] */
  readonly #row: Float64Array;

  /** @param problem in which every class has an example. */
  constructor(problem: Problem) {
    const { features, targets, outputs, weights } = problem;
    this.#problem = problem;
    this.#stride = features.columns + 1;
    this.#probabilities = new Float64Array(features.rows * outputs);
    this.#row = new Float64Array(outputs);
    this.start = new Float64Array(outputs * this.#stride);
    const sums = new Float64Array(outputs);
    for (let at = 0; at < targets.length; at++)
      sums[at % outputs]! += targets[at]! * weights[Math.floor(at / outputs)]!;
    for (const [k, sum] of sums.entries()) this.start[(k + 1) * this.#stride - 1] = Math.log(sum);
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
        const [p, from] = [this.#probabilities[i * outputs + k]!, k * this.#stride];
        const curvature = weights[i]! * p * (1 - p);
        for (let at = starts[i]!; at < starts[i + 1]!; at++)
          out[from + indices[at]!]! += curvature * values[at]! * values[at]!;
        out[from + columns]! += curvature;
      }
    return out;
  }

  /** ½ ‖W‖²; writes its gradient, which is W, and 0 for the biases. */
  #penalty(x: Float64Array, out: Float64Array): number {
    const stride = this.#stride;
    let square = 0;
    for (let at = 0; at < x.length; at++) square += x[at]! * x[at]!;
    out.set(x);
    for (let bias = stride - 1; bias < x.length; bias += stride) {
      square -= x[bias]! * x[bias]!;
      out[bias] = 0;
    }
    return square / 2;
  }

  /** row = x · (x_i, 1) */
  #product(x: Float64Array, i: number): void {
    const { starts, indices, values, columns } = this.#problem.features;
    const [row, stride, end] = [this.#row, this.#stride, starts[i + 1]!];
    for (let k = 0; k < row.length; k++) {
      const from = k * stride;
      let sum = x[from + columns]!;
      for (let at = starts[i]!; at < end; at++) sum += x[from + indices[at]!]! * values[at]!;
      row[k] = sum;
    }
  }

  /** out += row ⊗ (x_i, 1) */
  #scatter(out: Float64Array, i: number): void {
    const { starts, indices, values, columns } = this.#problem.features;
    const [row, stride, end] = [this.#row, this.#stride, starts[i + 1]!];
    for (let k = 0; k < row.length; k++) {
      const [from, factor] = [k * stride, row[k]!];
      out[from + columns]! += factor;
      for (let at = starts[i]!; at < end; at++) out[from + indices[at]!]! += factor * values[at]!;
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
