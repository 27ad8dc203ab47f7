/**
 * Products of a frozen int4 weight. Its rows are cut into blocks of B values, each with a scale of its own:
 *
 *     Ŵ_oi = s_ob (q_oi − 8),   0 ≤ q ≤ 15,   b = ⌊i / B⌋
 *
 * There are two ways to multiply. x Ŵᵀ the engine can take from the nibbles as they are, with activations rounded to 8 bits per row
 * and block: fast, of a copy of the blocks for each place where that is done. Both x Ŵᵀ and dy Ŵ can be taken of Ŵ written out in
 * float32 for the one product, and let go: exact, slower, of the stored nibbles alone.
 *
 * @see Dettmers et al. 2023, arXiv:2305.14314 (QLoRA): a base stored in 4 bits, both products in full precision.
 */
import { ShapeError } from '../../core/errors.ts';
import { sizeOf } from '../../core/tensor.ts';
import type { Value } from '../graph.ts';
import type { NdArray, Op } from '../op.ts';
import { fixed, showShape, showType, type TensorType } from '../shape.ts';
import { matmulOp } from './matmul.ts';

/** What a weight of zero is stored as. */
const ZERO = 8;
/** The engine computes with activations in 8 bits. */
const ACTIVATIONS_IN_INT8 = 4;

/** Values of a row that share a scale: the largest of these that divides a row's length. */
const blockSizes = [128, 64, 32, 16] as const;

/** Whether rows of this length can be cut into blocks. */
export const hasInt4Blocks = (rowLength: number): boolean => blockSizes.some((b) => rowLength % b === 0);

/** @throws ShapeError if rows of this length cannot be cut into blocks. */
export function int4BlockSize(rowLength: number): number {
  const size = blockSizes.find((b) => rowLength % b === 0);
  if (size !== undefined) return size;
  throw new ShapeError(
    `rows of ${rowLength} values cannot be cut into blocks of ${blockSizes.join(', ')}: int4 wants layers of a multiple of 16 inputs`,
  );
}

interface ProductAttrs {
  /** Name of the weight that the blocks are made of. */
  readonly weight: string;
}

function expectRows(x: TensorType, width: number): void {
  if (x.dtype !== 'float32' || x.shape.length !== 2 || x.shape[1] !== width)
    throw new ShapeError(`wants float32 rows [N, ${width}], got ${showType(x)}`);
}

export const int4ProductOp: Op<ProductAttrs> = {
  name: 'int4Product',
  infer([x, blocks, scales]) {
    const [out, count, half] = blocks!.shape.map((d) => fixed(d, 'a side of a weight')) as [number, number, number];
    if (blocks!.dtype !== 'uint8' || scales!.shape[0] !== out || scales!.shape[1] !== count)
      throw new ShapeError(
        `wants uint8 blocks [O, blocks, B/2] and a scale for each, got ${showType(blocks!)} and ${showShape(scales!.shape)}`,
      );
    expectRows(x!, 2 * count * half);
    return { dtype: 'float32', shape: [x!.shape[0]!, out] };
  },
  // dx = dy Ŵ
  vjp({ inputs: [x, blocks], attrs: { weight } }, dy) {
    const sides = { in: fixed(x!.shape[1], 'inputs'), out: fixed(blocks!.shape[0], 'outputs') };
    return [() => writtenOut(dy, { weight, ...sides }, { transB: false }), null, null];
  },
  onnx(emit, [x, blocks, scales], { inputs }) {
    const [out, count, half] = inputs[1]!.shape.map(Number) as [number, number, number];
    const attributes = {
      K: 2 * count * half,
      N: out,
      bits: 4,
      block_size: 2 * half,
      accuracy_level: ACTIVATIONS_IN_INT8,
    };
    return emit.node('MatMulNBits', [x!, blocks!, scales!], attributes, 'com.microsoft');
  },
  cost: ([x, blocks, scales], result) => ({
    kind: 'product',
    nodes: 1,
    flops: 2 * x!.shape[1]! * sizeOf(result.shape),
    bytes: x!.bytes + blocks!.bytes + scales!.bytes + result.bytes,
    // The activations in 8 bits, with a scale for each block.
    scratchBytes: x!.bytes / 2,
  }),
  interpret([x, blocks, scales], call, env) {
    const nibbles = Float64Array.from({ length: 2 * blocks!.data.length }, (_, i) => {
      const byte = blocks!.data[i >> 1]!;
      return i % 2 === 0 ? byte % 16 : Math.floor(byte / 16);
    });
    const weight = dequantized({ shape: [blocks!.shape[0]!, x!.shape[1]!], data: nibbles }, scales!);
    const attrs = { transA: false, transB: true, scale: 1 };
    return matmulOp.interpret([x!, weight], { ...call, attrs } as never, env);
  },
};

interface WrittenOutAttrs extends ProductAttrs {
  /** x Ŵᵀ, or dy Ŵ. */
  readonly transB: boolean;
}

const int4WrittenOutOp: Op<WrittenOutAttrs> = {
  name: 'int4WrittenOut',
  infer([x, nibbles, scales], { transB }) {
    const [out, into] = nibbles!.shape.map((d) => fixed(d, 'a side of a weight')) as [number, number];
    if (nibbles!.dtype !== 'uint4' || scales!.shape[0] !== out || into % fixed(scales!.shape[1], 'blocks') !== 0)
      throw new ShapeError(
        `wants a uint4 weight [O, I] and scales [O, blocks], got ${showType(nibbles!)} and ${showShape(scales!.shape)}`,
      );
    expectRows(x!, transB ? into : out);
    return { dtype: 'float32', shape: [x!.shape[0]!, transB ? out : into] };
  },
  vjp({ inputs: [, nibbles], attrs: { weight, transB } }, dy) {
    const [out, into] = nibbles!.shape.map((d) => fixed(d, 'a side of a weight')) as [number, number];
    return [() => writtenOut(dy, { weight, in: into, out }, { transB: !transB }), null, null];
  },
  onnx(emit, [x, nibbles, scales], { inputs: [, w, s], attrs: { transB } }) {
    const [out, count] = s!.shape.map(Number) as [number, number];
    const zeros = emit.constant('uint4', new Uint8Array(out * count).fill(ZERO), [out, count]);
    const size = Number(w!.shape[1]) / count;
    const weight = emit.node('DequantizeLinear', [nibbles!, scales!, zeros], { axis: 1, block_size: size });
    return emit.node('Gemm', [x!, weight], { transB: Number(transB) });
  },
  cost([x, nibbles, scales], result) {
    const written = 4 * sizeOf(nibbles!.shape);
    return {
      kind: 'product',
      nodes: 2,
      flops: 2 * x!.shape[1]! * sizeOf(result.shape),
      bytes: x!.bytes + nibbles!.bytes + scales!.bytes + 2 * written + result.bytes,
      scratchBytes: written,
    };
  },
  interpret([x, nibbles, scales], call, env) {
    const attrs = { transA: false, transB: call.attrs.transB, scale: 1 };
    return matmulOp.interpret([x!, dequantized(nibbles!, scales!)], { ...call, attrs } as never, env);
  },
};

/** Ŵ. Nibbles [out, in], scales [out, blocks] */
function dequantized({ shape, data }: NdArray, scales: NdArray): NdArray {
  const size = shape[1]! / scales.shape[1]!;
  return { shape, data: data.map((q, at) => (q - ZERO) * scales.data[Math.floor(at / size)]!) };
}

interface Sides {
  readonly weight: string;
  readonly in: number;
  readonly out: number;
}

const scalesOf = ({ graph }: Value, { weight, in: into, out }: Sides): Value =>
  graph.parameterAt(`${weight}.int4.scale`, [out, into / int4BlockSize(into)]);

/**
 * The product with a weight in int4: x Ŵᵀ, whose gradient is dy Ŵ, which is always taken of Ŵ written out.
 *
 * Reads `<weight>.int4.blocks` [out, blocks, B/2], two values to a byte, the lower half first; the same bytes as
 * `<weight>.int4` [out, in]; and `<weight>.int4.scale` [out, blocks]: see quantize/int4.ts.
 *
 * Shapes: x [N, in] → [N, out]
 */
export function int4Product(x: Value, sides: Sides): Value {
  const { weight, in: into, out } = sides;
  const size = int4BlockSize(into);
  const blocks = x.graph.parameterAt(`${weight}.int4.blocks`, [out, into / size, size / 2], 'uint8');
  return x.graph.apply(int4ProductOp, [x, blocks, scalesOf(x, sides)], { weight });
}

/** As {@link int4Product}, of Ŵ written out in both directions. */
export const int4ProductWrittenOut = (x: Value, sides: Sides): Value => writtenOut(x, sides, { transB: true });

function writtenOut(x: Value, sides: Sides, { transB }: Pick<WrittenOutAttrs, 'transB'>): Value {
  const { weight, in: into, out } = sides;
  const nibbles = x.graph.parameterAt(`${weight}.int4`, [out, into], 'uint4');
  return x.graph.apply(int4WrittenOutOp, [x, nibbles, scalesOf(x, sides)], { weight, transB });
}

export const int4Ops = {
  int4Product: int4ProductOp as Op,
  int4WrittenOut: int4WrittenOutOp as Op,
};
