import { float32, type Tensor } from '../core/tensor.ts';
import { siteOf } from './options.ts';
import type { Adapter } from './peft.ts';

/**
 * The weight with its update folded in.
 *
 *     W' = W + s·B A,   with DoRA: W' = m ∘ (W + s·B A) / ‖W + s·B A‖ by rows;   s = alpha / rank
 *
 * Shapes: W [out, in], A [rank, in], B [out, rank], m [out] → [out, in]. A tensor without an update is returned as it is.
 */
export function mergedWeight(name: string, weight: Tensor, { options, tensors }: Adapter): Tensor {
  const path = name.replace(/\.weight$/, '');
  const [a, b, m] = ['lora_A.weight', 'lora_B.weight', 'lora_magnitude_vector'].map((part) =>
    tensors.get(`${path}.${part}`),
  );
  if (!a || !b) return weight;
  const [rows, width] = weight.shape as [number, number];
  const { rank, scale } = siteOf(path, options)!;
  const out = new Float32Array(rows * width);
  for (let r = 0; r < rows; r++) {
    const row = out.subarray(r * width, (r + 1) * width);
    row.set(weight.data.subarray(r * width, (r + 1) * width));
    for (let k = 0; k < rank; k++)
      addScaled(row, a.data.subarray(k * width, (k + 1) * width), scale * b.data[r * rank + k]!);
    if (m) rescale(row, m.data[r]!);
  }
  return float32(out, weight.shape);
}

function addScaled(row: Float32Array, by: ArrayLike<number>, factor: number): void {
  for (let i = 0; i < row.length; i++) row[i]! += factor * by[i]!;
}

function rescale(row: Float32Array, magnitude: number): void {
  let squares = 0;
  for (const w of row) squares += w * w;
  const factor = magnitude / Math.sqrt(squares);
  for (let i = 0; i < row.length; i++) row[i]! *= factor;
}
