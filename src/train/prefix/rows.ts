import { CheckpointError } from '../../core/errors.ts';
import { f16FromFloat32, float32FromF16 } from '../../core/half.ts';

/** Bytes of a row of `width` values. */
export const rowBytes = (width: number): number => 2 * (width + 1);

/** The largest value of a row is brought below 2¹⁵: half precision ends at 65504, and is coarse below 2⁻¹⁴. */
const TOP_EXPONENT = 14;

/**
 * Hidden states in half precision, each row at a scale of its own, so that none overflows however large it is.
 *
 *     row = half(x · 2⁻ᵉ), e      e = ⌊log₂ max |x|⌋ − 14
 *
 * Shapes: states [N, C] → int16 [N, C + 1], the last of them e
 *
 * @throws CheckpointError for states that are no numbers.
 */
export function encodeRows(states: Float32Array, width: number): Int16Array<ArrayBuffer> {
  const count = states.length / width;
  const out = new Int16Array(count * (width + 1));
  const scaled = new Float32Array(width);
  for (let row = 0; row < count; row++) {
    const x = states.subarray(row * width, (row + 1) * width);
    const exponent = exponentOf(x);
    const factor = 2 ** -exponent;
    for (let i = 0; i < width; i++) scaled[i] = x[i]! * factor;
    out.set(f16FromFloat32(scaled), row * (width + 1));
    out[(row + 1) * (width + 1) - 1] = exponent;
  }
  return out;
}

function exponentOf(row: Float32Array): number {
  let largest = 0;
  for (const value of row) largest = Math.max(largest, Math.abs(value)); // what is no number stays
  if (!Number.isFinite(largest))
    throw new CheckpointError(
      `the frozen layers give ${largest}, which is no number to train on: is the base damaged? Fetch or export it again`,
    );
  return largest === 0 ? 0 : Math.floor(Math.log2(largest)) - TOP_EXPONENT;
}

/**
 * The states that {@link encodeRows} has written, into memory that is given.
 *
 * Shapes: rows int16 [N, C + 1] → into [N, C]
 */
export function decodeRows(rows: Int16Array<ArrayBuffer>, into: Float32Array, width: number): void {
  const halves = new Uint16Array(rows.buffer, rows.byteOffset, rows.length);
  for (let row = 0; row * width < into.length; row++) {
    const at = row * (width + 1);
    const factor = 2 ** rows[at + width]!;
    const values = float32FromF16(halves.subarray(at, at + width));
    for (let i = 0; i < width; i++) into[row * width + i] = values[i]! * factor;
  }
}
