/** What tells {@link grad} to compute parts of the forward pass a second time instead of keeping their values. */
import { ShapeError } from '../../core/errors.ts';
import type { Value } from '../graph.ts';
import type { Op } from '../op.ts';
import { showShape } from '../shape.ts';
import { copy, view } from './costs.ts';
import { cast } from './elementwise.ts';

/** Itself: the engine drops such nodes. */
const checkpointOp: Op = {
  name: 'checkpoint',
  infer: ([x]) => x!,
  vjp: (_, dy) => [() => dy],
  onnx: (emit, [x]) => emit.node('Identity', [x!]),
  cost: view,
  interpret: ([x]) => x!,
};

/** A choice between x and x, by a value of the other: the engine does not see that it is none. */
const afterOp: Op = {
  name: 'after',
  infer([x, other]) {
    if (other!.dtype !== 'float32' || other!.shape.length === 0)
      throw new ShapeError(`wants to come after a float32 array, got ${other!.dtype}${showShape(other!.shape)}`);
    return x!;
  },
  vjp: (_, dy) => [() => dy, null],
  onnx(emit, [x, other], { inputs }) {
    const rank = inputs[1]!.shape.length;
    const index = (value: number) => emit.constant('int64', Array(rank).fill(value), [rank]);
    const one = emit.node('Reshape', [
      emit.node('Slice', [other!, index(0), index(1)]),
      emit.constant('int64', [], [0]),
    ]);
    return emit.node('Where', [emit.node('IsNaN', [one]), x!, x!]);
  },
  cost: ([x], result) => ({ ...copy([x!], result), nodes: 4 }),
  interpret: ([x]) => x!,
};

/**
 * x, which is kept for the backward pass. Where a graph has such values, what is computed between two of them is not kept but
 * computed again.
 *
 * @see Chen et al. 2016, arXiv:1604.06174
 */
export const checkpoint = (x: Value): Value => x.graph.apply(checkpointOp, [x], {});

/** x, but not before `other` is computed: so that what is made of it is computed then, and not taken for what was computed before. */
export const after = (x: Value, other: Value): Value =>
  // The engine has no choice between uint32.
  x.dtype === 'uint32' ? cast(after(cast(x, 'int32'), other), 'uint32') : x.graph.apply(afterOp, [x, other], {});

export const isCheckpoint = ({ op }: Value): boolean => op === checkpointOp;

export const recomputeOps = { checkpoint: checkpointOp, after: afterOp };
