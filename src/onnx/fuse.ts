import { ancestors, type Graph, type Value } from '../graph/graph.ts';
import type { Call, OnnxEmitter, OpCost, Sized } from '../graph/op.ts';
import { copy } from '../graph/ops/costs.ts';
import { elementwiseOps } from '../graph/ops/elementwise.ts';
import { expandOp } from '../graph/ops/layout.ts';
import { constantOp } from '../graph/ops/leaf.ts';
import { matmulOp } from '../graph/ops/matmul.ts';
import { reduceOps } from '../graph/ops/reduce.ts';
import { broadcast, sameShape } from '../graph/shape.ts';

/** How a value is written instead of by its op: with which inputs, and as which nodes. */
export interface Fusion {
  readonly inputs: readonly Value[];
  emit(emit: OnnxEmitter, inputs: readonly string[]): string;
  cost(inputs: readonly Sized[], result: Sized): OpCost;
}

/**
 * Finds cheaper equivalents in terms of the runtime's kernels. What a fusion absorbs is no longer read, and so not emitted.
 *
 * - `x W + c` with nobody else reading the product becomes one Gemm with `c` as its addend.
 * - An elementwise op reads through an expansion: it broadcasts by itself.
 * - A root-mean-square norm is one node where nothing is differentiated: a backward pass reads its inside, and whether a layer is
 *   computed twice must not change the last digit.
 */
export function fuse(graph: Graph): ReadonlyMap<Value, Fusion> {
  const outputs = [...graph.outputs.values()];
  const values = ancestors(outputs);
  const readers = countReaders(values, outputs);
  const fusions = new Map<Value, Fusion>();
  for (const v of values) {
    const fusion =
      gemmWithAddend(v, readers) ?? (graph.isDifferentiated ? undefined : rmsNorm(v, readers)) ?? throughExpansion(v);
    if (fusion) fusions.set(v, fusion);
  }
  return fusions;
}

function countReaders(values: Iterable<Value>, outputs: Iterable<Value>): Map<Value, number> {
  const readers = new Map<Value, number>();
  const count = (v: Value) => readers.set(v, (readers.get(v) ?? 0) + 1);
  for (const v of values) v.inputs.forEach(count);
  for (const v of outputs) count(v);
  return readers;
}

function gemmWithAddend(v: Value, readers: ReadonlyMap<Value, number>): Fusion | undefined {
  if (v.op !== elementwiseOps.add) return undefined;
  const product = [...v.inputs].reverse().find((x) => isGemm(x) && readers.get(x) === 1 && sameShape(x.shape, v.shape));
  if (!product) return undefined;
  const addend = v.inputs[0] === product ? v.inputs[1]! : v.inputs[0]!;
  const call = product as Call<MatmulAttrs>;
  return {
    inputs: [...product.inputs, addend],
    emit: (emit, inputs) => matmulOp.onnx(emit, inputs, call),
    // The addend is copied into the result first.
    cost(inputs, result) {
      const plain = matmulOp.cost(inputs.slice(0, 2), result, call.attrs);
      return { ...plain, flops: plain.flops + result.bytes / 4, bytes: plain.bytes + 2 * result.bytes };
    },
  };
}
type MatmulAttrs = Parameters<typeof matmulOp.infer>[1];

const isGemm = (x: Value): boolean => x.op === matmulOp && x.inputs.every((i) => i.shape.length === 2);

const broadcasting = new Set<unknown>([elementwiseOps.add, elementwiseOps.sub, elementwiseOps.mul, elementwiseOps.div]);

/** w · x · 1 / √(Σx² · 1/C + eps), as nn/norm.ts writes it. */
function rmsNorm(v: Value, readers: ReadonlyMap<Value, number>): Fusion | undefined {
  const { add, mul, reciprocal, sqrt, square } = elementwiseOps;
  const [normed, weight] = v.inputs;
  if (v.op !== mul || !chain(normed, [mul], readers) || weight?.shape.length !== 1) return undefined;
  const [x, inverse] = normed!.inputs as [Value, Value];
  const inside = chain(inverse, [reciprocal, sqrt, add, mul, reduceOps.sum, square], readers);
  if (!inside) return undefined;
  const [, , shifted, mean, total, squares] = inside as [Value, Value, Value, Value, Value, Value];
  const [epsilon, share] = [numberOf(shifted.inputs[1]), numberOf(mean.inputs[1])];
  const ofRows = total.shape.at(-1) === 1 && share === 1 / Number(x.shape.at(-1));
  if (squares.inputs[0] !== x || !ofRows || epsilon === undefined || !sameShape(x.shape, v.shape)) return undefined;
  return {
    inputs: [x, weight],
    emit: (emit, inputs) =>
      emit.node('SimplifiedLayerNormalization', inputs, { axis: -1, epsilon: { float: epsilon } }),
    cost: (inputs, result) => ({ ...copy(inputs, result), flops: result.bytes }),
  };
}

/** The values of ops that are applied one to the other's result, the last first; undefined unless each is read by the next alone. */
function chain(
  last: Value | undefined,
  ops: readonly unknown[],
  readers: ReadonlyMap<Value, number>,
): Value[] | undefined {
  const values: Value[] = [];
  let value = last;
  for (const op of ops) {
    if (!value || (value.op as unknown) !== op || readers.get(value) !== 1) return undefined;
    values.push(value);
    value = value.inputs[0];
  }
  return values;
}

/** A constant with one value. */
function numberOf(value: Value | undefined): number | undefined {
  if ((value?.op as unknown) !== constantOp) return undefined;
  const { data } = (value as Call<{ readonly data: readonly number[] }>).attrs;
  return data.length === 1 ? data[0] : undefined;
}

function throughExpansion(v: Value): Fusion | undefined {
  if (!broadcasting.has(v.op) || !v.inputs.some((x) => x.op === expandOp)) return undefined;
  const sources = v.inputs.map((x) => (x.op === expandOp ? x.inputs[0]! : x));
  if (!sameShape(broadcast(sources[0]!.shape, sources[1]!.shape), v.shape)) return undefined;
  return {
    inputs: sources,
    emit: (emit, inputs) => v.op.onnx(emit, inputs, v as Call),
    cost: (inputs, result) => v.op.cost(inputs, result, v.attrs),
  };
}
