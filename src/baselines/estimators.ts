import { CheckpointError } from '../core/errors.ts';
import { random } from '../core/random.ts';
import { float32, int32, type Tensor, uint32 } from '../core/tensor.ts';
import { fitForest, forestScores } from './forest/forest.ts';
import type { Tree } from './forest/tree.ts';
import { type LinearModel, margins, oneVersusRest } from './linear/hyperplane.ts';
import { fitLogistic } from './linear/logistic.ts';
import { fitRidge } from './linear/ridge.ts';
import { fitSvm } from './linear/svm.ts';
import type { FitOptions, Problem } from './problem.ts';
import type { SparseMatrix } from './sparse.ts';

/** Something that has learnt. */
export interface Fitted {
  /** Whether the answers are scores already, or logits to make scores of. */
  readonly gives: 'logits' | 'scores';
  /** An answer for each row and output. Shapes: [N, D] → N rows of [K] */
  answer(features: SparseMatrix): number[][];
  /** All that was learnt, by name; {@link Estimator.restore} takes it back. */
  tensors(): ReadonlyMap<string, Tensor>;
}

/** What was saved of a {@link Fitted}, and what it must fit. */
export interface Saved {
  readonly tensors: ReadonlyMap<string, Tensor>;
  readonly outputs: number;
  readonly columns: number;
  /** For messages. */
  readonly where: string;
}

/** A way to learn, and to be saved. */
export interface Estimator {
  /** Whether it tells classes apart, predicts values, or both. */
  readonly does: 'classification' | 'values' | 'both';
  fit(problem: Problem, options: FitOptions): Promise<Fitted>;
  /** @throws CheckpointError if a tensor is missing or has another shape. */
  restore(saved: Saved): Fitted;
}

export const estimators = {
  /** The mean of the targets, whatever the text: the most frequent class, labels that most examples hold, the mean value. */
  majority: {
    does: 'both',
    fit: async (problem) => constant(meanTargets(problem)),
    restore: (saved) => constant(floatsOf(saved, 'mean', [saved.outputs])),
  },
  svm: linear('classification', (problem, options) =>
    oneVersusRest(problem, options, (binary, label) => fitSvm(binary, { random: random(options.seed).fork(label) })),
  ),
  lr: linear('classification', fitLogistic),
  ridge: linear('values', fitRidge),
  rf: {
    does: 'both',
    fit: async (problem, options) => forest(await fitForest(problem, options), problem.outputs),
    restore: (saved) => forest(treesOf(saved), saved.outputs),
  },
} as const satisfies Readonly<Record<string, Estimator>>;

function constant(mean: Float32Array<ArrayBuffer>): Fitted {
  return {
    gives: 'scores',
    answer: ({ rows }) => Array.from({ length: rows }, () => [...mean]),
    tensors: () => new Map([['mean', float32(mean)]]),
  };
}

function meanTargets({ targets, outputs, weights }: Problem): Float32Array<ArrayBuffer> {
  const sums = new Float64Array(outputs);
  for (let at = 0; at < targets.length; at++) sums[at % outputs]! += weights[Math.floor(at / outputs)]! * targets[at]!;
  const total = weights.reduce((a, b) => a + b, 0);
  return Float32Array.from(sums, (sum) => sum / total);
}

function linear(does: Estimator['does'], learn: (problem: Problem, options: FitOptions) => LinearModel): Estimator {
  return {
    does,
    fit: async (problem, options) => planes(learn(problem, options)),
    restore: (saved) =>
      planes({
        weights: floatsOf(saved, 'weights', [saved.outputs, saved.columns]),
        bias: floatsOf(saved, 'bias', [saved.outputs]),
      }),
  };
}

function planes(model: LinearModel): Fitted {
  const { weights, bias } = model;
  const shape = [bias.length, weights.length / bias.length];
  return {
    gives: 'logits',
    answer: (features) => margins(model, features),
    tensors: () =>
      new Map([
        ['weights', float32(weights, shape)],
        ['bias', float32(bias)],
      ]),
  };
}

const forest = (trees: readonly Tree[], outputs: number): Fitted => ({
  gives: 'scores',
  answer: (features) => forestScores(trees, outputs, features),
  tensors: () => tensorsOf(trees, outputs),
});

/** The nodes of all trees one after the other, and how many each has; of n nodes, (n + 1) / 2 are leaves. */
function tensorsOf(trees: readonly Tree[], outputs: number): Map<string, Tensor> {
  const values = joined(
    Float32Array,
    trees.map((tree) => tree.values),
  );
  return new Map([
    ['sizes', uint32(trees.map(({ features }) => features.length))],
    [
      'features',
      int32(
        joined(
          Int32Array,
          trees.map(({ features }) => features),
        ),
      ),
    ],
    [
      'thresholds',
      float32(
        joined(
          Float32Array,
          trees.map(({ thresholds }) => thresholds),
        ),
      ),
    ],
    [
      'next',
      int32(
        joined(
          Int32Array,
          trees.map(({ next }) => next),
        ),
      ),
    ],
    ['values', float32(values, [values.length / outputs, outputs])],
  ]);
}

function treesOf(saved: Saved): Tree[] {
  const sizes = [...tensorOf(saved, 'sizes').data];
  const nodes = sizes.reduce((a, b) => a + b, 0);
  const leaves = (nodes + sizes.length) / 2;
  const features = Int32Array.from(tensorOf(saved, 'features', [nodes]).data);
  const next = Int32Array.from(tensorOf(saved, 'next', [nodes]).data);
  const thresholds = floatsOf(saved, 'thresholds', [nodes]);
  const values = floatsOf(saved, 'values', [leaves, saved.outputs]);
  let [node, leaf] = [0, 0];
  return sizes.map((size) => {
    const [from, first] = [node, leaf];
    node += size;
    leaf += ((size + 1) / 2) * saved.outputs;
    return {
      features: features.subarray(from, node),
      thresholds: thresholds.subarray(from, node),
      next: next.subarray(from, node),
      values: values.subarray(first, leaf),
    };
  });
}

function joined<A extends Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer>>(
  kind: new (length: number) => A,
  parts: readonly A[],
): A {
  const all = new kind(parts.reduce((n, part) => n + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

function floatsOf(saved: Saved, name: string, shape: readonly number[]): Float32Array<ArrayBuffer> {
  const { data } = tensorOf(saved, name, shape);
  if (data instanceof Float32Array) return data;
  throw new CheckpointError(`${saved.where}: ${name} holds no floats`);
}

function tensorOf({ tensors, where }: Saved, name: string, shape?: readonly number[]): Tensor {
  const tensor = tensors.get(name);
  if (!tensor) throw new CheckpointError(`${where}: there is no ${name}; is it another model's?`);
  if (shape && tensor.shape.join() !== shape.join())
    throw new CheckpointError(
      `${where}: ${name} is [${tensor.shape.join(', ')}], the model wants [${shape.join(', ')}]`,
    );
  return tensor;
}
