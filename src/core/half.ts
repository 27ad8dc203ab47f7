/** IEEE half precision: 1 sign, 5 exponent and 10 mantissa bits. */

/** Half precision to float32: exact. */
export function float32FromF16(values: Uint16Array): Float32Array<ArrayBuffer> {
  const out = new Float32Array(values.length);
  const bits = new Uint32Array(out.buffer);
  for (let i = 0; i < bits.length; i++) {
    const h = values[i]!;
    const sign = (h & 0x8000) << 16;
    const magnitude = h & 0x7fff;
    if (magnitude >= 0x7c00) bits[i] = sign | 0x7f800000 | ((magnitude & 0x3ff) << 13);
    else if (magnitude >= 0x0400) bits[i] = sign | ((magnitude << 13) + 0x38000000);
    else out[i] = (sign ? -magnitude : magnitude) * 2 ** -24;
  }
  return out;
}

/** float32 to half precision, rounded to nearest, ties to even; from 65520 on infinity. */
export const f16FromFloat32 = (values: Float32Array<ArrayBuffer>): Uint16Array<ArrayBuffer> =>
  roundBits(values, f16Bits);

/** Float32 values in 16 bits each, as `round` makes them of their bits. */
export function roundBits(
  values: Float32Array<ArrayBuffer>,
  round: (bits: number) => number,
): Uint16Array<ArrayBuffer> {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const out = new Uint16Array(values.length);
  for (let i = 0; i < out.length; i++) out[i] = round(bits[i]!);
  return out;
}

/** The bits of a float32 rounded to half precision. */
function f16Bits(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7c00 | ((magnitude & 0x7fffff) >>> 13 || 0x200);
  if (magnitude >= 0x47800000) return sign | 0x7c00;
  // Above 2⁻¹⁴ the exponent is re-biased by 127 - 15; a carry out of the mantissa moves it up, up to infinity.
  if (magnitude >= 0x38800000) return sign | shiftToEven(magnitude - 0x38000000, 13);
  const shift = 126 - (magnitude >>> 23); // counts units of 2⁻²⁴, the smallest subnormal
  return shift > 24 ? sign : sign | shiftToEven((magnitude & 0x7fffff) | 0x800000, shift);
}

/** x / 2^shift, rounded to nearest, ties to even. */
function shiftToEven(x: number, shift: number): number {
  const quotient = x >>> shift;
  const twice = (x & ((1 << shift) - 1)) * 2;
  const one = 1 << shift;
  return twice > one || (twice === one && quotient & 1) ? quotient + 1 : quotient;
}
