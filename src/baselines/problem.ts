import type { SparseMatrix } from './sparse.ts';

/** What a baseline learns from. */
export interface Problem {
  /** [N, D] */
  readonly features: SparseMatrix;
  /** One-hot, 0/1 or values, row by row: [N, K] */
  readonly targets: Float64Array;
  /** K */
  readonly outputs: number;
  /** What each example counts: [N] */
  readonly weights: Float64Array;
}

/** How a baseline learns. */
export interface FitOptions {
  /** Of classes: whether exactly one holds (one-hot targets). */
  readonly exclusive: boolean;
  /** Whether rare classes count more, as scikit-learn's `class_weight='balanced'`. */
  readonly balanced: boolean;
  /** Whether targets are values, not classes. */
  readonly values: boolean;
  readonly seed: number;
  /** Called between parts of the work; what it throws ends it. */
  readonly onPart?: (() => Promise<void>) | undefined;
}

/** How many examples hold each label: [K] */
export function heldCounts({ targets, outputs }: Pick<Problem, 'targets' | 'outputs'>): number[] {
  const held = new Array<number>(outputs).fill(0);
  for (let at = 0; at < targets.length; at++) if (targets[at] === 1) held[at % outputs]!++;
  return held;
}

/**
 * Weights under which all classes count alike.
 *
 *     c_i · n / (K · n_k)   of the class k that example i holds; for labels by themselves Π_k n / (2 · n_k,y(i,k))
 *
 * @see scikit-learn's `class_weight='balanced'`.
 */
export function balancedWeights(problem: Problem, exclusive: boolean): Float64Array {
  const { features, targets, outputs, weights } = problem;
  const held = heldCounts(problem);
  const states = exclusive ? held.filter((count) => count > 0).length : 2;
  const out = weights.slice();
  for (let at = 0; at < targets.length; at++) {
    const [row, k] = [Math.floor(at / outputs), at % outputs];
    if (targets[at] === 1) out[row]! *= features.rows / (states * held[k]!);
    else if (!exclusive) out[row]! *= features.rows / (states * (features.rows - held[k]!));
  }
  return out;
}
