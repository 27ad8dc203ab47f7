import type { Value } from '../graph/graph.ts';
import {
  add,
  cast,
  div,
  equal,
  exp,
  iota,
  log,
  logSoftmax,
  mul,
  neg,
  reshape,
  scale,
  softplus,
  square,
  sub,
  sum,
} from '../graph/ops/index.ts';

/**
 * Every loss is a weighted sum over its micro-batch divided by `divisor`, which belongs to the whole optimiser batch:
 * the losses and gradients of micro-batches then add up to the batch's, however it is cut.
 */
export interface LossScale {
  /** How much each row counts. [B, 1] */
  readonly weights: Value;
  /** [] */
  readonly divisor: Value;
}

/**
 * Cross entropy against target weights.
 *
 *     L = − Σ_i a_i Σ_k q_ik log softmax(z_i)_k / divisor
 *
 * With class weights w and label smoothing ε, as torch defines them: q_ik = (1 − ε) w_{y_i} [k = y_i] + ε w_k / K and
 * divisor = Σ_i a_i w_{y_i}.
 *
 * Shapes: logits z [B, K], targets q [B, K], weights a [B, 1], divisor [] → []
 */
export const crossEntropy = (logits: Value, targets: Value, { weights, divisor }: LossScale): Value =>
  neg(div(total(mul(mul(logSoftmax(logits), targets), weights)), divisor));

/**
 * Cross entropy of next tokens; a target of −1 is left out.
 *
 *     L = − Σ_n log softmax(z_n)_{y_n} / divisor,   n with y_n ≥ 0
 *
 * Shapes: logits z [N, V], targets y int32 [N], divisor [] → []
 */
export function nextTokenLoss(logits: Value, targets: Value, divisor: Value): Value {
  const vocabulary = iota(logits.graph, logits.shape[1]!);
  const oneHot = cast(equal(reshape(targets, [targets.shape[0]!, 1]), vocabulary), 'float32'); // [N, V]
  return crossEntropy(logits, oneHot, { weights: logits.graph.constant(1), divisor });
}

/** How much the positives of each label count: one number for all, or one each. */
interface PosWeight {
  readonly posWeight?: readonly number[] | undefined;
}

/**
 * Binary cross entropy of each label on its own, from logits.
 *
 *     L = Σ_ik a_i [(1 − y_ik) z_ik + (1 + (p_k − 1) y_ik) log(1 + e^(−z_ik))] / divisor
 *
 * p_k weighs the positives of label k; divisor = K Σ_i a_i for the mean.
 *
 * Shapes: logits z [B, K], targets y [B, K], weights a [B, 1], p of length K, divisor [] → []
 */
export function binaryCrossEntropy(
  logits: Value,
  targets: Value,
  { weights, divisor, posWeight = [1] }: LossScale & PosWeight,
): Value {
  const one = logits.graph.constant(1);
  const extra = logits.graph.constant(posWeight.map((p) => p - 1));
  const positive = mul(add(one, mul(targets, extra)), softplus(neg(logits)));
  return div(total(mul(add(mul(sub(one, targets), logits), positive), weights)), divisor);
}

/**
 * Focal loss: cross entropy in which examples count less the more certain they are already.
 *
 *     L = − Σ_i a_i Σ_k q_ik (1 − p_ik)^γ log p_ik / divisor,   p = softmax(z)
 *
 * Shapes: logits z [B, K], targets q [B, K] as in {@link crossEntropy}, weights a [B, 1], divisor [] → []
 *
 * @see Lin, Goyal, Girshick, He & Dollár 2017, Focal Loss for Dense Object Detection, ICCV, arXiv:1708.02002
 */
export function focalCrossEntropy(
  logits: Value,
  targets: Value,
  { weights, divisor, gamma }: LossScale & { readonly gamma: number },
): Value {
  const { graph } = logits;
  const logProbability = logSoftmax(logits);
  const rest = sub(graph.constant(1 + leastRest), exp(logProbability));
  const terms = mul(mul(power(log(rest), gamma), logProbability), targets);
  return neg(div(total(mul(terms, weights)), divisor));
}

/** Keeps log(1 − p), and its gradient, finite where p rounds to 1. */
const leastRest = 1e-6;

/** e^(c · x): a number to the power of c, from its logarithm. */
const power = (logarithm: Value, exponent: number): Value => exp(scale(logarithm, exponent));

/**
 * Focal loss of each label on its own, from logits.
 *
 *     L = Σ_ik a_i [p_k y_ik (1 − s_ik)^γ log(1 + e^(−z_ik)) + (1 − y_ik) s_ik^γ log(1 + e^(z_ik))] / divisor,   s = σ(z)
 *
 * Shapes: as {@link binaryCrossEntropy}
 *
 * @see Lin et al. 2017, arXiv:1708.02002
 */
export function focalBinaryCrossEntropy(
  logits: Value,
  targets: Value,
  { weights, divisor, gamma, posWeight = [1] }: LossScale & { readonly gamma: number } & PosWeight,
): Value {
  const { graph } = logits;
  const [positive, negative] = [softplus(neg(logits)), softplus(logits)]; // −log s, −log(1 − s)
  const held = mul(mul(targets, graph.constant([...posWeight])), mul(power(negative, -gamma), positive));
  const others = mul(sub(graph.constant(1), targets), mul(power(positive, -gamma), negative));
  return div(total(mul(add(held, others), weights)), divisor);
}

/**
 * Squared error, the mean over every value when divisor = K Σ_i a_i.
 *
 *     L = Σ_ik a_i (z_ik − y_ik)² / divisor
 *
 * Shapes: predictions z [B, K], targets y [B, K], weights a [B, 1], divisor [] → []
 */
export const squaredError = (predictions: Value, targets: Value, { weights, divisor }: LossScale): Value =>
  total(mul(div(square(sub(predictions, targets)), divisor), weights));

const total = (x: Value): Value =>
  reshape(
    sum(
      x,
      x.shape.map((_, i) => i),
    ),
    [],
  );
