import { elementwiseOps } from './elementwise.ts';
import { layoutOps } from './layout.ts';
import { leafOps } from './leaf.ts';
import { matmulOps } from './matmul.ts';
import { quantizedOps } from './quantized.ts';
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
  ...quantizedOps,
  ...randomOps,
  ...recomputeOps,
} as const;

export type OpName = keyof typeof ops;

export * from './elementwise.ts';
export * from './layout.ts';
export { filled, iota } from './leaf.ts';
export { type MatmulOptions, matmul } from './matmul.ts';
export { int8Product, quantizeRows, rowScales } from './quantized.ts';
export { uniform } from './random.ts';
export { after, checkpoint, isCheckpoint } from './recompute.ts';
export { logSoftmax, meanLast, softmax, sum } from './reduce.ts';
export { gather, padRows, scatterAddLike, unpadRows } from './rows.ts';
