import { sizeOf } from '../../core/tensor.ts';
import type { NdArray } from '../op.ts';

/** Small helpers of the float64 interpreter: clarity over speed. */

/** Row-major strides of a shape. */
export function stridesOf(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length).fill(1);
  for (let i = shape.length - 2; i >= 0; i--) strides[i] = strides[i + 1]! * shape[i + 1]!;
  return strides;
}

/** Calls `visit` with every index of a shape, in row-major order; the array is reused. */
export function eachIndex(shape: readonly number[], visit: (index: readonly number[], flat: number) => void): void {
  const index = new Array<number>(shape.length).fill(0);
  const n = sizeOf(shape);
  for (let flat = 0; flat < n; flat++) {
    visit(index, flat);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      if (++index[axis]! < shape[axis]!) break;
      index[axis] = 0;
    }
  }
}

/** An array of the given shape, computed index by index. */
export function tabulate(shape: readonly number[], at: (index: readonly number[]) => number): NdArray {
  const data = new Float64Array(sizeOf(shape));
  eachIndex(shape, (index, flat) => {
    data[flat] = at(index);
  });
  return { shape, data };
}

/** Element of `a` at an index of a broadcast result: aligned at the last axis, axes of size 1 stretch. */
export function broadcastAt(a: NdArray): (index: readonly number[]) => number {
  const strides = stridesOf(a.shape);
  return (index) => {
    const shift = index.length - a.shape.length;
    let flat = 0;
    for (let i = 0; i < a.shape.length; i++) if (a.shape[i] !== 1) flat += index[i + shift]! * strides[i]!;
    return a.data[flat]!;
  };
}

/** Shape of an elementwise result on concrete shapes. */
export function broadcastShapes(...shapes: readonly (readonly number[])[]): number[] {
  const rank = Math.max(...shapes.map((s) => s.length));
  return Array.from({ length: rank }, (_, i) => Math.max(...shapes.map((s) => s[i - rank + s.length] ?? 1)));
}
