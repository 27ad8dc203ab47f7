/**
 * Products of a frozen weight in half precision: what goes in is rounded to 16 bits, and so is what comes out, as the
 * hardware of GPUs multiplies.
 *
 *     y = half( half(x) op(W) )
 *
 * @see Micikevicius et al. 2018, arXiv:1710.03740 (mixed precision training). Small cotangents vanish below 6·10⁻⁸: see
 * optim/loss-scaling.ts.
 */
import { ShapeError } from '../../core/errors.ts';
import { sizeOf } from '../../core/tensor.ts';
import type { Value } from '../graph.ts';
import type { Op } from '../op.ts';
import { fixed, showType } from '../shape.ts';
import { onnxTypes } from './elementwise.ts';
import { matmulOp } from './matmul.ts';

interface Attrs {
  readonly transB: boolean;
}

const halfProductOp: Op<Attrs> = {
  name: 'halfProduct',
  infer([x, weight], { transB }) {
    const [inner, outer] = transB ? [1, 0] : [0, 1];
    if (x!.dtype !== 'float32' || weight!.dtype !== 'float16' || x!.shape[1] !== weight!.shape[inner])
      throw new ShapeError(`wants float32 rows and a float16 weight, got ${showType(x!)} and ${showType(weight!)}`);
    return { dtype: 'float32', shape: [x!.shape[0]!, fixed(weight!.shape[outer], 'a side of a weight')] };
  },
  vjp: ({ inputs: [, weight], attrs: { transB } }, dy) => [() => product(dy, weight!, { transB: !transB }), null],
  onnx(emit, [x, weight], { attrs: { transB } }) {
    const narrow = emit.node('Cast', [x!], { to: onnxTypes.float16 });
    const y = emit.node('Gemm', [narrow, weight!], { transB: Number(transB) });
    return emit.node('Cast', [y], { to: onnxTypes.float32 });
  },
  cost: ([x, weight], result) => ({
    kind: 'half product',
    nodes: 3,
    flops: 2 * x!.shape[1]! * sizeOf(result.shape),
    bytes: 2 * x!.bytes + weight!.bytes + 2 * result.bytes,
    scratchBytes: x!.bytes / 2 + result.bytes / 2,
  }),
  // Without rounding, as the engine computes on the processor: what narrows and widens again it leaves out there.
  interpret(inputs, call, env) {
    const attrs = { transA: false, transB: call.attrs.transB, scale: 1 };
    return matmulOp.interpret(inputs, { ...call, attrs } as never, env);
  },
};

const product = (x: Value, weight: Value, attrs: Attrs): Value => x.graph.apply(halfProductOp, [x, weight], attrs);

/**
 * The product with a weight in half precision: x Wᵀ, whose gradient is dy W.
 *
 * Reads `<weight>.float16` [out, in]: see quantize/float16.ts.
 *
 * Shapes: x [N, in] → [N, out]
 */
export function halfProduct(
  x: Value,
  { weight, in: into, out }: { readonly weight: string; readonly in: number; readonly out: number },
): Value {
  return product(x, x.graph.parameterAt(`${weight}.float16`, [out, into], 'float16'), { transB: true });
}

export const halfOps = { halfProduct: halfProductOp as Op };
