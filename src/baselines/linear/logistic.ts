import { balancedWeights, type FitOptions, heldCounts, type Problem } from '../problem.ts';
import {
  type BinaryProblem,
  emptyModel,
  type Hyperplane,
  type LinearModel,
  oneVersusRest,
  putPlane,
} from './hyperplane.ts';
import { minimize } from './newton.ts';
import { SigmoidLoss } from './sigmoid-loss.ts';
import { SoftmaxLoss } from './softmax-loss.ts';

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

function fitSigmoid(problem: BinaryProblem, tolerance: number): Hyperplane {
  const { columns } = problem.features;
  const found = minimize(new SigmoidLoss(problem), tolerance * sum(problem.costs));
  return { weights: found.subarray(0, columns), bias: found[columns]! };
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
  const objective = new SoftmaxLoss({ features, targets, outputs: present.length, weights });
  const found = minimize(objective, tolerance * sum(weights));
  const model = emptyModel(features.columns, held, features.rows);
  const stride = features.columns + 1;
  const planes = present.map((_, at) => found.subarray(at * stride, (at + 1) * stride));
  const shift = planes.reduce((total, plane) => total + plane.at(-1)!, 0) / planes.length; // the same for all changes nothing
  for (const [at, k] of present.entries())
    putPlane(model, k, { weights: planes[at]!.subarray(0, -1), bias: planes[at]!.at(-1)! - shift });
  return model;
}

const sum = (values: Float64Array): number => values.reduce((a, b) => a + b, 0);
