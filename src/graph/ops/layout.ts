import { ShapeError } from '../../core/errors.ts';
import type { Value } from '../graph.ts';
import type { NdArray, Op } from '../op.ts';
import { axisOf, broadcast, type Dim, fixed, type Shape, sameShape, showShape, volume } from '../shape.ts';
import { copy, view } from './costs.ts';
import { neg } from './elementwise.ts';
import { broadcastAt, stridesOf, tabulate } from './nd.ts';

const bindShape = (shape: Shape, bind: (symbol: string) => number): number[] =>
  shape.map((d) => (typeof d === 'string' ? bind(d) : d));

const reshapeOp: Op<{ readonly shape: Shape }> = {
  name: 'reshape',
  infer([x], { shape }) {
    const [from, to] = [volume(x!.shape), volume(shape)];
    if (from.count !== to.count || from.symbols !== to.symbols) {
      throw new ShapeError(`${showShape(x!.shape)} and ${showShape(shape)} hold different numbers of elements`);
    }
    return { dtype: x!.dtype, shape };
  },
  vjp: ({ inputs: [x] }, dy) => [() => reshape(dy, x!.shape)],
  // ONNX: 0 keeps the input's dimension at that place, one -1 is worked out.
  onnx(emit, [x], { attrs: { shape }, inputs }) {
    const from = inputs[0]!.shape;
    const target = shape.map((d, i) => (typeof d === 'number' ? d : d === from[i] ? 0 : -1));
    if (target.filter((d) => d === -1).length > 1)
      throw new ShapeError(`cannot emit reshape ${showShape(from)} → ${showShape(shape)}: two symbols move`);
    return emit.node('Reshape', [x!, emit.constant('int64', target, [target.length])]);
  },
  cost: view,
  interpret: ([x], { attrs }, env) => ({ shape: bindShape(attrs.shape, env.bind), data: x!.data }),
};

const transposeOp: Op<{ readonly perm: readonly number[] }> = {
  name: 'transpose',
  infer([x], { perm }) {
    const sorted = [...perm].sort((a, b) => a - b);
    if (perm.length !== x!.shape.length || sorted.some((p, i) => p !== i)) {
      throw new ShapeError(`[${perm.join(', ')}] is no order of the axes of ${showShape(x!.shape)}`);
    }
    return { dtype: x!.dtype, shape: perm.map((p) => x!.shape[p]!) };
  },
  vjp: ({ attrs: { perm } }, dy) => [
    () =>
      transpose(
        dy,
        perm.map((_, i) => perm.indexOf(i)),
      ),
  ],
  onnx: (emit, inputs, { attrs }) => emit.node('Transpose', inputs, { perm: attrs.perm }),
  cost: copy,
  interpret([x], { attrs: { perm } }) {
    const strides = stridesOf(x!.shape);
    return tabulate(
      perm.map((p) => x!.shape[p]!),
      (index) => x!.data[index.reduce((at, v, i) => at + v * strides[perm[i]!]!, 0)]!,
    );
  },
};

/** The second input gives only its shape. Elementwise ops read through an expansion: see onnx/fuse.ts. */
export const expandOp: Op = {
  name: 'expand',
  infer([x, like]) {
    if (!sameShape(broadcast(x!.shape, like!.shape), like!.shape))
      throw new ShapeError(`${showShape(x!.shape)} does not stretch to ${showShape(like!.shape)}`);
    return { dtype: x!.dtype, shape: like!.shape };
  },
  vjp: (_, dy) => [() => dy, null],
  onnx: (emit, [x, like]) => emit.node('Expand', [x!, emit.node('Shape', [like!])]),
  cost: ([x], result) => ({ ...copy([x!], result), nodes: 2 }),
  interpret([x, like]) {
    const read = broadcastAt(x!);
    return tabulate(like!.shape, read);
  },
};

const concatOp: Op<{ readonly axis: number }> = {
  name: 'concat',
  infer(inputs, { axis }) {
    const first = inputs[0]!;
    for (const x of inputs) {
      if (
        x.dtype !== first.dtype ||
        x.shape.length !== first.shape.length ||
        x.shape.some((d, i) => i !== axis && d !== first.shape[i])
      ) {
        throw new ShapeError(`${showShape(first.shape)} and ${showShape(x.shape)} differ beside axis ${axis}`);
      }
    }
    const total = inputs.reduce((n, x) => n + fixed(x.shape[axis], 'a concatenated dimension'), 0);
    return { dtype: first.dtype, shape: first.shape.map((d, i) => (i === axis ? total : d)) };
  },
  vjp({ inputs, attrs: { axis } }, dy) {
    let at = 0;
    return inputs.map((x) => {
      const start = at;
      at += fixed(x.shape[axis], 'a concatenated dimension');
      const end = at;
      return () => slice(dy, { axis, start, end });
    });
  },
  onnx: (emit, inputs, { attrs }) => emit.node('Concat', inputs, { axis: attrs.axis }),
  cost: copy,
  interpret(inputs, { attrs: { axis } }) {
    const owner = inputs.flatMap((x) =>
      Array.from({ length: x.shape[axis]! }, (_, i) => ({ x, i, strides: stridesOf(x.shape) })),
    );
    const shape = inputs[0]!.shape.map((d, i) => (i === axis ? owner.length : d));
    return tabulate(shape, (index) => {
      const { x, i, strides } = owner[index[axis]!]!;
      return x.data[index.reduce((at, v, k) => at + (k === axis ? i : v) * strides[k]!, 0)]!;
    });
  },
};

export interface SliceOptions {
  readonly axis: number;
  readonly start: number;
  readonly end: number;
}

const shifted = (x: NdArray, shape: readonly number[], axis: number, by: number): NdArray => {
  const strides = stridesOf(x.shape);
  return tabulate(shape, (index) => {
    const i = index[axis]! + by;
    return i < 0 || i >= x.shape[axis]!
      ? 0
      : x.data[index.reduce((at, v, k) => at + (k === axis ? i : v) * strides[k]!, 0)]!;
  });
};
const withDim = <D extends Dim>(shape: readonly D[], axis: number, dim: D): D[] =>
  shape.map((d, i) => (i === axis ? dim : d));

const sliceOp: Op<SliceOptions> = {
  name: 'slice',
  infer([x], { axis, start, end }) {
    const size = fixed(x!.shape[axis], 'a sliced dimension');
    if (!(0 <= start && start < end && end <= size)) throw new ShapeError(`${start}…${end} is not within 0…${size}`);
    return { dtype: x!.dtype, shape: withDim(x!.shape, axis, end - start) };
  },
  vjp({ inputs: [x], attrs: { axis, start, end } }, dy) {
    return [() => pad(dy, { axis, before: start, after: fixed(x!.shape[axis], 'a sliced dimension') - end })];
  },
  onnx(emit, [x], { attrs: { axis, start, end } }) {
    const one = (v: number) => emit.constant('int64', [v], [1]);
    return emit.node('Slice', [x!, one(start), one(end), one(axis)]);
  },
  cost: (_, result) => copy([result], result),
  interpret: ([x], { attrs: { axis, start, end } }) => shifted(x!, withDim(x!.shape, axis, end - start), axis, start),
};

export interface PadOptions {
  readonly axis: number;
  readonly before: number;
  readonly after: number;
}

const padOp: Op<PadOptions> = {
  name: 'pad',
  infer: ([x], { axis, before, after }) => ({
    dtype: x!.dtype,
    shape: withDim(x!.shape, axis, fixed(x!.shape[axis], 'a padded dimension') + before + after),
  }),
  vjp: ({ inputs: [x], attrs: { axis, before } }, dy) => [
    () => slice(dy, { axis, start: before, end: before + fixed(x!.shape[axis], 'a padded dimension') }),
  ],
  onnx(emit, [x], { inputs, attrs: { axis, before, after } }) {
    const rank = inputs[0]!.shape.length;
    const pads = Array.from({ length: 2 * rank }, (_, i) => (i === axis ? before : i === axis + rank ? after : 0));
    return emit.node('Pad', [x!, emit.constant('int64', pads, [2 * rank])]);
  },
  cost: copy,
  interpret: ([x], { attrs: { axis, before, after } }) =>
    shifted(x!, withDim(x!.shape, axis, x!.shape[axis]! + before + after), axis, -before),
};

const rotateHalfOp: Op = {
  name: 'rotateHalf',
  infer([x]) {
    if (fixed(x!.shape.at(-1), 'the last dimension') % 2 !== 0)
      throw new ShapeError(`the last dimension must be even, got ${showShape(x!.shape)}`);
    return x!;
  },
  vjp: (_, dy) => [() => neg(rotateHalf(dy))],
  onnx(emit, [x], { shape }) {
    const width = fixed(shape.at(-1), 'the last dimension');
    const part = (start: number, end: number) =>
      emit.node('Slice', [x!, ...[start, end, shape.length - 1].map((v) => emit.constant('int64', [v], [1]))]);
    return emit.node('Concat', [emit.node('Neg', [part(width / 2, width)]), part(0, width / 2)], { axis: -1 });
  },
  // Two halves are cut out, one is negated, both are joined.
  cost: (_, result) => ({
    kind: 'pass',
    nodes: 4,
    flops: result.bytes / 8,
    bytes: 5 * result.bytes,
    scratchBytes: result.bytes,
  }),
  interpret([x]) {
    const [width, half] = [x!.shape.at(-1)!, x!.shape.at(-1)! / 2];
    return {
      shape: x!.shape,
      data: x!.data.map((_, at) => (at % width < half ? -x!.data[at + half]! : x!.data[at - half]!)),
    };
  },
};

/** The same elements in another shape. A symbolic dimension that changes its place can be one only. */
export const reshape = (x: Value, shape: Shape): Value =>
  sameShape(x.shape, shape) ? x : x.graph.apply(reshapeOp, [x], { shape });
/** Axes in another order: axis i of the result is axis perm[i] of x. */
export const transpose = (x: Value, perm: readonly number[]): Value => x.graph.apply(transposeOp, [x], { perm });
/** x stretched by broadcasting to the shape of `like`. */
export const expandLike = (x: Value, like: Value): Value =>
  sameShape(x.shape, like.shape) ? x : x.graph.apply(expandOp, [x, like], {});
/** Values joined along an axis of known sizes. */
export const concat = (values: readonly Value[], axis: number): Value =>
  values.length === 1
    ? values[0]!
    : values[0]!.graph.apply(concatOp, values, { axis: axisOf(axis, values[0]!.shape.length) });
/** The part start … end − 1 of an axis. */
export const slice = (x: Value, { axis, start, end }: SliceOptions): Value =>
  x.graph.apply(sliceOp, [x], { axis: axisOf(axis, x.shape.length), start, end });
/** Zeros before and after along an axis. */
export const pad = (x: Value, { axis, before, after }: PadOptions): Value =>
  x.graph.apply(padOp, [x], { axis: axisOf(axis, x.shape.length), before, after });
/** [x₁, x₂] → [−x₂, x₁] over halves of the last axis: the quarter turn in rotary embeddings. */
export const rotateHalf = (x: Value): Value => x.graph.apply(rotateHalfOp, [x], {});

export const layoutOps = {
  reshape: reshapeOp as Op,
  transpose: transposeOp as Op,
  expand: expandOp,
  concat: concatOp as Op,
  slice: sliceOp as Op,
  pad: padOp as Op,
  rotateHalf: rotateHalfOp,
};
