import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { internal } from '../core/errors.ts';
import { random } from '../core/random.ts';
import { epochBatches, microBatches } from '../data/batches.ts';
import type { PerSplit } from '../data/example.ts';
import type { Graph } from '../graph/graph.ts';
import { withLora } from '../lora/lora.ts';
import { isTrained } from '../lora/trained.ts';
import { frozenLinear, scalesLoss } from '../nn/linear.ts';
import { type GraphCost, graphCost, graphCosts } from '../onnx/cost.ts';
import type { FlatLayout } from '../optim/flat.ts';
import { updateGraph } from '../optim/update.ts';
import { forwardGraph, SCORING_BUDGET } from '../predict/scorer.ts';
import { gradientGraph } from './graphs.ts';
import type { PrefixDemand } from './prefix/demand.ts';
import { prefixGraph } from './prefix/fill.ts';
import { buildLoss, type TrainerOptions } from './trainer.ts';

/** What a run will compute, as far as its cost depends on it. */
export interface Workload
  extends Pick<
    TrainerOptions,
    | 'spec'
    | 'labels'
    | 'cutpoints'
    | 'task'
    | 'lora'
    | 'optimizer'
    | 'maxGradNorm'
    | 'microBatchTokens'
    | 'precision'
    | 'gradientCheckpointing'
    | 'posWeight'
    | 'focalGamma'
    | 'loraPlusRatio'
  > {
  readonly tensors: Checkpoint['tensors'];
  readonly epochs: number;
  /** Optimiser steps that are behind it: it goes on from there. Default 0. */
  readonly stepsDone?: number;
  /** Examples of one optimiser step. */
  readonly batchSize: number;
  readonly examples: PerSplit<number>;
  /** Tokens of each sequence of an example, for every example or a fair sample of them. */
  readonly lengths: PerSplit<readonly (readonly number[])[]>;
  /** The least `maxLength` under which there is room for text. Default 1. */
  readonly leastLength?: number;
  /** What is cached of the frozen layers, where the run starts above them. */
  readonly prefixDemand?: PrefixDemand;
  /** What can no longer be chosen: rank and modules of an adapter that is trained further, or all of a run that goes on. */
  readonly fixed?: 'adapter' | 'all';
}

/** The graphs of a run, and what they cost. */
export interface WorkloadGraphs {
  readonly gradient: Graph;
  readonly forward: Graph;
  /** The frozen layers whose states are cached. */
  readonly prefix: Graph | undefined;
  readonly layout: FlatLayout;
  readonly costs: {
    gradient(batch: Batch): GraphCost;
    forward(batch: Batch): GraphCost;
    prefix(batch: Batch): GraphCost;
    update(): GraphCost;
  };
}

export function workloadGraphs(work: Workload): WorkloadGraphs {
  const { precision = 'fp32' } = work;
  const scaled = scalesLoss(precision);
  const from = work.prefixDemand?.layer;
  const { graph: gradient, layout } = gradientGraph((g) => buildLoss(g, { ...work, from }), isTrained, { scaled });
  const forward = forwardGraph({ ...work, linear: withLora(frozenLinear[precision], work.lora), from });
  const prefix = from === undefined ? undefined : prefixGraph({ spec: work.spec, layer: from, precision });
  const isFlat = (name: string) => layout.parts.has(name);
  const [ofGradient, ofForward] = [graphCosts(gradient, isFlat), graphCosts(forward, isFlat)];
  const ofPrefix = prefix && graphCosts(prefix, isFlat);
  const { maxGradNorm, loraPlusRatio } = work;
  const costs = {
    gradient: (batch: Batch) => ofGradient({ ...batch }),
    forward: (batch: Batch) => ofForward({ ...batch }),
    prefix: (batch: Batch) => ofPrefix?.({ ...batch }) ?? internal('no layers are cached'),
    update: () =>
      graphCost(
        updateGraph(work.optimizer, layout.size, { maxGradNorm, rates: loraPlusRatio !== undefined, scaled }),
        {},
      ),
  };
  return { gradient, forward, prefix, layout, costs };
}

/** What is computed at once: N tokens of B texts, the longest of T. */
export interface Batch {
  readonly N: number;
  readonly B: number;
  readonly T: number;
}

/** What each graph of a run costs over a batch: the same on every machine. */
export function workloadCost(
  work: Workload,
  batch: Batch,
): Readonly<Record<'gradient' | 'forward' | 'update', GraphCost>> {
  const { costs } = workloadGraphs(work);
  return { gradient: costs.gradient(batch), forward: costs.forward(batch), update: costs.update() };
}

/** Optimiser steps of an epoch. */
export const stepsOf = ({ examples, batchSize }: Workload): number => Math.ceil(examples.train / batchSize);

/** No estimate gets better by looking at more steps. */
const SAMPLED_STEPS = 400;

/** The micro-batches of some optimiser steps, each cut as the trainer does. */
export function sampledSteps({ lengths: { train }, batchSize, microBatchTokens }: Workload): Batch[][] {
  const batches = epochBatches(train.length, batchSize, random(0).fork('estimate'));
  return Array.from({ length: Math.min(SAMPLED_STEPS, batches.length) }, (_, step) =>
    cut(Array.from(batches.at(step), (i) => train[i]!).flat(), microBatchTokens),
  );
}

/** The batches in which a split is scored. */
export const scoringBatches = (lengths: readonly (readonly number[])[]): Batch[] => cut(lengths.flat(), SCORING_BUDGET);

const cut = (lengths: readonly number[], budget: number): Batch[] =>
  microBatches(lengths, budget).map((part) => ({
    N: part.reduce((n, i) => n + lengths[i]!, 0),
    B: part.length,
    T: lengths[part[0]!]!,
  }));

/** The batches that may need most memory: those with most tokens, most texts, and the widest attention. */
export function extremeBatches(batches: readonly Batch[]): Batch[] {
  const most = (by: (batch: Batch) => number): Batch[] =>
    batches.length === 0 ? [] : [batches.reduce((a, b) => (by(b) > by(a) ? b : a))];
  return [...new Set([...most((b) => b.N), ...most((b) => b.B), ...most((b) => b.B * b.T ** 2)])];
}

/** At most `count` of the items, evenly spread. */
export const spread = <T>(items: readonly T[], count: number): T[] =>
  items.length <= count
    ? [...items]
    : Array.from({ length: count }, (_, i) => items[Math.floor((i * items.length) / count)]!);
