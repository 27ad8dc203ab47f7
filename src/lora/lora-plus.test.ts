import { expect, test } from 'vitest';
import { loraPlusRates } from './lora-plus.ts';

test('LoRA+ trains B and magnitudes faster, A and the head as they were', () => {
  const q = 'model.layers.0.self_attn.q_proj';
  const parts = new Map([
    [`${q}.lora_A.weight`, { shape: [1, 2], offset: 0 }],
    [`${q}.lora_B.weight`, { shape: [3, 1], offset: 2 }],
    [`${q}.lora_magnitude_vector`, { shape: [3], offset: 5 }],
    ['score.weight', { shape: [2, 2], offset: 8 }],
  ]);
  expect(Array.from(loraPlusRates({ size: 12, parts }, 16).data)).toEqual([1, 1, 16, 16, 16, 16, 16, 16, 1, 1, 1, 1]);
});
