import { Graph, type Value } from '../graph/graph.ts';
import { add, div, lessEqual, mul, reshape, sqrt, square, sum, where } from '../graph/ops/index.ts';
import type { Optimizer } from './optimizer.ts';

export interface UpdateOptions {
  /** Clip the gradient to this norm. */
  readonly maxGradNorm?: number | undefined;
  /** Whether each value has a learning rate of its own: the step's, times the input {@link RATES}. */
  readonly rates?: boolean;
  /** Whether the gradient is that of a scaled loss: then the input {@link LOSS_SCALE} says by what. */
  readonly scaled?: boolean;
}

/** Name of the input that holds what the loss was multiplied by, []. */
export const LOSS_SCALE = 'lossScale';

/** Name of the input that holds each value's share of the learning rate. */
export const RATES = 'rates';

/**
 * The update graph: takes the loss's scale off the gradient, clips the gradient to a norm and applies the optimiser.
 *
 * Inputs: parameters, gradient, the optimiser's state and, where asked for, rates, each [P]; learningRate and the
 * optimiser's scalars, each [].
 * Outputs: `parameters` and the state after the step, and `gradNorm` before clipping.
 */
export function updateGraph(
  optimizer: Optimizer,
  size: number,
  { maxGradNorm, rates = false, scaled = false }: UpdateOptions = {},
): Graph {
  const graph = new Graph();
  const vector = (name: string) => graph.input(name, 'float32', [size]);
  const scalar = (name: string) => graph.input(name, 'float32', []);
  const gradient = scaled ? div(vector('gradient'), scalar(LOSS_SCALE)) : vector('gradient');
  const norm = graph.scope('norm', () => sqrt(reshape(sum(square(gradient), [0]), [])));
  const clipped = maxGradNorm === undefined ? gradient : graph.scope('clip', () => clip(gradient, norm, maxGradNorm));
  const learningRate = rates ? mul(scalar('learningRate'), vector(RATES)) : scalar('learningRate');
  const next = graph.scope(optimizer.name, () =>
    optimizer.update(vector('parameters'), clipped, {
      learningRate,
      state: Object.fromEntries(optimizer.state.map((name) => [name, vector(name)])),
      scalars: Object.fromEntries(Object.keys(optimizer.scalars(1)).map((name) => [name, scalar(name)])),
    }),
  );
  graph.output('parameters', next.parameters);
  for (const [name, value] of Object.entries(next.state)) graph.output(name, value);
  graph.output('gradNorm', norm);
  return graph;
}

/** g · min(1, c / (‖g‖ + 10⁻⁶)), as torch's clip_grad_norm_. */
function clip(gradient: Value, norm: Value, maximum: number): Value {
  const graph = gradient.graph;
  const factor = div(graph.constant(maximum), add(norm, graph.constant(1e-6)));
  return mul(gradient, where(lessEqual(factor, graph.constant(1)), factor, graph.constant(1)));
}
