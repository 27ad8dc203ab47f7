import { elementwiseOps } from './elementwise.ts';
import { halfOps } from './half.ts';
import { int4Ops } from './int4.ts';
import { int8Ops } from './int8.ts';
import { layoutOps } from './layout.ts';
import { leafOps } from './leaf.ts';
import { matmulOps } from './matmul.ts';
import { randomOps } from './random.ts';
import { recomputeOps } from './recompute.ts';
import { reduceOps } from './reduce.ts';
import { rowOps } from './rows.ts';

/** Every primitive operation there is. */
export const ops = {
  ...leafOps,
  ...elementwiseOps,
  ...reduceOps,
  ...matmulOps,
  ...layoutOps,
  ...rowOps,
  ...halfOps,
  ...int8Ops,
  ...int4Ops,
  ...randomOps,
  ...recomputeOps,
} as const;

export type OpName = keyof typeof ops;

export * from './elementwise.ts';
export { halfProduct } from './half.ts';
export { hasInt4Blocks, int4BlockSize, int4Product, int4ProductWrittenOut } from './int4.ts';
export { int8Product, quantizeRows, rowScales } from './int8.ts';
export * from './layout.ts';
export { filled, iota } from './leaf.ts';
export { type MatmulOptions, matmul } from './matmul.ts';
export { uniform } from './random.ts';
export { after, checkpoint, isCheckpoint } from './recompute.ts';
export { logSoftmax, meanLast, softmax, sum } from './reduce.ts';
export { gather, padRows, scatterAddLike, unpadRows } from './rows.ts';
