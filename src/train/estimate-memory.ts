import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { ancestors, type Graph, type Value } from '../graph/graph.ts';
import { int4ProductOp } from '../graph/ops/int4.ts';
import { int8ProductOp } from '../graph/ops/int8.ts';
import { matmulOp } from '../graph/ops/matmul.ts';
import {
  embeddingBytes,
  fitTwice,
  heldBytes,
  type StoredWeight,
  storedWeights,
  wantPrepacking,
} from '../models/weights.ts';
import type { GraphCost } from '../onnx/cost.ts';
import type { FlatLayout } from '../optim/flat.ts';
import {
  type Batch,
  extremeBatches,
  sampledSteps,
  scoringBatches,
  type Workload,
  type WorkloadGraphs,
} from './workload.ts';

/** A share of the memory or disk that a run takes. */
export interface Part {
  readonly name: string;
  readonly bytes: number;
}

/** The most memory a run is expected to hold, when that is, and what it is made of. */
export interface MemoryEstimate {
  readonly bytes: number;
  readonly during: 'caching' | 'opening' | 'training' | 'evaluation';
  readonly parts: readonly Part[];
}

/**
 * What the engine's arena takes for each byte of planned memory: batches of many shapes leave gaps.
 * Measured, docs/log.md.
 */
const ARENA = 1.1;
/** Blocks below the allocator's largest threshold for memory of their own lie in a heap that keeps some of what is freed. */
const HEAP_BLOCK_BYTES = 32 * 2 ** 20;
const HEAP = 1.15;
/** What the engine holds for a node: names, attributes, kernels. */
const NODE_BYTES = 10_000;

/**
 * The memory of a run at its peak.
 *
 * @param processBytes what the process holds already: Node, engine, tokenizer, data.
 */
export function estimateMemory(work: Workload, graphs: WorkloadGraphs, processBytes: number): MemoryEstimate {
  const frozen = frozenParameters(graphs.gradient, graphs.layout);
  const prepack = wantPrepacking(frozen);
  const both = fitTwice(frozen);
  const gradient = sessionBytes(graphs.gradient, work.tensors, { layout: graphs.layout, prepack });
  const forward = sessionBytes(graphs.forward, work.tensors, { layout: graphs.layout, prepack });
  const vectors = vectorBytes(work, graphs);
  const evaluating = [...scoringBatches(work.lengths.validation), ...scoringBatches(work.lengths.test)];
  const activations = peakOf(graphs.costs.gradient, sampledSteps(work).flat());
  const scoring = peakOf(graphs.costs.forward, evaluating);

  const process = { name: 'process, tokenizer and data', bytes: processBytes };
  const table = { name: 'embedding table', bytes: embeddingBytes(work.spec) };
  const always: Part[] = graphs.prefix ? [process] : [process, table];
  const trained = { name: 'trained values and optimiser', bytes: vectors };
  const widening = { name: 'widening of a weight', bytes: wideningBytes(frozen) };
  const phases = [
    ...cachingPhases(work, graphs, [process, table]),
    phase('opening', [...always, { name: 'frozen weights', bytes: gradient }, widening]),
    phase('training', [
      ...always,
      { name: 'frozen weights', bytes: gradient },
      trained,
      { name: 'activations', bytes: activations },
    ]),
    phase('evaluation', [
      ...always,
      { name: 'frozen weights', bytes: both ? gradient + forward : forward },
      trained,
      { name: 'activations', bytes: both ? activations + scoring : scoring },
    ]),
  ];
  return phases.reduce((a, b) => (b.bytes > a.bytes ? b : a));
}

/** While the frozen layers are computed that are cached, nothing else is open. */
function cachingPhases(work: Workload, { prefix, layout, costs }: WorkloadGraphs, always: readonly Part[]) {
  if (!prefix || work.prefixDemand?.missingTokens === 0) return [];
  const frozen = frozenParameters(prefix, layout);
  const weights = sessionBytes(prefix, work.tensors, { layout, prepack: wantPrepacking(frozen) });
  const { train, validation, test } = work.lengths;
  const batches = [train, validation, test].flatMap(scoringBatches);
  const parts = [
    ...always,
    { name: 'frozen weights', bytes: weights },
    { name: 'widening of a weight', bytes: wideningBytes(frozen) },
    { name: 'activations', bytes: peakOf(costs.prefix, batches) },
  ];
  return [phase('caching', parts)];
}

const phase = (during: MemoryEstimate['during'], parts: readonly Part[]): MemoryEstimate => ({
  during,
  parts: parts.filter(({ bytes }) => bytes > 0),
  bytes: parts.reduce((n, { bytes }) => n + bytes, 0),
});

const frozenParameters = (graph: Graph, { parts }: FlatLayout): StoredWeight[] =>
  storedWeights(graph, (name) => parts.has(name));

/**
 * What a session holds between runs: the frozen weights in float32. Where they are repacked, each product that reads one
 * has a copy of its own, and the plain one stays only for other readers.
 */
function sessionBytes(
  graph: Graph,
  tensors: Checkpoint['tensors'],
  { layout, prepack }: { readonly layout: FlatLayout; readonly prepack: boolean },
): number {
  const needed = ancestors(graph.outputs.values());
  const weights = frozenParameters(graph, layout).map((weight) => {
    const { name, dtype } = weight;
    const value = graph.parameters.get(name)!;
    const readers = [...needed].filter((v) => v.inputs.includes(value));
    const products = readers.filter((v) => repackedBy(v).includes(value)).length;
    const copies = prepack ? products + Number(products < readers.length) : 1;
    const bytes = heldBytes(weight);
    const widened = dtype === 'float32' && tensors.get(name)?.dtype !== 'F32';
    return copies * bytes * (bytes < HEAP_BLOCK_BYTES && widened ? HEAP : 1);
  });
  return weights.reduce((a, b) => a + b, 0) + NODE_BYTES * needed.size;
}

/** The operands that the engine repacks for an operation, where they are weights. */
const repackedBy = ({ op, inputs }: Value): readonly (Value | undefined)[] =>
  (repackedOperands.get(op) ?? []).map((i) => inputs[i]);

const repackedOperands = new Map<unknown, readonly number[]>([
  [matmulOp, [1]],
  [int8ProductOp, [2]],
  [int4ProductOp, [1, 2]],
]);

/** The largest weight beside its narrower original while it is widened and repacked. */
const wideningBytes = (frozen: readonly StoredWeight[]): number =>
  1.5 * frozen.reduce((most, weight) => Math.max(most, heldBytes(weight)), 0);

/**
 * The flat vectors: parameters, those before the last step, zeros, the gradient and the optimiser's, the copies on
 * their way to the engine's thread, and what the update computes, among it the next ones.
 */
function vectorBytes({ optimizer, loraPlusRatio }: Workload, { costs, layout }: WorkloadGraphs): number {
  const vector = 4 * layout.size;
  const rates = loraPlusRatio === undefined ? 0 : 2;
  return vector * (4 + 2 * optimizer.state.length + 2 + rates) + ARENA * costs.update().peakBytes;
}

const peakOf = (cost: (batch: Batch) => GraphCost, batches: readonly Batch[]): number =>
  ARENA * Math.max(0, ...extremeBatches(batches).map((batch) => cost(batch).peakBytes));
