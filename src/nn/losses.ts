import type { Value } from '../graph/graph.ts';
import {
  add,
  cast,
  div,
  equal,
  iota,
  logSoftmax,
  mul,
  neg,
  reshape,
  softplus,
  square,
  sub,
  sum,
} from '../graph/ops/index.ts';

/**
 * Every loss is a sum over its micro-batch divided by `divisor`, which belongs to the whole optimiser batch:
 * the losses and gradients of micro-batches then add up to the batch's, however it is cut.
 */

/**
 * Cross entropy against target weights.
 *
 *     L = − Σ_i Σ_k q_ik log softmax(z_i)_k / divisor
 *
 * With class weights w and label smoothing ε, as torch defines them: q_ik = (1 − ε) w_{y_i} [k = y_i] + ε w_k / K and
 * divisor = Σ_i w_{y_i}.
 *
 * Shapes: logits z [B, K], targets q [B, K], divisor [] → []
 */
export const crossEntropy = (logits: Value, targets: Value, divisor: Value): Value =>
  neg(div(total(mul(logSoftmax(logits), targets)), divisor));

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
  return crossEntropy(logits, oneHot, divisor);
}

/**
 * Binary cross entropy of each label on its own, from logits.
 *
 *     L = Σ_ik [(1 − y_ik) z_ik + (1 + (p_k − 1) y_ik) log(1 + e^(−z_ik))] / divisor
 *
 * p_k weighs the positives of label k; divisor = B·K for the mean.
 *
 * Shapes: logits z [B, K], targets y [B, K], p of length K, divisor [] → []
 */
export function binaryCrossEntropy(
  logits: Value,
  targets: Value,
  options: { divisor: Value; posWeight?: readonly number[] },
): Value {
  const one = logits.graph.constant(1);
  const extra = logits.graph.constant((options.posWeight ?? [1]).map((p) => p - 1));
  const positive = mul(add(one, mul(targets, extra)), softplus(neg(logits)));
  return div(total(add(mul(sub(one, targets), logits), positive)), options.divisor);
}

/**
 * Squared error, the mean over every value when divisor = B·K.
 *
 *     L = Σ_ik (z_ik − y_ik)² / divisor
 *
 * Shapes: predictions z [B, K], targets y [B, K], divisor [] → []
 */
export const squaredError = (predictions: Value, targets: Value, divisor: Value): Value =>
  total(div(square(sub(predictions, targets)), divisor));

const total = (x: Value): Value =>
  reshape(
    sum(
      x,
      x.shape.map((_, i) => i),
    ),
    [],
  );
