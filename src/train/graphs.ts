import { ConfigError } from '../core/errors.ts';
import type { Task } from '../core/task.ts';
import { grad } from '../graph/grad.ts';
import { Graph, type Value } from '../graph/graph.ts';
import { mul } from '../graph/ops/index.ts';
import { verify } from '../graph/verify.ts';
import {
  binaryCrossEntropy,
  crossEntropy,
  focalBinaryCrossEntropy,
  focalCrossEntropy,
  type LossScale,
  squaredError,
} from '../nn/losses.ts';
import { accumulate, type FlatLayout, flatLayout } from '../optim/flat.ts';
import { LOSS_SCALE, type UpdateOptions } from '../optim/update.ts';

export interface LossOptions {
  /** Weight of each label's positives, multi-label only. */
  readonly posWeight?: readonly number[] | undefined;
  /** γ of the focal loss, for labels that hold or not. Default: 0, which is cross entropy. */
  readonly focalGamma?: number | undefined;
}

type Loss = (logits: Value, targets: Value, scale: LossScale & LossOptions) => Value;

/** The loss of each task, as transformers chooses it by `problem_type`; of levels, that of whether each is exceeded. */
const losses: Readonly<Record<Task, Loss>> = {
  single_label_classification: (logits, targets, { focalGamma: gamma = 0, ...options }) =>
    gamma === 0 ? crossEntropy(logits, targets, options) : focalCrossEntropy(logits, targets, { gamma, ...options }),
  multi_label_classification: (logits, targets, { focalGamma: gamma = 0, ...options }) =>
    gamma === 0
      ? binaryCrossEntropy(logits, targets, options)
      : focalBinaryCrossEntropy(logits, targets, { gamma, ...options }),
  regression: squaredError,
  ordinal_regression: binaryCrossEntropy,
};

/** The loss of a classifier's logits [B, K], against the inputs `targets` [B, K], `weights` [B, 1] and `divisor` []. */
export function lossOf(task: Task, logits: Value, { posWeight, focalGamma }: LossOptions = {}): Value {
  const { graph } = logits;
  return graph.scope('loss', () =>
    losses[task](logits, graph.input('targets', 'float32', logits.shape), {
      weights: graph.input('weights', 'float32', [logits.shape[0]!, 1]),
      divisor: graph.input('divisor', 'float32', []),
      posWeight,
      focalGamma,
    }),
  );
}

/** The gradient graph of a training run, and how the trained tensors lie in the flat vectors. */
export interface GradientGraph {
  readonly graph: Graph;
  readonly layout: FlatLayout;
}

/**
 * Forward, backward, and the gradient added to what earlier micro-batches gave.
 *
 * Inputs: the model's, the loss's, `parameters` and `gradient` [P]. Outputs: `loss` [] and `gradient` [P].
 *
 * @param isTrained which of the model's parameters are trained.
 * @param options.scaled whether the gradient is that of the loss times the input `lossScale` [].
 */
export function gradientGraph(
  buildLoss: (graph: Graph) => Value,
  isTrained: (parameter: string) => boolean,
  { scaled = false }: Pick<UpdateOptions, 'scaled'> = {},
): GradientGraph {
  const graph = new Graph();
  const loss = buildLoss(graph);
  const trained = [...graph.parameters].filter(([name]) => isTrained(name)).map(([, value]) => value);
  if (trained.length === 0) throw new ConfigError('none of the model’s parameters is trained');
  const layout = flatLayout(trained);
  graph.output('loss', loss);
  graph.output(
    'gradient',
    accumulate(graph, layout, grad(scaled ? mul(loss, graph.input(LOSS_SCALE, 'float32', [])) : loss, trained)),
  );
  verify(graph);
  return { graph, layout };
}
