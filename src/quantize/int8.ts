import type { Tensor } from '../core/tensor.ts';
import { bytesOf, type Rounding } from './rounding.ts';

/** Whole numbers from −127 to 127 with the scale of each column. */
export interface Int8Matrix {
  readonly values: Int8Array<ArrayBuffer>;
  readonly scales: Float32Array<ArrayBuffer>;
  readonly shape: readonly [rows: number, columns: number];
}

/**
 * A weight rounded to 8 bits twice, for the product of each direction with one scale per output of that product:
 *
 *     forward   x Wᵀ:  V_io = round(W_oi / t_o),  t_o = max_i |W_oi| / 127   [in, out]
 *     backward dy W:   V_oi = round(W_oi / t_i),  t_i = max_o |W_oi| / 127   [out, in]
 *
 * so that no value is off by more than half a scale. Each is stored as its product reads it.
 *
 * Shapes: W [out, in]
 */
export function quantizeInt8(weight: Tensor): { readonly forward: Int8Matrix; readonly backward: Int8Matrix } {
  const [rows, columns] = weight.shape as readonly [number, number];
  const data = weight.data as Float32Array;
  const { ofRows, ofColumns } = largest(data, rows, columns);
  return {
    forward: { values: transposed(data, ofRows), scales: scalesOf(ofRows), shape: [columns, rows] },
    backward: { values: byColumn(data, ofColumns), scales: scalesOf(ofColumns), shape: [rows, columns] },
  };
}

/** As `graph/ops/int8.ts` reads it. */
export const int8Rounding: Rounding = {
  name: 'int8',
  format: 2,
  parts: ([out, into]) => [
    { ending: 'int8.forward', dtype: 'I8', shape: [into, out] },
    { ending: 'scale.forward', dtype: 'F32', shape: [out] },
    { ending: 'int8.backward', dtype: 'I8', shape: [out, into] },
    { ending: 'scale.backward', dtype: 'F32', shape: [into] },
  ],
  round(weight) {
    const { forward, backward } = quantizeInt8(weight);
    return [forward.values, forward.scales, backward.values, backward.scales].map(bytesOf);
  },
};

const LEVELS = 127;

/** max |w| of each row and each column. */
function largest(data: Float32Array, rows: number, columns: number) {
  const ofRows = new Float32Array(rows);
  const ofColumns = new Float32Array(columns);
  for (let r = 0, i = 0; r < rows; r++) {
    let most = 0;
    for (let c = 0; c < columns; c++, i++) {
      const size = Math.abs(data[i]!);
      if (size > most) most = size;
      if (size > ofColumns[c]!) ofColumns[c] = size;
    }
    ofRows[r] = most;
  }
  return { ofRows, ofColumns };
}

const scalesOf = (most: Float32Array): Float32Array<ArrayBuffer> => Float32Array.from(most, (m) => m / LEVELS);
/** What values are multiplied by before they are rounded; zeros stay zeros. */
const factorsOf = (most: Float32Array): Float64Array => Float64Array.from(most, (m) => (m > 0 ? LEVELS / m : 0));

function byColumn(data: Float32Array, most: Float32Array): Int8Array<ArrayBuffer> {
  const factors = factorsOf(most);
  const columns = most.length;
  const out = new Int8Array(data.length);
  for (let start = 0; start < data.length; start += columns)
    for (let c = 0; c < columns; c++) out[start + c] = rounded(data[start + c]! * factors[c]!);
  return out;
}

/** Rows and columns are swapped in tiles that a cache holds: rows of a power of two lie where they would push each other out of it. */
const TILE = 64;

function transposed(data: Float32Array, most: Float32Array): Int8Array<ArrayBuffer> {
  const factors = factorsOf(most);
  const rows = most.length;
  const columns = data.length / rows;
  const out = new Int8Array(data.length);
  const tile = new Int8Array(TILE * TILE);
  for (let r0 = 0; r0 < rows; r0 += TILE)
    for (let c0 = 0; c0 < columns; c0 += TILE) {
      const [height, width] = [Math.min(TILE, rows - r0), Math.min(TILE, columns - c0)];
      for (let r = 0; r < height; r++) {
        const factor = factors[r0 + r]!;
        const from = (r0 + r) * columns + c0;
        for (let c = 0; c < width; c++) tile[c * TILE + r] = rounded(data[from + c]! * factor);
      }
      for (let c = 0; c < width; c++) {
        const to = (c0 + c) * rows + r0;
        for (let r = 0; r < height; r++) out[to + r] = tile[c * TILE + r]!;
      }
    }
  return out;
}

/** Halves go up. Without a branch on the sign, which no processor foresees: beyond −LEVELS, cutting off is rounding down. */
const rounded = (x: number): number => ((x + (LEVELS + 1.5)) | 0) - (LEVELS + 1);
