import { ShapeError } from '../../core/errors.ts';
import { sizeOf } from '../../core/tensor.ts';
import type { Value } from '../graph.ts';
import type { NdArray, Op } from '../op.ts';
import { axisOf, fixed, type Shape } from '../shape.ts';
import { reduction } from './costs.ts';
import { exp, mul, scale, sub } from './elementwise.ts';
import { expandLike } from './layout.ts';
import { eachIndex, stridesOf } from './nd.ts';

const kept = (shape: Shape, axes: readonly number[]): Shape => shape.map((d, i) => (axes.includes(i) ? 1 : d));

/** Reduced axes stay, with size 1: keeping them makes the gradient a broadcast. */
const sumOp: Op<{ readonly axes: readonly number[] }> = {
  name: 'sum',
  infer: ([x], { axes }) => ({ dtype: 'float32', shape: kept(x!.shape, axes) }),
  vjp: ({ inputs: [x] }, dy) => [() => expandLike(dy, x!)],
  onnx: (emit, [x], { attrs }) =>
    emit.node('ReduceSum', [x!, emit.constant('int64', attrs.axes, [attrs.axes.length])], { keepdims: 1 }),
  cost: reduction(1),
  interpret([x], { attrs }) {
    const shape = x!.shape.map((d, i) => (attrs.axes.includes(i) ? 1 : d));
    const strides = stridesOf(shape).map((s, i) => (attrs.axes.includes(i) ? 0 : s));
    const data = new Float64Array(sizeOf(shape));
    eachIndex(x!.shape, (index, flat) => {
      data[index.reduce((at, i, axis) => at + i * strides[axis]!, 0)]! += x!.data[flat]!;
    });
    return { shape, data };
  },
};

/** Applies `f` to each row along the last axis. */
function rows(x: NdArray, f: (row: Float64Array) => Float64Array): NdArray {
  const width = x.shape.at(-1)!;
  const data = new Float64Array(x.data.length);
  for (let at = 0; at < data.length; at += width) data.set(f(x.data.subarray(at, at + width)), at);
  return { shape: x.shape, data };
}

function logSumExp(row: Float64Array): number {
  const top = row.reduce((a, b) => Math.max(a, b), -Infinity);
  return top + Math.log(row.reduce((s, v) => s + Math.exp(v - top), 0));
}

const lastAxisOp = (name: string, onnx: string, f: (row: Float64Array) => Float64Array, vjp: Op['vjp']): Op => ({
  name,
  infer([x]) {
    if (x!.shape.length === 0) throw new ShapeError('needs at least one axis, got a scalar');
    return x!;
  },
  vjp,
  onnx: (emit, inputs) => emit.node(onnx, inputs, { axis: -1 }),
  // Maximum, difference, exponential, sum, quotient.
  cost: reduction(5),
  interpret: ([x]) => rows(x!, f),
});

const softmaxOp = lastAxisOp(
  'softmax',
  'Softmax',
  (row) => row.map((v) => Math.exp(v - logSumExp(row))),
  (y, dy) => [
    () => {
      const weighted = mul(dy, y);
      return sub(weighted, mul(y, sum(weighted, [-1])));
    },
  ],
);

const logSoftmaxOp = lastAxisOp(
  'logSoftmax',
  'LogSoftmax',
  (row) => row.map((v) => v - logSumExp(row)),
  (y, dy) => [() => sub(dy, mul(exp(y), sum(dy, [-1])))],
);

/** Sum over the given axes, which stay with size 1. */
export function sum(x: Value, axes: readonly number[]): Value {
  const sorted = axes.map((a) => axisOf(a, x.shape.length)).sort((a, b) => a - b);
  return sorted.length === 0 ? x : x.graph.apply(sumOp, [x], { axes: sorted });
}

/** Mean over the last axis, whose size must be known; the axis stays with size 1. */
export const meanLast = (x: Value): Value => scale(sum(x, [-1]), 1 / fixed(x.shape.at(-1), 'the last dimension'));

/** eˣ / Σ eˣ along the last axis. */
export const softmax = (x: Value): Value => x.graph.apply(softmaxOp, [x], {});
/** x − log Σ eˣ along the last axis. */
export const logSoftmax = (x: Value): Value => x.graph.apply(logSoftmaxOp, [x], {});

export const reduceOps = { sum: sumOp as Op, softmax: softmaxOp, logSoftmax: logSoftmaxOp };
