import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openCheckpoint } from '../src/checkpoint/checkpoint.ts';
import { writeRandomCheckpoint } from '../src/checkpoint/random-checkpoint.ts';
import { readTensor, writeSafetensors } from '../src/checkpoint/safetensors.ts';
import { random } from '../src/core/random.ts';
import { float32, type Tensor } from '../src/core/tensor.ts';
import { inPrecision } from '../src/models/precision.ts';
import { describeModel } from '../src/models/registry.ts';
import type { Precision } from '../src/nn/linear.ts';
import { sgd } from '../src/optim/sgd.ts';
import { Device } from '../src/runtime/device.ts';
import { lossTarget } from '../src/train/targets.ts';
import { Trainer } from '../src/train/trainer.ts';
import { temporaryFolder, tinyConfig, tinyLora } from './support/model.ts';
import { hasHalf } from './support/webgpu.ts';

/**
 * Gradients in int8, and in half precision on a GPU that has it, where activations have the outliers of large Llamas:
 * a token, or channels of the residual stream, far larger than the rest.
 */
const width = 1024;
const config = {
  ...tinyConfig,
  hidden_size: width,
  intermediate_size: 2816,
  num_hidden_layers: 6,
  num_attention_heads: 16,
  num_key_value_heads: 4,
  head_dim: 64,
  vocab_size: 512,
};
const token = 7;
const folder = temporaryFolder();
const device = new Device({ threads: 2 });
let weights: Map<string, Tensor>;

beforeAll(async () => {
  await writeRandomCheckpoint(folder, config, { seed: 3, dtype: 'F32' });
  const { tensors } = await openCheckpoint(folder);
  weights = new Map();
  for (const [name, entry] of tensors) weights.set(name, await readTensor(entry));
});
afterAll(async () => {
  await device.close();
  await rm(folder, { recursive: true });
});

/** The base with embeddings of size 1, those of one token and some channels larger. */
async function baseWith(size: (token: number, channel: number) => number) {
  const name = 'model.embed_tokens.weight';
  const { data, shape } = weights.get(name)!;
  const embeddings = Float32Array.from(data, (v, i) => 50 * v * size(Math.floor(i / width), i % width));
  await writeSafetensors(join(folder, 'model.safetensors'), new Map([...weights, [name, float32(embeddings, shape)]]));
  return openCheckpoint(folder);
}

/** A step of plain descent at rate 1 takes the gradient off the trained values. */
async function gradients(checkpoint: Awaited<ReturnType<typeof baseWith>>, precision: Precision, on = device) {
  const spec = describeModel(checkpoint.config);
  const trainer = await Trainer.open(on, {
    checkpoint: await inPrecision(checkpoint, spec, precision, { cacheDir: join(folder, 'hub') }),
    spec,
    labels: 3,
    task: 'single_label_classification',
    lora: { ...tinyLora, rank: 16, alpha: 32 },
    optimizer: sgd({ momentum: 0, weightDecay: 0 }),
    maxGradNorm: undefined,
    microBatchTokens: 4000,
    precision,
    seed: 0,
  });
  // With B at zero the gradients of A would be zero.
  const draw = random(5);
  const start = Array.from(
    await trainer.tensors(),
    ([name, { data, shape }]) =>
      [
        name,
        float32(
          Float32Array.from(data, () => 0.02 * draw.normal()),
          shape,
        ),
      ] as const,
  );
  await trainer.load(new Map(start));
  const ids = random(9);
  const examples = Array.from({ length: 8 }, (_, i) => {
    const text = Int32Array.from({ length: 24 }, (_, at) => (at === 3 ? token : ids.integer(500)));
    const target = [0, 1, 2].map((k) => Number(k === i % 3));
    return { id: `${i}`, sequences: [text], target, loss: lossTarget('single_label_classification', target) };
  });
  await trainer.step(examples, 1);
  const after = await trainer.tensors();
  return new Map(start.map(([n, t]) => [n, t.data.map((v, i) => v - after.get(n)!.data[i]!)]));
}

function cosine(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let [ab, aa, bb] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    ab += a[i]! * b[i]!;
    aa += a[i]! ** 2;
    bb += b[i]! ** 2;
  }
  return ab / Math.sqrt(aa * bb);
}

const oneToken = (id: number) => (id === token ? 100 : 1);
const twoChannels = (_: number, channel: number) => (channel === 100 || channel === 777 ? 50 : 1);

test.each([
  ['one token × 100', 0.99, oneToken],
  ['two channels × 50', 0.985, twoChannels],
] as const)('with %s every gradient has a cosine of at least %f', async (_, bound, size) => {
  const base = await baseWith(size);
  const [exact, rounded] = [await gradients(base, 'fp32'), await gradients(base, 'int8')];
  for (const [name, gradient] of exact) expect(cosine(gradient, rounded.get(name)!), name).toBeGreaterThan(bound);
});

describe.skipIf(!(await hasHalf()))('in half precision on a GPU', () => {
  const gpu = new Device({ choice: { provider: 'webgpu' } });
  afterAll(() => gpu.close());

  test.each([
    ['one token × 100', oneToken],
    ['two channels × 50', twoChannels],
  ] as const)('with %s every gradient has a cosine of at least 0.999', async (_, size) => {
    const base = await baseWith(size);
    const [exact, half] = [await gradients(base, 'fp32'), await gradients(base, 'fp16', gpu)];
    for (const [name, gradient] of exact) expect(cosine(gradient, half.get(name)!), name).toBeGreaterThan(0.999);
  });
});
