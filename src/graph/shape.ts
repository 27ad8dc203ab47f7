import { ShapeError } from '../core/errors.ts';

/** A dimension: a number known when the graph is built, or a symbol (`'N'`) bound when it runs. */
export type Dim = number | string;
export type Shape = readonly Dim[];

/**
 * Element types of values in a graph. Frozen weights may be stored as narrower floats; they are widened where they enter.
 * `int8` is what quantised weights are made of, `uint8` quantised activations: see ops/int8.ts. `uint4` lies two to a byte,
 * the lower half first: see ops/int4.ts. `float16` are weights that are multiplied so: see ops/half.ts.
 */
export type DType = 'float32' | 'int32' | 'uint32' | 'bool' | 'int8' | 'uint8' | 'uint4' | 'float16';

/** What an element takes in memory. */
export const elementBytes: Readonly<Record<DType, number>> = {
  float32: 4,
  int32: 4,
  uint32: 4,
  bool: 1,
  int8: 1,
  uint8: 1,
  uint4: 0.5,
  float16: 2,
};

/** What is known of a value while the graph is built. */
export interface TensorType {
  readonly dtype: DType;
  readonly shape: Shape;
}

export const showShape = (shape: Shape): string => `[${shape.join(', ')}]`;
export const showType = ({ dtype, shape }: TensorType): string => `${dtype}${showShape(shape)}`;
export const sameShape = (a: Shape, b: Shape): boolean => a.length === b.length && a.every((d, i) => d === b[i]);

/**
 * Shape of an elementwise operation, by NumPy's broadcasting: aligned at the last axis, 1 stretches.
 * A symbol only matches itself or 1.
 */
export function broadcast(a: Shape, b: Shape): Shape {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const x = a[i - rank + a.length] ?? 1;
    const y = b[i - rank + b.length] ?? 1;
    if (x === y || y === 1) return x;
    if (x === 1) return y;
    throw new ShapeError(`shapes do not broadcast, ${showShape(a)} and ${showShape(b)} (${x} ≠ ${y})`);
  });
}

/** Axis counted from the end when negative, checked against the rank. */
export function axisOf(axis: number, rank: number): number {
  const a = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(a) || a < 0 || a >= rank) throw new ShapeError(`axis ${axis} does not exist in rank ${rank}`);
  return a;
}

/** The numeric product and the sorted symbols of a shape: two shapes hold equally many elements iff both agree. */
export function volume(shape: Shape): { readonly count: number; readonly symbols: string } {
  const symbols = shape.filter((d): d is string => typeof d === 'string').sort();
  return {
    count: shape.reduce<number>((n, d) => (typeof d === 'number' ? n * d : n), 1),
    symbols: symbols.join('·'),
  };
}

/** A dimension that must be a number here. */
export function fixed(dim: Dim | undefined, what: string): number {
  if (typeof dim !== 'number')
    throw new ShapeError(`${what} must be known when the graph is built, got ${dim ?? 'nothing'}`);
  return dim;
}
