import { ShapeError } from '../../core/errors.ts';
import { sizeOf } from '../../core/tensor.ts';
import type { Value } from '../graph.ts';
import type { NdArray, Op } from '../op.ts';
import { fixed, showShape, showType, type TensorType } from '../shape.ts';
import { lookUp } from './costs.ts';

function expectIndices(type: TensorType, rank: number): void {
  if (type.dtype !== 'int32' || type.shape.length !== rank)
    throw new ShapeError(`wants int32 indices of rank ${rank}, got ${showType(type)}`);
}
function expectMatrix(type: TensorType): void {
  if (type.shape.length !== 2) throw new ShapeError(`wants [rows, width], got ${showShape(type.shape)}`);
}

/** Rows of a float64 array by number; a number past the end reads zeros. */
function gatherRows(x: NdArray, index: NdArray, width: number): Float64Array {
  const data = new Float64Array(index.data.length * width);
  for (const [i, row] of index.data.entries()) data.set(x.data.subarray(row * width, (row + 1) * width), i * width);
  return data;
}

const gatherOp: Op = {
  name: 'gather',
  infer([x, index]) {
    if (x!.shape.length === 0) throw new ShapeError('gathers rows, got a scalar');
    expectIndices(index!, 1);
    return { dtype: x!.dtype, shape: [index!.shape[0]!, ...x!.shape.slice(1)] };
  },
  vjp: ({ inputs: [x, index] }, dy) => [() => scatterAddLike(dy, index!, x!), null],
  onnx: (emit, inputs) => emit.node('Gather', inputs, { axis: 0 }),
  cost: lookUp,
  interpret([x, index]) {
    const width = sizeOf(x!.shape.slice(1));
    return { shape: [index!.data.length, ...x!.shape.slice(1)], data: gatherRows(x!, index!, width) };
  },
};

/** The third input gives only its shape. Rows named twice add up. */
const scatterAddOp: Op = {
  name: 'scatterAdd',
  infer([rows, index, like]) {
    expectIndices(index!, 1);
    expectMatrix(rows!);
    if (rows!.shape[0] !== index!.shape[0])
      throw new ShapeError(`${showShape(rows!.shape)} rows for ${showShape(index!.shape)} places`);
    return { dtype: rows!.dtype, shape: like!.shape };
  },
  vjp: ({ inputs: [, index] }, dy) => [() => gather(dy, index!), null, null],
  // ScatterElements adds one after the other; ScatterND works in parallel, and loses additions where an index repeats.
  onnx(emit, [rows, index, like]) {
    const zeros = emit.node('ConstantOfShape', [emit.node('Shape', [like!])]);
    const column = emit.node('Unsqueeze', [index!, emit.constant('int64', [1], [1])]);
    return emit.node('ScatterElements', [zeros, emit.node('Expand', [column, emit.node('Shape', [rows!])]), rows!], {
      axis: 0,
      reduction: 'add',
    });
  },
  // Zeros are written, an int32 index for every element is, and the rows are added to a copy of the zeros.
  cost: ([rows], result) => ({
    kind: 'pass',
    nodes: 6,
    flops: sizeOf(rows!.shape),
    bytes: 3 * result.bytes + 5 * rows!.bytes,
    scratchBytes: result.bytes + rows!.bytes,
  }),
  interpret([rows, index, like]) {
    const width = sizeOf(like!.shape.slice(1));
    const data = new Float64Array(sizeOf(like!.shape));
    index!.data.forEach((row, i) => {
      for (let k = 0; k < width; k++) data[row * width + k]! += rows!.data[i * width + k]!;
    });
    return { shape: like!.shape, data };
  },
};

/** Inputs: packed rows [N, C], slots [B, T] (row of each slot, N where empty), places [N] (slot of each row, b·T + t). */
const padRowsOp: Op = {
  name: 'padRows',
  infer([x, slots, places]) {
    expectMatrix(x!);
    expectIndices(slots!, 2);
    expectIndices(places!, 1);
    return { dtype: x!.dtype, shape: [...slots!.shape, x!.shape[1]!] };
  },
  vjp: ({ inputs: [, slots, places] }, dy) => [() => unpadRows(dy, slots!, places!), null, null],
  // An empty slot reads row N: one row of zeros appended.
  onnx(emit, [x, slots], { inputs }) {
    const width = fixed(inputs[0]!.shape[1], 'the width of rows');
    const zeros = emit.constant('float32', new Float32Array(width), [1, width]);
    return emit.node('Gather', [emit.node('Concat', [x!, zeros], { axis: 0 }), slots!], { axis: 0 });
  },
  cost: ([x], result) => ({
    ...lookUp([], result),
    nodes: 2,
    bytes: 2 * (x!.bytes + result.bytes),
    scratchBytes: x!.bytes,
  }),
  interpret([x, slots]) {
    const width = x!.shape[1]!;
    return { shape: [...slots!.shape, width], data: gatherRows(x!, slots!, width) };
  },
};

const unpadRowsOp: Op = {
  name: 'unpadRows',
  infer([y, slots, places]) {
    if (y!.shape.length !== 3) throw new ShapeError(`wants [B, T, C], got ${showShape(y!.shape)}`);
    expectIndices(slots!, 2);
    expectIndices(places!, 1);
    return { dtype: y!.dtype, shape: [places!.shape[0]!, y!.shape[2]!] };
  },
  vjp: ({ inputs: [, slots, places] }, dy) => [() => padRows(dy, slots!, places!), null, null],
  onnx(emit, [y, , places], { inputs }) {
    const flat = emit.node('Reshape', [
      y!,
      emit.constant('int64', [-1, fixed(inputs[0]!.shape[2], 'the width of rows')], [2]),
    ]);
    return emit.node('Gather', [flat, places!], { axis: 0 });
  },
  cost: (inputs, result) => ({ ...lookUp(inputs, result), nodes: 2 }),
  interpret([y, , places]) {
    const width = y!.shape[2]!;
    return { shape: [places!.data.length, width], data: gatherRows(y!, places!, width) };
  },
};

/** Rows of x by number. x [R, ...], index int32 [M] → [M, ...] */
export const gather = (x: Value, index: Value): Value => x.graph.apply(gatherOp, [x, index], {});
/** Zeros in the shape of `like`, with rows added at the given places: the transpose of {@link gather}. */
export const scatterAddLike = (rows: Value, index: Value, like: Value): Value =>
  rows.graph.apply(scatterAddOp, [rows, index, like], {});

/**
 * Packed rows laid out as one padded sequence per example; empty slots are zero. As flash-attn's `pad_input`.
 *
 * Shapes: x [N, C], slots int32 [B, T] (N where empty), places int32 [N] → [B, T, C]
 */
export const padRows = (x: Value, slots: Value, places: Value): Value =>
  x.graph.apply(padRowsOp, [x, slots, places], {});
/** The real rows of padded sequences, packed: the transpose of {@link padRows}. As flash-attn's `unpad_input`. [B, T, C] → [N, C] */
export const unpadRows = (y: Value, slots: Value, places: Value): Value =>
  y.graph.apply(unpadRowsOp, [y, slots, places], {});

export const rowOps = { gather: gatherOp, scatterAdd: scatterAddOp, padRows: padRowsOp, unpadRows: unpadRowsOp };
