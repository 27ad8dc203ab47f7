import { f16FromFloat32 } from '../core/half.ts';
import { bytesOf, type Rounding } from './rounding.ts';

/** A weight in half precision, as `graph/ops/half.ts` reads it: rounded to nearest, ties to even; beyond 65504 it would be infinite. */
export const float16Rounding: Rounding = {
  name: 'fp16',
  format: 1,
  parts: (shape) => [{ ending: 'float16', dtype: 'F16', shape }],
  round: ({ data }) => [bytesOf(f16FromFloat32(data as Float32Array<ArrayBuffer>))],
};
