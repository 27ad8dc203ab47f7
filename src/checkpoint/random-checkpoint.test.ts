import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { sizeOf } from '../core/tensor.ts';
import { openCheckpoint } from './checkpoint.ts';
import { presets } from './presets.ts';
import { llamaTensors, type RandomCheckpointOptions, writeRandomCheckpoint } from './random-checkpoint.ts';
import { readTensor } from './safetensors.ts';

const tiny = {
  ...presets.nano,
  hidden_size: 8,
  intermediate_size: 12,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  num_key_value_heads: 1,
  head_dim: 4,
  vocab_size: 601,
  tie_word_embeddings: false,
};

async function made(options: Partial<RandomCheckpointOptions> = {}) {
  const dir = await mkdtemp(join(tmpdir(), 'emotune-random-'));
  await writeRandomCheckpoint(dir, tiny, { seed: 1, ...options });
  return openCheckpoint(dir);
}

const valuesOf = async ({ tensors }: Awaited<ReturnType<typeof made>>, name: string) => [
  ...(await readTensor(tensors.get(name)!)).data,
];

test('writes the config and every tensor of the model', async () => {
  const { config, tensors } = await made();
  expect(config).toEqual(tiny);
  expect([...tensors.values()].map(({ name, shape }) => ({ name, shape }))).toEqual(llamaTensors(tiny));
  expect(tensors.get('lm_head.weight')!.dtype).toBe('BF16');
});

test.each(['BF16', 'F16', 'F32'] as const)('draws %s weights from N(0, 0.02²) and gains around 1', async (dtype) => {
  const checkpoint = await made({ dtype });
  const weights = await valuesOf(checkpoint, 'model.embed_tokens.weight');
  const squares = weights.reduce((sum, x) => sum + x * x, 0);
  expect(Math.sqrt(squares / weights.length)).toBeCloseTo(0.02, 3);
  for (const gain of await valuesOf(checkpoint, 'model.norm.weight')) expect(Math.abs(gain - 1)).toBeLessThan(0.1);
});

test('shards hold the same weights', async () => {
  const progress: number[] = [];
  const whole = await made();
  const cut = await made({ maxShardBytes: 6000, onProgress: (written, total) => progress.push(written / total) });
  const files = new Set([...cut.tensors.values()].map((entry) => entry.file.split('/').at(-1)));
  expect([...files]).toEqual([1, 2, 3].map((i) => `model-0000${i}-of-00003.safetensors`));
  expect(await cut.fingerprint()).toBe(await whole.fingerprint());
  expect(progress.at(-1)).toBe(1);
});

test('values depend on the seed and the name', async () => {
  const [first, second] = [await made(), await made({ seed: 2 })];
  const name = 'model.layers.0.self_attn.q_proj.weight';
  expect(await valuesOf(first, name)).toEqual(await valuesOf(await made(), name));
  expect(await valuesOf(first, name)).not.toEqual(await valuesOf(second, name));
  expect(await valuesOf(first, name)).not.toEqual(await valuesOf(first, name.replace('.0.', '.1.')));
});

test.each([
  ['nano', 6_327_552],
  ['llama-3.2-1b', 1_235_814_400],
  ['llama-3-8b', 8_030_261_248],
] as const)('%s has %d parameters', (preset, count) => {
  expect(llamaTensors(presets[preset]).reduce((sum, { shape }) => sum + sizeOf(shape), 0)).toBe(count);
});
