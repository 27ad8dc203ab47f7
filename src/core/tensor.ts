/** A dense, row-major array of numbers with its shape: what enters and leaves the engine and lies in checkpoints. */
export interface Tensor {
  readonly dtype: TensorDType;
  readonly shape: readonly number[];
  readonly data: TensorData;
}

/** The element types a {@link Tensor} holds in memory. */
export type TensorDType = 'float32' | 'int32' | 'uint32';
export type TensorData = Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>;

/** Number of elements of a shape. */
export const sizeOf = (shape: readonly number[]): number => shape.reduce((n, d) => n * d, 1);

/** A float32 tensor over `data` (not copied when it already is a Float32Array). */
export function float32(
  data: Float32Array<ArrayBuffer> | readonly number[],
  shape: readonly number[] = [data.length],
): Tensor {
  return checked('float32', data instanceof Float32Array ? data : Float32Array.from(data), shape);
}

/** An int32 tensor over `data` (not copied when it already is an Int32Array). */
export function int32(
  data: Int32Array<ArrayBuffer> | readonly number[],
  shape: readonly number[] = [data.length],
): Tensor {
  return checked('int32', data instanceof Int32Array ? data : Int32Array.from(data), shape);
}

/** A uint32 tensor over `data` (not copied when it already is a Uint32Array). */
export function uint32(
  data: Uint32Array<ArrayBuffer> | readonly number[],
  shape: readonly number[] = [data.length],
): Tensor {
  return checked('uint32', data instanceof Uint32Array ? data : Uint32Array.from(data), shape);
}

function checked(dtype: TensorDType, data: TensorData, shape: readonly number[]): Tensor {
  if (sizeOf(shape) !== data.length)
    throw new Error(`internal: ${data.length} values for a tensor of shape [${shape.join(', ')}]`);
  return { dtype, shape, data };
}
