import { mkdtempSync } from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Checkpoint, openCheckpoint } from '../../src/checkpoint/checkpoint.ts';
import { writeRandomCheckpoint } from '../../src/checkpoint/random-checkpoint.ts';
import { random } from '../../src/core/random.ts';
import type { LoraOptions } from '../../src/lora/options.ts';
import { baseFolder } from '../../src/models/base.ts';
import { type DecoderSpec, describeModel } from '../../src/models/registry.ts';
import { adamw } from '../../src/optim/adamw.ts';
import type { TrainerOptions } from '../../src/train/trainer.ts';

/** A folder of its own for a test. */
export const temporaryFolder = (): string => mkdtempSync(join(tmpdir(), 'emotune-test-'));

/** A Llama small enough for any test: 3 layers × 32, grouped heads. */
export const tinyConfig = {
  architectures: ['LlamaForCausalLM'],
  model_type: 'llama',
  hidden_size: 32,
  intermediate_size: 48,
  num_hidden_layers: 3,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  head_dim: 8,
  vocab_size: 8192,
  max_position_embeddings: 128,
  rms_norm_eps: 1e-5,
  rope_theta: 10_000,
  tie_word_embeddings: true,
  hidden_act: 'silu',
  bos_token_id: 8190,
  eos_token_id: 8191,
} as const;

export const tinyLora: LoraOptions = {
  rank: 4,
  alpha: 8,
  dropout: 0,
  targetModules: 'all-linear',
  rslora: false,
  dora: false,
};

export async function tinyModel(): Promise<{ readonly checkpoint: Checkpoint; readonly spec: DecoderSpec }> {
  const dir = temporaryFolder();
  await writeRandomCheckpoint(dir, tinyConfig, { seed: 3, dtype: 'F32' });
  const checkpoint = await openCheckpoint(dir);
  return { checkpoint, spec: describeModel(checkpoint.config) };
}

export const trainerOptions = (
  model: Awaited<ReturnType<typeof tinyModel>>,
  lora: Partial<LoraOptions> = {},
): TrainerOptions => ({
  ...model,
  task: 'single_label_classification',
  labels: 3,
  lora: { ...tinyLora, ...lora },
  optimizer: adamw({ betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0.01 }),
  maxGradNorm: 1,
  microBatchTokens: 1000,
  seed: 0,
});

/** Token ids of texts of different lengths. */
export function randomTexts(count: number, seed: number): Int32Array[] {
  const rng = random(seed);
  return Array.from({ length: count }, () => Int32Array.from({ length: 1 + rng.integer(20) }, () => rng.integer(8000)));
}

/** A folder with the tiny model and nano-llama's tokenizer: a base that trains in a moment. */
export async function tinyBase(config: Readonly<Record<string, unknown>> = {}): Promise<string> {
  const dir = temporaryFolder();
  await writeRandomCheckpoint(dir, { ...tinyConfig, ...config }, { seed: 3, dtype: 'F32' });
  await copyFile(join(baseFolder('nano'), 'tokenizer.json'), join(dir, 'tokenizer.json'));
  return dir;
}
