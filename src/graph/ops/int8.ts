/**
 * Products of a frozen int8 weight: rows of activations are rounded to 8 bits, the product is taken in whole numbers.
 *
 *     s_n = max_c |x_nc| / 127,   q_nc = round(x_nc / s_n) + 128,   y_nm = s_n · t_m · Σ_c (q_nc − 128) V_cm
 *
 * The scale of a row is its own, so a row's result does not depend on what else is in the batch.
 *
 * @see Wortsman et al. 2023, arXiv:2304.13013 (SwitchBack): in training, both products with a weight may be taken so.
 */
import { ShapeError } from '../../core/errors.ts';
import { sizeOf } from '../../core/tensor.ts';
import type { Value } from '../graph.ts';
import type { Op } from '../op.ts';
import { fixed, showShape, showType, type TensorType } from '../shape.ts';
import { copy, reduction } from './costs.ts';
import { filled } from './leaf.ts';

/** What an activation of zero is stored as: the engine's fast kernels take activations without a sign. */
const ZERO = 128;
const LARGEST = 127;
/** A row of zeros has this scale, not zero. */
const TINY = 1e-30;

function expectRows(x: TensorType): void {
  if (x.shape.length !== 2 || x.dtype !== 'float32')
    throw new ShapeError(`wants float32 rows [N, C], got ${showType(x)}`);
}

const rowScalesOp: Op = {
  name: 'rowScales',
  infer([x]) {
    expectRows(x!);
    return { dtype: 'float32', shape: [x!.shape[0]!, 1] };
  },
  vjp: 'not differentiable',
  // Two reductions read x; the absolute value would be a pass that also writes.
  onnx(emit, [x]) {
    const axes = emit.constant('int64', [1], [1]);
    const highest = emit.node('ReduceMax', [x!, axes]);
    const lowest = emit.node('Neg', [emit.node('ReduceMin', [x!, axes])]);
    const largest = emit.node('Max', [highest, lowest, emit.constant('float32', [TINY * LARGEST], [])]);
    return emit.node('Mul', [largest, emit.constant('float32', [1 / LARGEST], [])]);
  },
  cost: (inputs, result) => ({ ...reduction(2)(inputs, result), nodes: 5, bytes: 2 * inputs[0]!.bytes }),
  interpret([x]) {
    const [rows, width] = x!.shape as [number, number];
    const data = Float64Array.from({ length: rows }, (_, n) => {
      const row = x!.data.subarray(n * width, (n + 1) * width);
      return row.reduce((most, v) => Math.max(most, Math.abs(v)), TINY * LARGEST) / LARGEST;
    });
    return { shape: [rows, 1], data };
  },
};

/** The cotangent of quantised rows is that of the numbers they stand for: rounding counts as the identity. */
const quantizeRowsOp: Op = {
  name: 'quantizeRows',
  infer([x, scales]) {
    expectRows(x!);
    if (scales!.shape.length !== 2 || scales!.shape[1] !== 1 || scales!.shape[0] !== x!.shape[0])
      throw new ShapeError(`wants a scale for each row of ${showShape(x!.shape)}, got ${showShape(scales!.shape)}`);
    return { dtype: 'uint8', shape: x!.shape };
  },
  vjp: (_, dy) => [() => dy, null, null],
  onnx(emit, [x, scales, zeros]) {
    const perRow = emit.node('Reshape', [scales!, emit.constant('int64', [-1], [1])]);
    return emit.node('QuantizeLinear', [x!, perRow, zeros!], { axis: 0 });
  },
  cost: ([x], result) => ({ ...copy([x!], result), nodes: 2, flops: 2 * sizeOf(result.shape) }),
  interpret([x, scales]) {
    const width = x!.shape[1]!;
    const data = x!.data.map((v, i) => clamp(roundHalfToEven(v / scales!.data[Math.floor(i / width)]!)) + ZERO);
    return { shape: x!.shape, data };
  },
};

const clamp = (q: number): number => Math.min(LARGEST, Math.max(-LARGEST - 1, q));

function roundHalfToEven(x: number): number {
  const below = Math.floor(x);
  const rest = x - below;
  if (rest !== 0.5) return Math.round(x);
  return below % 2 === 0 ? below : below + 1;
}

interface ProductAttrs {
  /** Name of the weight that both orientations are made of. */
  readonly weight: string;
  readonly orientation: Orientation;
}
type Orientation = 'forward' | 'backward';

export const int8ProductOp: Op<ProductAttrs> = {
  name: 'int8Product',
  infer([q, scales, v, t]) {
    if (q!.dtype !== 'uint8' || v!.dtype !== 'int8')
      throw new ShapeError(`wants uint8 rows and an int8 weight, got ${showType(q!)} and ${showType(v!)}`);
    if (q!.shape[1] !== v!.shape[0] || t!.shape[0] !== v!.shape[1] || scales!.shape[0] !== q!.shape[0])
      throw new ShapeError(
        `${showShape(q!.shape)} rows with scales ${showShape(scales!.shape)} do not go with a weight ${showShape(v!.shape)} with scales ${showShape(t!.shape)}`,
      );
    return { dtype: 'float32', shape: [q!.shape[0]!, v!.shape[1]!] };
  },
  // dx = dy W, with W rounded along its other axis.
  vjp({ inputs: [, , v], attrs: { weight, orientation } }, dy) {
    const back: Orientation = orientation === 'forward' ? 'backward' : 'forward';
    const [into, from] = v!.shape.map((d) => fixed(d, 'a side of a weight')) as [number, number];
    return [() => int8Product(dy, { weight, orientation: back, in: from, out: into }), null, null, null];
  },
  onnx(emit, [q, scales, v, t]) {
    const one = emit.constant('float32', [1], []);
    const zero = emit.constant('uint8', [ZERO], []);
    const product = emit.node('MatMulIntegerToFloat', [q!, v!, one, t!, zero], {}, 'com.microsoft');
    return emit.node('Mul', [product, scales!]);
  },
  cost: ([q, , v], result) => ({
    kind: 'int8 product',
    nodes: 2,
    flops: 2 * q!.shape[1]! * sizeOf(result.shape),
    bytes: q!.bytes + v!.bytes + 3 * result.bytes,
    scratchBytes: result.bytes,
  }),
  interpret([q, scales, v, t]) {
    const [rows, inner] = q!.shape as [number, number];
    const columns = v!.shape[1]!;
    const data = new Float64Array(rows * columns);
    for (let n = 0; n < rows; n++)
      for (let m = 0; m < columns; m++) {
        let total = 0;
        for (let c = 0; c < inner; c++) total += (q!.data[n * inner + c]! - ZERO) * v!.data[c * columns + m]!;
        data[n * columns + m] = total * scales!.data[n]! * t!.data[m]!;
      }
    return { shape: [rows, columns], data };
  },
};

/** s = max |x| / 127 of each row. x [N, C] → [N, 1] */
export const rowScales = (x: Value): Value => x.graph.apply(rowScalesOp, [x], {});

/** Rows in units of their scales, 128 for zero. x [N, C], scales [N, 1] → uint8 [N, C] */
export const quantizeRows = (x: Value, scales: Value): Value =>
  x.graph.apply(quantizeRowsOp, [x, scales, filled(x.graph, x.shape[0]!, { value: ZERO, dtype: 'uint8' })], {});

/**
 * The product with a quantised weight, both ways: forward x Wᵀ, backward x W, each with its own rounding of W.
 *
 * Reads `<weight>.int8.forward` [in, out] and `<weight>.scale.forward` [out], or those of `backward`; see quantize/int8.ts.
 *
 * Shapes: x [N, in] → [N, out]
 */
export function int8Product(
  x: Value,
  { weight, orientation, ...sides }: ProductAttrs & { readonly in: number; readonly out: number },
): Value {
  const { graph } = x;
  const scales = rowScales(x);
  const v = graph.parameterAt(`${weight}.int8.${orientation}`, [sides.in, sides.out], 'int8');
  const t = graph.parameterAt(`${weight}.scale.${orientation}`, [sides.out]);
  return graph.apply(int8ProductOp, [quantizeRows(x, scales), scales, v, t], { weight, orientation });
}

export const int8Ops = {
  rowScales: rowScalesOp,
  quantizeRows: quantizeRowsOp,
  int8Product: int8ProductOp as Op,
};
