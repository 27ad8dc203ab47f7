import { ShapeError } from '../../core/errors.ts';
import { mix32 } from '../../core/random.ts';
import type { Value } from '../graph.ts';
import type { OnnxEmitter, Op } from '../op.ts';
import { broadcast, showType } from '../shape.ts';
import { elementwisePass } from './costs.ts';
import { elementwise } from './elementwise.ts';

/** core/random's `mix32` as ONNX nodes. */
function emitMix(emit: OnnxEmitter, x: string): string {
  const u32 = (v: number) => emit.constant('uint32', [v], []);
  const fold = (h: string, by: number) =>
    emit.node('BitwiseXor', [h, emit.node('BitShift', [h, u32(by)], { direction: 'RIGHT' })]);
  const a = emit.node('Mul', [fold(x, 16), u32(0x85ebca6b)]);
  const b = emit.node('Mul', [fold(a, 13), u32(0xc2b2ae35)]);
  return fold(b, 16);
}

const uniformOp: Op = {
  name: 'uniform',
  infer([a, b]) {
    for (const t of [a!, b!])
      if (t.dtype !== 'uint32') throw new ShapeError(`wants uint32 counters, got ${showType(t)}`);
    return { dtype: 'float32', shape: broadcast(a!.shape, b!.shape) };
  },
  vjp: 'not differentiable',
  onnx(emit, inputs) {
    const hashed = emitMix(emit, emit.node('BitwiseXor', inputs));
    const top = emit.node('BitShift', [hashed, emit.constant('uint32', [8], [])], { direction: 'RIGHT' });
    return emit.node('Mul', [emit.node('Cast', [top], { to: 1 }), emit.constant('float32', [2 ** -24], [])]);
  },
  // Twelve nodes, of which the first broadcasts and the others read and write what it gave.
  cost: (inputs, result) => ({
    ...elementwisePass(inputs, result),
    kind: 'pass',
    nodes: 12,
    flops: 12 * (result.bytes / 4),
    bytes: inputs.reduce((n, x) => n + x.bytes, 0) + 23 * result.bytes,
    scratchBytes: 2 * result.bytes,
  }),
  interpret: ([a, b]) => elementwise((x, y) => (mix32((x! ^ y!) >>> 0) >>> 8) * 2 ** -24, a!, b!),
};

/**
 * Counter-based random numbers: a hash of two broadcast counters, so the same counters give the same number in any batch,
 * session or resumed run (Salmon et al. 2011, doi:10.1145/2063384.2063405).
 *
 *     u = (mix32(a xor b) >> 8) · 2⁻²⁴ ∈ [0, 1)
 *
 * Shapes: a, b uint32, broadcast → float32
 */
export const uniform = (a: Value, b: Value): Value => a.graph.apply(uniformOp, [a, b], {});

export const randomOps = { uniform: uniformOp };
