import { float32, sizeOf, type Tensor } from '../core/tensor.ts';
import type { FlatLayout } from '../optim/flat.ts';

/**
 * LoRA+: each trained value's share of the learning rate.
 *
 *     ratio for B and for vectors (DoRA's magnitudes), 1 for A and the head
 *
 * AdamW's decay is coupled to these rates as in PEFT, whose one exception, biases that do not decay, does not arise: none
 * is trained here. [P]
 *
 * @see Hayou et al. 2024, arXiv:2402.12354. Groups as peft's create_loraplus_optimizer: test/parity.test.ts
 */
export function loraPlusRates({ size, parts }: FlatLayout, ratio: number): Tensor {
  const rates = new Float32Array(size).fill(1);
  for (const [name, { shape, offset }] of parts)
    if (name.endsWith('.lora_B.weight') || shape.length === 1) rates.fill(ratio, offset, offset + sizeOf(shape));
  return float32(rates);
}
