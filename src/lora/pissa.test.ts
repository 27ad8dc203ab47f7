import { describe, expect, test } from 'vitest';
import { float32 } from '../core/tensor.ts';
import { type LoraOptions, siteOf } from './options.ts';
import { toPlainLora } from './pissa.ts';

const q = 'model.layers.0.self_attn.q_proj';
const options: LoraOptions = {
  rank: 2,
  alpha: 6,
  dropout: 0.1,
  targetModules: ['q_proj', 'v_proj'],
  layersToTransform: [0],
  rslora: false,
  dora: true,
  init: 'pissa',
};
const tensors = new Map([
  [`${q}.lora_A.weight`, float32([1, 2, 3, 4, 5, 6], [2, 3])],
  [`${q}.lora_B.weight`, float32([1, 2, 3, 4], [2, 2])],
  [`${q}.lora_magnitude_vector`, float32([7, 8])],
  ['score.weight', float32([9], [1, 1])],
]);
const initial = new Map([
  [`${q}.pissa_A.weight`, float32([10, 20, 30, 40, 50, 60], [2, 3])],
  [`${q}.pissa_B.weight`, float32([10, 20, 30, 40], [2, 2])],
]);

describe('a PiSSA adapter as plain LoRA', () => {
  test('has A over A₀ and B beside −B₀; magnitudes and the head stay', () => {
    const plain = toPlainLora({ options, tensors }, initial).tensors;
    expect(plain.get(`${q}.lora_A.weight`)).toEqual(float32([1, 2, 3, 4, 5, 6, 10, 20, 30, 40, 50, 60], [4, 3]));
    expect(plain.get(`${q}.lora_B.weight`)).toEqual(float32([1, 2, -10, -20, 3, 4, -30, -40], [2, 4]));
    expect(plain.get(`${q}.lora_magnitude_vector`)).toBe(tensors.get(`${q}.lora_magnitude_vector`));
    expect(plain.get('score.weight')).toBe(tensors.get('score.weight'));
  });

  test.each<Partial<LoraOptions>>([
    {},
    { rslora: true },
    { rankPattern: { q_proj: 3 } },
    { alphaPattern: { q_proj: 5 } },
    { rslora: true, rankPattern: { v_proj: 4 }, alphaPattern: { q_proj: 5 } },
  ])('has twice the rank at the same scale everywhere: %o', (change) => {
    const before = { ...options, ...change };
    const { options: after } = toPlainLora({ options: before, tensors }, initial);
    for (const path of [q, 'model.layers.0.self_attn.v_proj']) {
      const [old, now] = [siteOf(path, before)!, siteOf(path, after)!];
      expect(now.rank).toBe(2 * old.rank);
      expect(now.scale).toBeCloseTo(old.scale, 14);
    }
    expect(after).toMatchObject({ dropout: 0.1, layersToTransform: [0], dora: true });
    expect(after.init).toBeUndefined();
  });
});
