import type { Preset, presets } from '../../src/checkpoint/presets.ts';
import { llamaTensors } from '../../src/checkpoint/random-checkpoint.ts';
import type { TensorEntry } from '../../src/checkpoint/safetensors.ts';
import { sizeOf } from '../../src/core/tensor.ts';
import { describeModel } from '../../src/models/registry.ts';
import { adamw } from '../../src/optim/adamw.ts';
import type { Workload } from '../../src/train/workload.ts';
import { type tinyConfig, tinyLora } from './model.ts';

export const texts = Array.from({ length: 64 }, (_, i) => [10 + ((7 * i) % 50)]);

/** LoRA of rank 16 on every linear layer of a model that needs not exist. */
export function workload(
  config: (typeof presets)[Preset] | typeof tinyConfig,
  change: Partial<Workload> = {},
): Workload {
  const tensors = llamaTensors(config).map(
    ({ name, shape }) => [name, { name, shape, dtype: 'BF16', byteLength: 2 * sizeOf(shape) } as TensorEntry] as const,
  );
  return {
    spec: describeModel(config),
    tensors: new Map(tensors),
    task: 'single_label_classification',
    labels: 7,
    lora: { ...tinyLora, rank: 16, alpha: 32 },
    optimizer: adamw({ betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0 }),
    maxGradNorm: 1,
    microBatchTokens: 2048,
    epochs: 3,
    batchSize: 16,
    examples: { train: 64, validation: 8, test: 8 },
    lengths: { train: texts, validation: texts.slice(0, 8), test: texts.slice(0, 8) },
    ...change,
  };
}
