import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Checkpoint, openCheckpoint } from '../src/checkpoint/checkpoint.ts';
import type { Task } from '../src/core/task.ts';
import { float32, type Tensor } from '../src/core/tensor.ts';
import { type LoraOptions, siteOf } from '../src/lora/options.ts';
import { type Adapter, readAdapter, writeAdapter } from '../src/lora/peft.ts';
import { describeModel } from '../src/models/registry.ts';
import { adamw } from '../src/optim/adamw.ts';
import { mergeAdapter } from '../src/predict/merge.ts';
import { readClassifier } from '../src/predict/saved-classifier.ts';
import { openScorer } from '../src/predict/scorer.ts';
import { Device } from '../src/runtime/device.ts';
import { lossTarget } from '../src/train/targets.ts';
import { Trainer } from '../src/train/trainer.ts';
import { type FixtureRow, fixtures, json, maxDifference, rowsOf, tensorsOf } from './support/fixtures.ts';
import { randomTexts, temporaryFolder, tinyModel, trainerOptions } from './support/model.ts';

/** PiSSA against PEFT's: test/fixtures/make_fixtures.py. The signs of singular vectors are free, so products are compared. */
const device = new Device({ threads: 1 });
afterAll(() => device.close());

/** s·BA of every module of an adapter. */
function products({ options, tensors }: Pick<Adapter, 'options' | 'tensors'>): Map<string, number[]> {
  const out = new Map<string, number[]>();
  for (const [name, a] of tensors) {
    if (!name.endsWith('.lora_A.weight')) continue;
    const path = name.slice(0, -'.lora_A.weight'.length);
    const b = tensors.get(`${path}.lora_B.weight`)!;
    const { rank, scale } = siteOf(path, options)!;
    const width = a.shape[1]!;
    const sum = (i: number) => {
      let total = 0;
      for (let k = 0; k < rank; k++)
        total += b.data[Math.floor(i / width) * rank + k]! * a.data[k * width + (i % width)]!;
      return scale * total;
    };
    out.set(
      path,
      Array.from({ length: b.shape[0]! * width }, (_, i) => sum(i)),
    );
  }
  return out;
}

async function logitsOf(folder: string, base: string, texts: readonly Int32Array[]): Promise<number[]> {
  const saved = await readClassifier(folder, { base });
  const scorer = await openScorer(device, saved);
  const logits = (await scorer.logits(texts, saved.parameters)).flat();
  await scorer.release();
  return logits;
}

const modelOf = (name: string) => join(fixtures, name, 'model');
const textsOf = (rows: readonly FixtureRow[]) => rows.map((r) => Int32Array.from(r.ids));

describe.each(['pissa-patterns', 'pissa-rslora-dora'])('%s', (name) => {
  const { lora, losses, optimizer } = json(name, 'pissa.json');
  const task: Task = 'single_label_classification';
  let checkpoint: Checkpoint;
  let rows: FixtureRow[];
  let expected: Map<string, Tensor>;
  let trainer: Trainer;
  const options: LoraOptions = {
    rank: lora.r,
    alpha: lora.lora_alpha,
    dropout: 0,
    targetModules: 'all-linear',
    rankPattern: lora.rank_pattern,
    alphaPattern: lora.alpha_pattern,
    rslora: lora.use_rslora ?? false,
    dora: lora.use_dora ?? false,
    init: 'pissa',
  };

  beforeAll(async () => {
    checkpoint = await openCheckpoint(modelOf(name));
    rows = await rowsOf(name, task, 6);
    expected = await tensorsOf(join(fixtures, name, 'expected.safetensors'));
    trainer = await Trainer.open(device, {
      checkpoint,
      spec: describeModel(checkpoint.config),
      labels: 6,
      task,
      lora: options,
      optimizer: adamw({ betas: optimizer.betas, eps: optimizer.eps, weightDecay: optimizer.weight_decay }),
      maxGradNorm: undefined,
      microBatchTokens: 1000,
      seed: 0,
    });
  });

  test('starts from PEFT’s principal part of every weight, and from the base’s logits', async () => {
    const ours = products({ options, tensors: await trainer.tensors() });
    const theirs = [...expected].filter(([key]) => key.startsWith('products.'));
    expect(theirs.map(([key]) => key.slice('products.'.length)).sort()).toEqual([...ours.keys()].sort());
    // PEFT decomposes in float32: where the first value left out is close to the last, its plane is that uncertain.
    for (const [key, { data }] of theirs)
      expect(maxDifference(data, ours.get(key.slice('products.'.length))!), key).toBeLessThan(2e-5);
    const logits = (await trainer.logits(textsOf(rows))).flat();
    expect(maxDifference(logits, expected.get('logits')!.data)).toBeLessThan(5e-6);
  });

  test('takes PEFT’s ten steps, and is saved as plain LoRA on the untouched base', async () => {
    const examples = rows.map(({ ids, target }, i) => {
      return { id: `${i}`, sequences: [Int32Array.from(ids)], target, loss: lossTarget(task, target) };
    });
    const ours: number[] = [];
    for (let t = 0; t < 10; t++) ours.push((await trainer.step(examples, optimizer.lr)).loss);
    expect(maxDifference(ours, losses)).toBeLessThan(1e-5);
    const trained = expected.get('logits_trained')!.data;
    expect(maxDifference((await trainer.logits(textsOf(rows))).flat(), trained)).toBeLessThan(1e-4);

    const folder = temporaryFolder();
    const adapter = await trainer.adapter(await trainer.tensors());
    await writeAdapter(folder, { ...adapter, baseModel: undefined });
    expect(maxDifference(await logitsOf(folder, modelOf(name), textsOf(rows)), trained)).toBeLessThan(1e-4);
  });
});

describe('PEFT’s own converted adapter', () => {
  const name = 'pissa-patterns';
  test('is read here with its logits', async () => {
    const rows = await rowsOf(name, 'single_label_classification', 6);
    const expected = await tensorsOf(join(fixtures, name, 'expected.safetensors'));
    const ours = await logitsOf(join(fixtures, name, 'converted'), modelOf(name), textsOf(rows));
    expect(maxDifference(ours, expected.get('logits_converted')!.data)).toBeLessThan(5e-6);
  });

  test('has the ranks, alphas and scales that ours has', async () => {
    const { lora } = json(name, 'pissa.json');
    const { options } = await readAdapter(join(fixtures, name, 'converted'));
    expect(options).toMatchObject({ rank: 2 * lora.r, alpha: 2 * lora.lora_alpha });
    expect(options).toMatchObject({ rankPattern: { q_proj: 16 }, alphaPattern: { v_proj: 4 } });
  });
});

describe('a model with PiSSA', () => {
  const texts = randomTexts(5, 7);
  const open = async (options: Parameters<typeof trainerOptions>[1], seed = 0) =>
    Trainer.open(device, { ...trainerOptions(await tinyModel(), options), seed });
  const examples = texts.map((ids, i) => {
    const target = [0, 1, 2].map((k) => Number(k === i % 3));
    return { id: `${i}`, sequences: [ids], target, loss: lossTarget('single_label_classification', target) };
  });

  test('answers as its base before training, to the bit', async () => {
    const [plain, pissa] = [await open({}), await open({ init: 'pissa' })];
    expect(await pissa.logits(texts)).toEqual(await plain.logits(texts));
  });

  test('learns nothing into the frozen factors, in chosen layers only', async () => {
    const trainer = await open({ init: 'pissa', layersToTransform: [1], targetModules: ['q_proj'], dropout: 0.1 });
    const before = (await trainer.state()).get('frozen')!;
    const start = await trainer.tensors();
    const [a, b] = ['A', 'B'].map((f) => start.get(`model.layers.1.self_attn.q_proj.lora_${f}.weight`)!);
    expect(Array.from(before.data)).toEqual([...a!.data, ...b!.data]);
    await trainer.step(examples, 1e-2);
    expect((await trainer.state()).get('frozen')).toEqual(before);
    for (const [key, value] of await trainer.tensors()) expect(value, key).not.toEqual(start.get(key));
  });

  test('goes on from its state, the frozen vector included', async () => {
    const first = await open({ init: 'pissa' });
    await first.step(examples, 1e-2);
    const state = await first.state();
    const options = { ...trainerOptions(await tinyModel(), { init: 'pissa' }), seed: 5 };
    const again = await Trainer.open(device, { ...options, frozen: state.get('frozen') });
    await again.restore(1, state);
    expect(await again.state()).toEqual(state);
    expect(await again.logits(texts)).toEqual(await first.logits(texts));
    await expect(Trainer.open(device, { ...options, frozen: float32([1]) })).rejects.toThrow(
      /the checkpoint holds 1 frozen values, the run has \d+/,
    );
  });

  test('is merged from its saved form', async () => {
    const trainer = await open({ init: 'pissa', rslora: true, alphaPattern: { q_proj: 2 } });
    await trainer.step(examples, 1e-2);
    const [folder, base, merged] = [temporaryFolder(), temporaryFolder(), join(temporaryFolder(), 'merged')];
    const { checkpoint } = await tinyModel();
    cpSync(checkpoint.dir, base, { recursive: true });
    cpSync(join(fixtures, '..', '..', 'assets', 'nano-llama', 'tokenizer.json'), join(base, 'tokenizer.json'));
    await writeAdapter(folder, { ...(await trainer.adapter(await trainer.tensors())), baseModel: base });
    const own = (await trainer.logits(texts)).flat();
    expect(maxDifference(await logitsOf(folder, base, texts), own)).toBeLessThan(1e-5);
    await mergeAdapter(folder, merged, { base, dtype: 'F32' });
    expect(maxDifference(await logitsOf(merged, base, texts), own)).toBeLessThan(1e-5);
  });
});
