import { float32, type Tensor } from '../core/tensor.ts';
import { int4BlockSize } from '../graph/ops/index.ts';
import { bytesOf, type Rounding } from './rounding.ts';

/** Whole numbers from 0 to 15, two to a byte, the lower half first, with the scale of each block. */
export interface Int4Matrix {
  readonly blocks: Uint8Array<ArrayBuffer>;
  readonly scales: Float32Array<ArrayBuffer>;
}

const ZERO = 8;
const LARGEST = 15;

/**
 * A weight rounded to 4 bits in blocks along its rows, around zero:
 *
 *     s_ob = w* / −8,  w* the value of the block with the largest magnitude,   q = min(15, round(w / s) + 8)
 *
 * so that w* itself is exact, and no value is off by more than half a scale but those near −w*: by a whole one.
 * A block of zeros has scale zero.
 *
 * Shapes: W [out, in] → blocks [out, in / B, B / 2], scales [out, in / B]
 *
 * @see ggml's Q4_0, which rounds so.
 */
export function quantizeInt4({ data, shape }: Tensor): Int4Matrix {
  const size = int4BlockSize(shape[1]!);
  const values = data as Float32Array;
  const scales = new Float32Array(values.length / size);
  const blocks = new Uint8Array(values.length / 2);
  for (let b = 0, at = 0; b < scales.length; b++, at += size) {
    const scale = extremum(values, at, at + size) / -ZERO;
    scales[b] = scale + 0; // −0 is 0
    const inverse = scale === 0 ? 0 : 1 / scale;
    for (let i = at; i < at + size; i += 2)
      blocks[i >> 1] = nibble(values[i]! * inverse) | (nibble(values[i + 1]! * inverse) << 4);
  }
  return { blocks, scales };
}

/** The value of the largest magnitude, with its sign. */
function extremum(values: Float32Array, from: number, to: number): number {
  let most = 0;
  for (let i = from; i < to; i++) if (Math.abs(values[i]!) > Math.abs(most)) most = values[i]!;
  return most;
}

/** Halves go up; x is −8 or more, but for what rounding adds. */
const nibble = (x: number): number => Math.min(LARGEST, Math.max(0, (x + (ZERO + 0.5)) | 0));

/** What stands for W in products. Shapes as in {@link quantizeInt4} */
export function dequantizeInt4({ blocks, scales }: Int4Matrix, shape: readonly [number, number]): Tensor {
  const size = int4BlockSize(shape[1]);
  const data = Float32Array.from({ length: 2 * blocks.length }, (_, i) => {
    const q = i % 2 === 0 ? blocks[i >> 1]! & LARGEST : blocks[i >> 1]! >> 4;
    return (q - ZERO) * scales[Math.floor(i / size)]!;
  });
  return float32(data, shape);
}

/** As `graph/ops/int4.ts` reads it: the blocks for the forward product, the same bytes as a matrix for the backward one. */
export const int4Rounding: Rounding = {
  name: 'int4',
  format: 2,
  parts([out, into]) {
    const size = int4BlockSize(into);
    return [
      {
        ending: 'int4.blocks',
        dtype: 'U8',
        shape: [out, into / size, size / 2],
        alias: { ending: 'int4', shape: [out, into] },
      },
      { ending: 'int4.scale', dtype: 'F32', shape: [out, into / size] },
    ];
  },
  round(weight) {
    const { blocks, scales } = quantizeInt4(weight);
    return [bytesOf(blocks), bytesOf(scales)];
  },
};
