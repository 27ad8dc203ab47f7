import { internal } from '../core/errors.ts';
import { sizeOf } from '../core/tensor.ts';
import { ancestors, type Graph, type Value } from '../graph/graph.ts';
import type { OpCost, Sized } from '../graph/op.ts';
import { copy } from '../graph/ops/costs.ts';
import { parameterOp } from '../graph/ops/leaf.ts';
import { type DType, showType, type TensorType } from '../graph/shape.ts';
import { fuse } from './fuse.ts';
import { type MemoryStep, planMemory } from './memory-plan.ts';

/** Nodes, arithmetic operations and bytes moved. */
export interface Work {
  readonly nodes: number;
  readonly flops: number;
  readonly bytes: number;
}

/** What one run of a graph asks of the engine. The same on every machine. */
export interface GraphCost extends Work {
  /** The part in matrix products. */
  readonly products: Work;
  /** Everything else. */
  readonly passes: Work;
  /** The most memory that computed values take at once, as the engine plans it: without inputs and frozen parameters, with outputs. */
  readonly peakBytes: number;
  /** Memory of all outputs. */
  readonly outputBytes: number;
}

export interface CostOptions {
  /** The size of each symbolic dimension: `{ N: 512, B: 16, T: 48 }`. */
  readonly sizes: Readonly<Record<string, number>>;
  /** Parameters that lie in a flat vector given at every run, out of which each is copied. Default: none. */
  readonly isFlat?: (parameter: string) => boolean;
}

/** A value as it is emitted: with fusions applied, and what absorbs it gone. */
interface Emitted {
  readonly value: Value;
  readonly inputs: readonly Value[];
  readonly cost: OpCost;
  readonly bytes: number;
}

/** Counts what one run of a graph's outputs costs, with the fusions of its emission. */
export function graphCost(graph: Graph, options: CostOptions): GraphCost {
  const steps = emittedSteps(graph, options);
  const total = (among: readonly Emitted[]): Work => ({
    nodes: sum(among, ({ cost }) => cost.nodes),
    flops: sum(among, ({ cost }) => cost.flops),
    bytes: sum(among, ({ cost }) => cost.bytes),
  });
  const outputs = [...graph.outputs.values()];
  return {
    ...total(steps),
    products: total(steps.filter(({ cost }) => cost.kind === 'product')),
    passes: total(steps.filter(({ cost }) => cost.kind !== 'product')),
    peakBytes: peakBytes(steps, outputs),
    outputBytes: sum(outputs, (v) => sized(v, options).bytes),
  };
}

function emittedSteps(graph: Graph, options: CostOptions): Emitted[] {
  const outputs = [...graph.outputs.values()];
  const fusions = fuse(ancestors(outputs), outputs);
  const inputsOf = (v: Value) => fusions.get(v)?.inputs ?? v.inputs;
  const needed = ancestors(outputs, inputsOf);
  return graph.values
    .filter((v) => needed.has(v))
    .map((value) => {
      const inputs = inputsOf(value);
      const result = sized(value, options);
      const sizes = inputs.map((x) => sized(x, options));
      const cost = isCopiedOut(value, options)
        ? { ...copy([result], result), nodes: 2 }
        : (fusions.get(value)?.cost(sizes, result) ?? value.op.cost(sizes, result, value.attrs));
      return { value, inputs, cost, bytes: result.bytes };
    });
}

/** A trained parameter is cut out of the flat vector and given its shape. */
const isCopiedOut = ({ op, attrs }: Value, { isFlat }: CostOptions): boolean =>
  (op as unknown) === parameterOp && (isFlat?.((attrs as { readonly name: string }).name) ?? false);

/** Leaves take no part: what is given lies elsewhere. */
function peakBytes(steps: readonly Emitted[], outputs: readonly Value[]): number {
  const computed = steps.flatMap(({ value, inputs, cost, bytes }): MemoryStep[] =>
    cost.kind === 'leaf'
      ? []
      : [
          {
            id: value.id,
            reads: inputs.map((x) => x.id),
            bytes,
            sizeClass: showType(value),
            kind: cost.kind,
            scratchBytes: cost.scratchBytes,
          },
        ],
  );
  return planMemory(
    computed,
    outputs.map((v) => v.id),
  ).peakBytes;
}

const elementBytes: Readonly<Record<DType, number>> = { float32: 4, int32: 4, uint32: 4, bool: 1 };

function sized({ shape, dtype }: TensorType, { sizes }: CostOptions): Sized {
  const bound = shape.map((d) =>
    typeof d === 'number' ? d : (sizes[d] ?? internal(`no size is given for dimension ${d}`)),
  );
  return { shape: bound, bytes: elementBytes[dtype] * sizeOf(bound) };
}

const sum = <T>(items: readonly T[], of: (item: T) => number): number => items.reduce((n, item) => n + of(item), 0);
