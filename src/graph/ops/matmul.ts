import { ShapeError } from '../../core/errors.ts';
import { sizeOf } from '../../core/tensor.ts';
import type { Value } from '../graph.ts';
import type { Op } from '../op.ts';
import { broadcast, showShape, type TensorType } from '../shape.ts';
import { copy } from './costs.ts';
import { broadcastAt, broadcastShapes, tabulate } from './nd.ts';

/** How {@link matmul} reads its operands: transposed in their last two axes, the product times `scale`. */
export interface MatmulOptions {
  readonly transA?: boolean;
  readonly transB?: boolean;
  readonly scale?: number;
}
type Attrs = Required<MatmulOptions>;

const core = ({ shape }: TensorType, trans: boolean) => {
  if (shape.length < 2) throw new ShapeError(`needs matrices, got ${showShape(shape)}`);
  const [rows, columns] = [shape.at(-2)!, shape.at(-1)!];
  return trans ? [columns, rows] : [rows, columns];
};

export const matmulOp: Op<Attrs> = {
  name: 'matmul',
  infer([a, b], { transA, transB }) {
    const [m, k] = core(a!, transA);
    const [k2, n] = core(b!, transB);
    if (k !== k2) {
      const show = (t: TensorType, trans: boolean) => `${showShape(t.shape)}${trans ? 'ᵀ' : ''}`;
      throw new ShapeError(`inner dimensions differ, a ${show(a!, transA)} · b ${show(b!, transB)} (${k} ≠ ${k2})`);
    }
    return { dtype: 'float32', shape: [...broadcast(a!.shape.slice(0, -2), b!.shape.slice(0, -2)), m!, n!] };
  },
  // C = s·op(A)·op(B):  d op(A) = s·dC·op(B)ᵀ,  d op(B) = s·op(A)ᵀ·dC; a transposed operand gets its gradient transposed.
  vjp({ inputs: [a, b], attrs: { transA, transB, scale } }, dy) {
    return [
      () =>
        transA ? matmul(b!, dy, { transA: transB, transB: true, scale }) : matmul(dy, b!, { transB: !transB, scale }),
      () =>
        transB ? matmul(dy, a!, { transA: true, transB: transA, scale }) : matmul(a!, dy, { transA: !transA, scale }),
    ];
  },
  onnx(emit, inputs, { inputs: [a, b], attrs: { transA, transB, scale } }) {
    const [ta, tb] = [Number(transA), Number(transB)];
    if (a!.shape.length === 2 && b!.shape.length === 2) {
      return emit.node('Gemm', inputs, { transA: ta, transB: tb, alpha: { float: scale } });
    }
    if (!transA && !transB && scale === 1) return emit.node('MatMul', inputs);
    if (!emit.lacks('FusedMatMul'))
      return emit.node('FusedMatMul', inputs, { transA: ta, transB: tb, alpha: { float: scale } }, 'com.microsoft');
    const read = (x: string, { shape }: TensorType, trans: boolean) =>
      trans ? emit.node('Transpose', [x], { perm: lastTwoSwapped(shape.length) }) : x;
    const product = emit.node('MatMul', [read(inputs[0]!, a!, transA), read(inputs[1]!, b!, transB)]);
    return scale === 1 ? product : emit.node('Mul', [product, emit.constant('float32', [scale], [])]);
  },
  // 2·K for each element of the product.
  cost(inputs, result, { transA }) {
    const k = inputs[0]!.shape.at(transA ? -2 : -1)!;
    return { ...copy(inputs, result), kind: 'product', flops: 2 * k * sizeOf(result.shape) };
  },
  interpret([a, b], { attrs: { transA, transB, scale } }) {
    const size = (shape: readonly number[], trans: boolean) =>
      trans ? [shape.at(-1)!, shape.at(-2)!] : [shape.at(-2)!, shape.at(-1)!];
    const [m, k] = size(a!.shape, transA);
    const [, n] = size(b!.shape, transB);
    const batch = broadcastShapes(a!.shape.slice(0, -2), b!.shape.slice(0, -2));
    const [readA, readB] = [broadcastMatrix(a!, transA), broadcastMatrix(b!, transB)];
    return tabulate([...batch, m!, n!], (index) => {
      const [head, i, j] = [index.slice(0, -2), index.at(-2)!, index.at(-1)!];
      let total = 0;
      for (let l = 0; l < k!; l++) total += readA(head, i, l) * readB(head, l, j);
      return scale * total;
    });
  },
};

const lastTwoSwapped = (rank: number): number[] => [...Array(rank - 2).keys(), rank - 1, rank - 2];

function broadcastMatrix(x: Parameters<typeof broadcastAt>[0], trans: boolean) {
  const at = broadcastAt(x);
  // A matrix axis of size 1 must not stretch, but its only index is 0, so reading it is the same.
  return (head: readonly number[], i: number, j: number) => at(trans ? [...head, j, i] : [...head, i, j]);
}

/**
 * Matrix product over the last two axes, leading axes broadcast.
 *
 *     y = scale · op(a) op(b),   op(x) = xᵀ where transposed
 *
 * Shapes: a [..., M, K], b [..., K, N] → y [..., M, N]
 */
export function matmul(a: Value, b: Value, { transA = false, transB = false, scale = 1 }: MatmulOptions = {}): Value {
  return a.graph.apply(matmulOp, [a, b], { transA, transB, scale });
}

export const matmulOps = { matmul: matmulOp as Op };
