import { sizeOf } from '../../core/tensor.ts';
import type { OpCost, Sized } from '../op.ts';

/** The kinds of costs that most ops have. */

const bytesOf = (tensors: readonly Sized[]): number => tensors.reduce((n, t) => n + t.bytes, 0);

/** Nothing is computed when the graph runs. */
export const leaf = (): OpCost => ({ kind: 'leaf', nodes: 0, flops: 0, bytes: 0, scratchBytes: 0 });

/** The result is the first input's memory, read in another shape. */
export const view = (): OpCost => ({ kind: 'view', nodes: 1, flops: 0, bytes: 0, scratchBytes: 0 });

/** Each element of the result is computed from those at its place. */
export const elementwisePass = (inputs: readonly Sized[], result: Sized): OpCost => ({
  kind: 'elementwise',
  nodes: 1,
  flops: sizeOf(result.shape),
  bytes: bytesOf(inputs) + result.bytes,
  scratchBytes: 0,
});

/** Elements are moved, not changed. */
export const copy = (inputs: readonly Sized[], result: Sized): OpCost => ({
  kind: 'pass',
  nodes: 1,
  flops: 0,
  bytes: bytesOf(inputs) + result.bytes,
  scratchBytes: 0,
});

/** The rows of the result are looked up: as much is read as is written. */
export const lookUp = (_: readonly Sized[], result: Sized): OpCost => copy([result], result);

/** Several passes over the first input, each with the given number of operations for an element. */
export const reduction =
  (flopsPerElement: number) =>
  ([x]: readonly Sized[], result: Sized): OpCost => ({
    ...copy([x!], result),
    flops: flopsPerElement * sizeOf(x!.shape),
  });
