import { internal } from '../core/errors.ts';
import { sizeOf } from '../core/tensor.ts';
import { ancestors, type Graph, type Value } from '../graph/graph.ts';
import type { OpCost, Sized } from '../graph/op.ts';
import { copy } from '../graph/ops/costs.ts';
import { parameterOp } from '../graph/ops/leaf.ts';
import { elementBytes, showType, type TensorType } from '../graph/shape.ts';
import { type Fusion, fuse } from './fuse.ts';
import { type MemoryStep, planMemory } from './memory-plan.ts';

/** Nodes, arithmetic operations and bytes moved. */
export interface Work {
  readonly nodes: number;
  readonly flops: number;
  readonly bytes: number;
}

/** What one run of a graph asks of the engine. The same on every machine. */
export interface GraphCost extends Work {
  /** The part in matrix products of floats. */
  readonly products: Work;
  /** The part in matrix products of whole numbers. */
  readonly int8Products: Work;
  /** The part in matrix products in half precision. */
  readonly halfProducts: Work;
  /** Everything else. */
  readonly passes: Work;
  /** The most memory that computed values take at once, as the engine plans it: without inputs and frozen parameters, with outputs. */
  readonly peakBytes: number;
  /** Memory of all outputs. */
  readonly outputBytes: number;
}

/** The size of each symbolic dimension: `{ N: 512, B: 16, T: 48 }`. */
export type Sizes = Readonly<Record<string, number>>;

/** A value as it is emitted: with fusions applied, and what absorbs it gone. */
interface Emitted {
  readonly value: Value;
  readonly inputs: readonly Value[];
  costFor(inputs: readonly Sized[], result: Sized): OpCost;
}

/**
 * Looks at a graph once, with the fusions of its emission, and tells what a run of its outputs costs for any sizes.
 *
 * @param isFlat which parameters lie in a flat vector given at every run, out of which each is copied. Default: none.
 */
export function graphCosts(
  graph: Graph,
  isFlat: (parameter: string) => boolean = () => false,
): (sizes: Sizes) => GraphCost {
  const outputs = [...graph.outputs.values()];
  const emitted = emittedValues(graph, isFlat);
  return (sizes) => {
    const steps = emitted.map(({ value, inputs, costFor }) => {
      const result = sized(value, sizes);
      const given = inputs.map((x) => sized(x, sizes));
      return { value, inputs, bytes: result.bytes, cost: costFor(given, result) };
    });
    const ofKind = (kind: OpCost['kind']) => total(steps.filter(({ cost }) => cost.kind === kind));
    const total = (among: readonly Step[]): Work => ({
      nodes: sum(among, ({ cost }) => cost.nodes),
      flops: sum(among, ({ cost }) => cost.flops),
      bytes: sum(among, ({ cost }) => cost.bytes),
    });
    return {
      ...total(steps),
      products: ofKind('product'),
      int8Products: ofKind('int8 product'),
      halfProducts: ofKind('half product'),
      passes: total(steps.filter(({ cost }) => !cost.kind.endsWith('product'))),
      outputBytes: sum(outputs, (v) => sized(v, sizes).bytes),
      // Many ask for the work, few for the memory, which takes longer to plan.
      get peakBytes() {
        return peakBytes(steps, outputs);
      },
    };
  };
}

/** What one run of a graph costs: {@link graphCosts} for one set of sizes. */
export const graphCost = (graph: Graph, sizes: Sizes, isFlat?: (parameter: string) => boolean): GraphCost =>
  graphCosts(graph, isFlat)(sizes);

interface Step {
  readonly value: Value;
  readonly inputs: readonly Value[];
  readonly cost: OpCost;
  readonly bytes: number;
}

function emittedValues(graph: Graph, isFlat: (parameter: string) => boolean): Emitted[] {
  const outputs = [...graph.outputs.values()];
  const fusions = fuse(graph);
  const inputsOf = (v: Value) => fusions.get(v)?.inputs ?? v.inputs;
  const needed = ancestors(outputs, inputsOf);
  return graph.values
    .filter((v) => needed.has(v))
    .map((value) => ({ value, inputs: inputsOf(value), costFor: costRule(value, fusions.get(value), isFlat) }));
}

function costRule(
  value: Value,
  fusion: Fusion | undefined,
  isFlat: (parameter: string) => boolean,
): Emitted['costFor'] {
  if (isCopiedOut(value, isFlat)) return (_, result) => ({ ...copy([result], result), nodes: 2 });
  return (inputs, result) => fusion?.cost(inputs, result) ?? value.op.cost(inputs, result, value.attrs);
}

/** A trained parameter is cut out of the flat vector and given its shape. */
const isCopiedOut = ({ op, attrs }: Value, isFlat: (parameter: string) => boolean): boolean =>
  (op as unknown) === parameterOp && isFlat((attrs as { readonly name: string }).name);

/** Leaves take no part: what is given lies elsewhere. */
function peakBytes(steps: readonly Step[], outputs: readonly Value[]): number {
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

function sized({ shape, dtype }: TensorType, sizes: Sizes): Sized {
  const bound = shape.map((d) =>
    typeof d === 'number' ? d : (sizes[d] ?? internal(`no size is given for dimension ${d}`)),
  );
  return { shape: bound, bytes: elementBytes[dtype] * sizeOf(bound) };
}

const sum = <T>(items: readonly T[], of: (item: T) => number): number => items.reduce((n, item) => n + of(item), 0);
