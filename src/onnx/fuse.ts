import type { Value } from '../graph/graph.ts';
import type { Call, OnnxEmitter, OpCost, Sized } from '../graph/op.ts';
import { elementwiseOps } from '../graph/ops/elementwise.ts';
import { expandOp } from '../graph/ops/layout.ts';
import { matmulOp } from '../graph/ops/matmul.ts';
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
 */
export function fuse(values: ReadonlySet<Value>, outputs: Iterable<Value>): ReadonlyMap<Value, Fusion> {
  const readers = countReaders(values, outputs);
  const fusions = new Map<Value, Fusion>();
  for (const v of values) {
    const fusion = gemmWithAddend(v, readers) ?? throughExpansion(v);
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
