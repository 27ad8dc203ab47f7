/** What is measured of a shape: the jobs, the same for every system. */
import { random } from '../../src/core/random.ts';
import { epochBatches, microBatches } from '../../src/data/batches.ts';
import type { LoraOptions } from '../../src/lora/options.ts';
import { isTrained } from '../../src/lora/trained.ts';
import { graphCosts } from '../../src/onnx/cost.ts';
import { schedule } from '../../src/optim/schedule.ts';
import { gradientGraph } from '../../src/train/graphs.ts';
import { buildLoss } from '../../src/train/trainer.ts';
import type { ClassifyJob, Row, Step, TrainJob } from './job.ts';
import type { Shape } from './shapes.ts';
import { type Texts, textOfLength } from './texts.ts';

export const batchSize = 16;
/** Tokens of each row where all rows are as long, and of the text that is classified alone. */
export const fixedLength = 32;
export const singleLength = 20;
/** Passes over the texts where only the top layers are trained. */
export const topEpochs = 5;

export const lora = {
  rank: 16,
  alpha: 32,
  dropout: 0,
  targetModules: 'all-linear',
  rslora: false,
  dora: false,
} as const satisfies LoraOptions;

export interface PlanOptions {
  readonly texts: Texts;
  readonly microBatchTokens: number;
  /** Steps of the run whose learning is watched, how often, on at most how many validation and test texts, and its peak rate. */
  readonly learning: { readonly steps: number; readonly every: number; readonly texts: number; readonly rate: number };
}

/** A measurement's job; `round` counts from 0 and is the seed where a seed matters. */
interface Jobs {
  fixed(shape: Shape, options: PlanOptions): TrainJob;
  real(shape: Shape, options: PlanOptions): TrainJob;
  top(shape: Shape, options: PlanOptions): TrainJob;
  f1(shape: Shape, options: PlanOptions, round: number): TrainJob;
  inference(shape: Shape, options: PlanOptions & { readonly adapter: string }): ClassifyJob;
}
export type Measurement = keyof Jobs;

export const jobs: Jobs = {
  /** Rows of random ids, all as long. */
  fixed(shape, options) {
    const { labels } = options.texts;
    const rng = random(0).fork('fixed');
    const rows = Array.from({ length: (shape.warmUp + shape.steps) * batchSize }, (_, i) => ({
      ids: Array.from({ length: fixedLength }, () => rng.integer(shape.spec.config.vocab_size)),
      target: labels.map((_, k) => Number(k === i % labels.length)),
    }));
    return trainJob(shape, options, { rows, steps: steadySteps(rows.length), warmUp: shape.warmUp });
  },
  /** Real texts in random order, twice: every batch has another size, and the first time its memory is new. */
  real(shape, options) {
    const rows = plain(options.texts.splits.train.slice(0, shape.steps * batchSize));
    const steps = steadySteps(rows.length);
    return trainJob(shape, options, { rows, steps: [...steps, ...steps], warmUp: steps.length });
  },
  /** Real texts, over and over, with adapters on the top quarter of the layers; all of it counts. */
  top(shape, options) {
    const rows = plain(options.texts.splits.train.slice(0, Math.max(4, shape.steps) * batchSize));
    const steps = Array.from({ length: topEpochs }, () => steadySteps(rows.length)).flat();
    const count = shape.spec.config.num_hidden_layers;
    const first = count - Math.ceil(count / 4);
    const layers = Array.from({ length: count - first }, (_, i) => first + i);
    return { ...trainJob(shape, options, { rows, steps, warmUp: 0 }), layers };
  },
  /** A whole run: warm-up and a linear schedule, validation scores on the way, test scores at its end. */
  f1(shape, options, round) {
    const { texts, learning } = options;
    const rows = plain(texts.splits.train);
    const rate = schedule('linear', { total: learning.steps, warmup: Math.ceil(0.06 * learning.steps) });
    const steps: Step[] = [];
    for (let epoch = 0; steps.length < learning.steps; epoch++) {
      const batches = epochBatches(rows.length, batchSize, random(round).fork('order').fork(epoch));
      for (let i = 0; i < batches.length && steps.length < learning.steps; i++)
        steps.push({ rows: [...batches.at(i)], learningRate: learning.rate * rate(steps.length) });
    }
    const { validation, test } = watched(texts, learning.texts);
    const watch = { every: learning.every, validation: validation.map((r) => r.ids), test: test.map((r) => r.ids) };
    return { ...trainJob(shape, options, { rows, steps, warmUp: 0 }), seed: round, watch };
  },
  inference({ base, texts: count, repeats }, { texts, adapter }) {
    const { labels, maxLength, splits } = texts;
    return {
      kind: 'classify',
      base,
      adapter,
      labels: labels.length,
      maxLength,
      single: textOfLength(splits.test, singleLength).text,
      repeats,
      texts: splits.test.slice(0, count).map(({ text }) => text),
      passes: 4,
    };
  },
};

/** The texts by which learning is judged. */
export const watched = ({ splits }: Texts, count: number) => ({
  validation: splits.validation.slice(0, count),
  test: splits.test.slice(0, count),
});

function trainJob(
  { base }: Shape,
  { texts: { task, labels }, microBatchTokens }: PlanOptions,
  work: Pick<TrainJob, 'rows' | 'steps' | 'warmUp'>,
): TrainJob {
  const { rank, alpha } = lora;
  return {
    kind: 'train',
    base,
    task,
    labels: labels.length,
    rank,
    alpha,
    maxGradNorm: 1,
    microBatchTokens,
    seed: 0,
    ...work,
  };
}

const plain = (rows: readonly Row[]): Row[] => rows.map(({ ids, target }) => ({ ids, target }));

/** Rows one after the other, at a constant rate. */
const steadySteps = (rows: number): Step[] =>
  Array.from({ length: Math.floor(rows / batchSize) }, (_, step) => ({
    rows: Array.from({ length: batchSize }, (_, i) => step * batchSize + i),
    learningRate: 2e-4,
  }));

/** Real tokens of each step. */
export const tokensOf = ({ rows, steps }: TrainJob): number[] =>
  steps.map((step) => step.rows.reduce((n, row) => n + rows[row]!.ids.length, 0));

/** Arithmetic of the matrix products that our fp32 gradient graph needs for each step: the work that a step is. */
export function productFlopsOf({ rows, steps, microBatchTokens, task, labels }: TrainJob, { spec }: Shape): number[] {
  const { graph, layout } = gradientGraph((g) => buildLoss(g, { task, lora, spec, labels }), isTrained);
  const costs = graphCosts(graph, (name) => layout.parts.has(name));
  return steps.map((step) => {
    const lengths = step.rows.map((row) => rows[row]!.ids.length);
    return microBatches(lengths, microBatchTokens).reduce((flops, part) => {
      const N = part.reduce((n, i) => n + lengths[i]!, 0);
      return flops + costs({ N, B: part.length, T: lengths[part[0]!]! }).products.flops;
    }, 0);
  });
}
