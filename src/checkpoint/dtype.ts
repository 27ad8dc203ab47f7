/**
 * The element types of a safetensors file, and their way to and from the three types a {@link Tensor} holds.
 * Everything here reads memory in its own byte order: safetensors is little-endian, and so is every machine the engine runs on.
 */
import { CheckpointError } from '../core/errors.ts';
import { f16FromFloat32, float32FromF16, roundBits } from '../core/half.ts';
import type { Tensor, TensorDType } from '../core/tensor.ts';
import { float32, int32, uint32 } from '../core/tensor.ts';

/** Bytes per element of each type of the format. */
export const dtypeBytes = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  I64: 8,
  U64: 8,
  I32: 4,
  U32: 4,
  I16: 2,
  U16: 2,
  I8: 1,
  U8: 1,
  BOOL: 1,
  F8_E4M3: 1,
  F8_E5M2: 1,
} as const;

export type Dtype = keyof typeof dtypeBytes;

/** The types float32 values can be stored as. */
export type FloatDtype = 'F32' | 'F16' | 'BF16';

export const isDtype = (value: unknown): value is Dtype =>
  typeof value === 'string' && Object.hasOwn(dtypeBytes, value);

/**
 * A tensor from the bytes of a file. F16, BF16 and F64 become float32; the small integers, BOOL and I64 become int32.
 * F32, I32 and U32 are views on `bytes`, not copies.
 *
 * @throws CheckpointError for I64 values beyond int32 and for the types that have no counterpart; `where` is named.
 */
export function decode(dtype: Dtype, bytes: ArrayBuffer, shape: readonly number[], where: string): Tensor {
  switch (dtype) {
    case 'F32':
      return float32(new Float32Array(bytes), shape);
    case 'F16':
      return float32(float32FromF16(new Uint16Array(bytes)), shape);
    case 'BF16':
      return float32(float32FromBf16(new Uint16Array(bytes)), shape);
    case 'F64':
      return float32(Float32Array.from(new Float64Array(bytes)), shape);
    case 'I64':
      return int32(int32FromI64(new BigInt64Array(bytes), where), shape);
    case 'I32':
      return int32(new Int32Array(bytes), shape);
    case 'U32':
      return uint32(new Uint32Array(bytes), shape);
    case 'I16':
      return int32(Int32Array.from(new Int16Array(bytes)), shape);
    case 'U16':
      return int32(Int32Array.from(new Uint16Array(bytes)), shape);
    case 'I8':
      return int32(Int32Array.from(new Int8Array(bytes)), shape);
    case 'U8':
    case 'BOOL':
      return int32(Int32Array.from(new Uint8Array(bytes)), shape);
    case 'U64':
    case 'F8_E4M3':
    case 'F8_E5M2':
      throw new CheckpointError(
        `${where}: values of type ${dtype} cannot be read; store them as F32, F16, BF16 or I32`,
      );
  }
}

/** The type a tensor is stored as: `floats` for float32 values, their own for integers. */
export const storedAs = (dtype: TensorDType, floats: FloatDtype): Dtype =>
  dtype === 'float32' ? floats : dtype === 'int32' ? 'I32' : 'U32';

/** The bytes of a tensor as they lie in a file: float32 values in the type `floats`, integers as they are. */
export function encode({ data }: Tensor, floats: FloatDtype): Uint8Array<ArrayBuffer> {
  const stored = data instanceof Float32Array ? encodeFloats(data, floats) : data;
  return new Uint8Array(stored.buffer, stored.byteOffset, stored.byteLength);
}

/** bfloat16 is the upper half of a float32: exact. */
export function float32FromBf16(values: Uint16Array): Float32Array<ArrayBuffer> {
  const bits = new Uint32Array(values.length);
  for (let i = 0; i < bits.length; i++) bits[i] = values[i]! << 16;
  return new Float32Array(bits.buffer);
}

/** float32 to bfloat16, rounded to nearest, ties to even. */
export const bf16FromFloat32 = (values: Float32Array<ArrayBuffer>): Uint16Array<ArrayBuffer> =>
  roundBits(values, bf16Bits);

/** float32 values as `dtype`; for F32 that is `values` itself. */
export function encodeFloats(
  values: Float32Array<ArrayBuffer>,
  dtype: FloatDtype,
): Float32Array<ArrayBuffer> | Uint16Array<ArrayBuffer> {
  if (dtype === 'F32') return values;
  return dtype === 'F16' ? f16FromFloat32(values) : bf16FromFloat32(values);
}

/** The bits of a float32 rounded to bfloat16; a NaN stays one, with its payload where it fits. */
function bf16Bits(bits: number): number {
  const isNan = (bits & 0x7fffffff) > 0x7f800000;
  if (isNan) return (bits >>> 16) | (bits & 0x7f0000 ? 0 : 0x40);
  return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
}

function int32FromI64(values: BigInt64Array, where: string): Int32Array<ArrayBuffer> {
  const out = new Int32Array(values.length);
  for (let i = 0; i < out.length; i++) {
    const value = Number(values[i]);
    if (value !== (value | 0))
      throw new CheckpointError(`${where}: ${values[i]} at element ${i} does not fit in int32`);
    out[i] = value;
  }
  return out;
}
