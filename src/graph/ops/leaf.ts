import { ShapeError } from '../../core/errors.ts';
import type { Graph, Value } from '../graph.ts';
import type { Op } from '../op.ts';
import { type Dim, type DType, type Shape, volume } from '../shape.ts';
import { copy, leaf } from './costs.ts';

/** A tensor given at every run. */
export const inputOp: Op<{ readonly name: string; readonly dtype: DType; readonly shape: Shape }> = {
  name: 'input',
  infer: (_, { dtype, shape }) => ({ dtype, shape }),
  vjp: () => [],
  onnx: (emit, _, call) => emit.input(call.attrs.name, call),
  cost: leaf,
  interpret: (_, { attrs }, env) => env.feed(attrs.name),
};

/** A weight of the model. Whether it is frozen or trained is decided where the graph is emitted, not here. */
export const parameterOp: Op<{ readonly name: string; readonly shape: readonly number[]; readonly dtype: DType }> = {
  name: 'parameter',
  infer: (_, { dtype, shape }) => ({ dtype, shape }),
  vjp: () => [],
  onnx: (emit, _, call) => emit.parameter(call.attrs.name, call),
  // Where it lies in a flat vector, the emission copies it out: onnx/cost.ts.
  cost: leaf,
  interpret: (_, { attrs }, env) => env.feed(attrs.name),
};

/** A tensor known when the graph is built. */
export const constantOp: Op<{
  readonly data: readonly number[];
  readonly dtype: DType;
  readonly shape: readonly number[];
}> = {
  name: 'constant',
  infer: (_, { data, dtype, shape }) => {
    if (volume(shape).count !== data.length)
      throw new ShapeError(`${data.length} values for shape [${shape.join(', ')}]`);
    return { dtype, shape };
  },
  vjp: () => [],
  onnx: (emit, _, { attrs }) => emit.constant(attrs.dtype, attrs.data, attrs.shape),
  cost: leaf,
  interpret: (_, { attrs }) => ({ shape: attrs.shape, data: Float64Array.from(attrs.data) }),
};

const iotaOp: Op<{ readonly dim: Dim }> = {
  name: 'iota',
  infer: (_, { dim }) => ({ dtype: 'int32', shape: [dim] }),
  vjp: () => [],
  onnx(emit, _, { attrs: { dim } }) {
    const end = typeof dim === 'string' ? emit.dim(dim) : emit.constant('int64', [dim], []);
    const range = emit.node('Range', [emit.constant('int64', [0], []), end, emit.constant('int64', [1], [])]);
    return emit.node('Cast', [range], { to: 6 });
  },
  // The range is made in int64 and narrowed.
  cost: (_, result) => ({ ...copy([], result), nodes: 4, bytes: 5 * result.bytes, scratchBytes: 2 * result.bytes }),
  interpret(_, { attrs: { dim } }, env) {
    const n = typeof dim === 'string' ? env.bind(dim) : dim;
    return { shape: [n], data: Float64Array.from({ length: n }, (_, i) => i) };
  },
};

const filledOp: Op<{ readonly dim: Dim; readonly value: number; readonly dtype: DType }> = {
  name: 'filled',
  infer: (_, { dim, dtype }) => ({ dtype, shape: [dim] }),
  vjp: () => [],
  onnx(emit, _, { attrs: { dim, value, dtype } }) {
    if (typeof dim === 'number') return emit.constant(dtype, new Array(dim).fill(value), [dim]);
    const shape = emit.node('Reshape', [emit.dim(dim), emit.constant('int64', [1], [1])]);
    return emit.node('Expand', [emit.constant(dtype, [value], [1]), shape]);
  },
  cost: (_, result, { dim }) => (typeof dim === 'string' ? { ...copy([], result), nodes: 4 } : leaf()),
  interpret(_, { attrs: { dim, value } }, env) {
    const n = typeof dim === 'string' ? env.bind(dim) : dim;
    return { shape: [n], data: new Float64Array(n).fill(value) };
  },
};

/** A vector of n equal numbers along a dimension of size n. */
export const filled = (graph: Graph, dim: Dim, options: { readonly value: number; readonly dtype: DType }): Value =>
  graph.apply(filledOp, [], { dim, ...options });

/** The integers 0 … n − 1 along a dimension of size n. */
export const iota = (graph: Graph, dim: Dim): Value => graph.apply(iotaOp, [], { dim });

export const leafOps = { input: inputOp, parameter: parameterOp, constant: constantOp, iota: iotaOp, filled: filledOp };
