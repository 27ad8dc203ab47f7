import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Graph } from '../src/graph/graph.ts';
import { withLora } from '../src/lora/lora.ts';
import { classifier, languageModel } from '../src/models/model.ts';
import { inPrecision } from '../src/models/precision.ts';
import { openEmbeddings } from '../src/models/weights.ts';
import { dense, type Precision } from '../src/nn/linear.ts';
import { pack } from '../src/optim/flat.ts';
import { loadOverCheckpoint, openScorer, packedFeeds } from '../src/predict/scorer.ts';
import { Device } from '../src/runtime/device.ts';
import { gradientGraph, lossOf } from '../src/train/graphs.ts';
import { lossTarget } from '../src/train/targets.ts';
import { type TrainExample, Trainer } from '../src/train/trainer.ts';
import { randomTexts, temporaryFolder, tinyConfig, tinyLora, tinyModel, trainerOptions } from './support/model.ts';

/** What must not matter does not, and what must stay stays. */
const device = new Device({ threads: 1 });
afterAll(() => device.close());
let model: Awaited<ReturnType<typeof tinyModel>>;
beforeAll(async () => {
  model = await tinyModel();
});

const examples = (count: number): TrainExample[] =>
  randomTexts(count, 5).map((ids, i) => {
    const target = [0, 1, 2].map((k) => Number(k === i % 3));
    return { id: `e${i}`, sequences: [ids], target, loss: lossTarget('single_label_classification', target) };
  });
const flat = (rows: readonly (readonly number[])[]) => rows.flat();
const maxDifference = (a: readonly number[], b: readonly number[]) => Math.max(...a.map((v, i) => Math.abs(v - b[i]!)));

describe('logits', () => {
  test('do not depend on the other texts of a batch, nor on their order', async () => {
    const trainer = await Trainer.open(device, trainerOptions(model));
    await trainer.step(examples(9), 1e-2);
    const texts = randomTexts(12, 8);
    const together = await trainer.logits(texts);
    const alone = await Promise.all(texts.map(async (t) => (await trainer.logits([t]))[0]!));
    const reversed = (await trainer.logits([...texts].reverse())).reverse();
    expect(maxDifference(flat(together), flat(alone))).toBeLessThan(1e-5);
    expect(maxDifference(flat(together), flat(reversed))).toBeLessThan(1e-5);
    expect(maxDifference(together[0]!, together[1]!)).toBeGreaterThan(1e-4);
  });

  test('are the same where what all texts begin with is computed once', async () => {
    const trainer = await Trainer.open(device, trainerOptions(model));
    await trainer.step(examples(9), 1e-2);
    const prompt = randomTexts(1, 3)[0]!;
    const texts = randomTexts(9, 4).map((text) => Int32Array.of(...prompt, ...text));
    const together = await trainer.logits(texts);
    const alone: (readonly number[])[] = [];
    for (const text of texts) alone.push((await trainer.logits([text]))[0]!);
    expect(maxDifference(flat(together), flat(alone))).toBeLessThan(1e-5);
    expect(maxDifference(together[0]!, together[1]!)).toBeGreaterThan(1e-4);
  });

  test('of a fresh adapter equal the base model’s', async () => {
    const trainer = await Trainer.open(device, trainerOptions(model));
    const head = (await trainer.tensors()).get('score.weight')!;
    const graph = new Graph();
    const logits = classifier(graph, model.spec, { labels: 3 }, { linear: dense, embeddings: 'given' });
    graph.output('logits', logits);
    const layout = { size: head.data.length, parts: new Map([['score.weight', { shape: head.shape, offset: 0 }]]) };
    const base = await openScorer(device, { ...model, labels: 3, linear: dense, layout });
    const texts = randomTexts(6, 2);
    const plain = await base.logits(
      texts,
      pack(layout, () => head),
    );
    expect(maxDifference(flat(await trainer.logits(texts)), flat(plain))).toBeLessThan(1e-6);
  });

  test('of a token do not depend on later tokens', async () => {
    const graph = new Graph();
    graph.output('logits', languageModel(graph, model.spec, { linear: dense, embeddings: 'given' }));
    const session = await loadOverCheckpoint(device, graph, {
      checkpoint: model.checkpoint,
      layout: { size: 0, parts: new Map() },
      label: 'lm',
    });
    const lookUp = await openEmbeddings(model.checkpoint, model.spec);
    const text = randomTexts(1, 4)[0]!.slice(0, 6);
    const changed = Int32Array.from([...text.slice(0, 5), 17]);
    const logits = async (ids: Int32Array) =>
      (await session.run(await packedFeeds([ids], lookUp))).tensors.logits!.data;
    const [a, b] = [await logits(text), await logits(changed)];
    const before = 5 * tinyConfig.vocab_size;
    expect(maxDifference([...a.slice(0, before)], [...b.slice(0, before)])).toBe(0);
    expect(maxDifference([...a.slice(before)], [...b.slice(before)])).toBeGreaterThan(1e-3);
  });
});

describe('a step', () => {
  const threeSteps = async (microBatchTokens: number, dropout = 0, order = (e: TrainExample[]) => e) => {
    const trainer = await Trainer.open(device, { ...trainerOptions(model, { dropout }), microBatchTokens });
    const losses = [];
    for (let i = 0; i < 3; i++) losses.push((await trainer.step(order(examples(10)), 1e-2)).loss);
    return { losses, weights: [...(await trainer.tensors()).values()].flatMap((t) => Array.from(t.data)) };
  };

  test.each([0, 0.3])('does not depend on how its batch is cut or ordered, dropout %d', async (dropout) => {
    const whole = await threeSteps(10_000, dropout);
    for (const other of [
      await threeSteps(40, dropout),
      await threeSteps(1, dropout),
      await threeSteps(10_000, dropout, (e) => [...e].reverse()),
    ]) {
      expect(maxDifference(whole.losses, other.losses)).toBeLessThan(1e-5);
      expect(maxDifference(whole.weights, other.weights)).toBeLessThan(1e-4);
    }
  });

  test.each([
    ['plain', {}, {}],
    ['dropout', { dropout: 0.3 }, {}],
    ['DoRA', { dora: true }, {}],
    ['int8', { dropout: 0.3 }, { precision: 'int8' as const }],
    ['of the upper layers', { layersToTransform: [1, 2] }, {}],
  ])('is the same to the last bit with gradient checkpointing: %s', async (_, lora, other) => {
    const hub = { cacheDir: join(temporaryFolder(), 'hub') };
    const precision: Precision = 'precision' in other ? other.precision : 'fp32';
    const checkpoint = await inPrecision(model.checkpoint, model.spec, precision, hub);
    const trained = async (gradientCheckpointing: boolean) => {
      const options = { ...trainerOptions(model, lora), checkpoint, precision, gradientCheckpointing };
      const trainer = await Trainer.open(device, options);
      const steps = [];
      for (let i = 0; i < 3; i++) steps.push(await trainer.step(examples(10), 1e-2));
      return { steps, state: await trainer.state() };
    };
    expect(await trained(true)).toEqual(await trained(false));
  });

  test('an example of weight 2 counts as two, and one of two windows as two halves', async () => {
    const [a, b, c] = examples(3) as [TrainExample, TrainExample, TrainExample];
    const weightsAfter = async (batch: TrainExample[]) => {
      const trainer = await Trainer.open(device, trainerOptions(model));
      const { loss } = await trainer.step(batch, 1e-2);
      return [loss, ...[...(await trainer.tensors()).values()].flatMap((t) => Array.from(t.data))];
    };
    const twice = await weightsAfter([a, { ...a, id: 'again' }, b]);
    expect(maxDifference(await weightsAfter([{ ...a, weight: 2 }, b]), twice)).toBeLessThan(1e-5);
    const windows = { ...a, sequences: [...a.sequences, ...b.sequences] };
    const halves = [
      { ...a, weight: 0.5 },
      { ...a, id: 'b', sequences: b.sequences, weight: 0.5 },
    ];
    expect(maxDifference(await weightsAfter([windows, c]), await weightsAfter([...halves, c]))).toBeLessThan(1e-5);
  });

  test('with dropout differs from one without, and is itself again with the same seed', async () => {
    const [with1, with2, without] = [await threeSteps(1000, 0.3), await threeSteps(1000, 0.3), await threeSteps(1000)];
    expect(with1).toEqual(with2);
    expect(maxDifference(with1.losses, without.losses)).toBeGreaterThan(1e-4);
  });

  test('with a loss that is no number goes back to the last weights that gave one, and says the step', async () => {
    const trainer = await Trainer.open(device, trainerOptions(model));
    await trainer.step(examples(4), 1e-3);
    const good = await trainer.tensors();
    await trainer.step(examples(4), 1e-3);
    const broken = examples(4).map((e) => ({ ...e, loss: { ...e.loss, row: [Number.NaN, 0, 0] } }));
    await expect(trainer.step(broken, 1e-3)).rejects.toThrow(
      /step 3: the loss is NaN .* last good weights .* lower learning rate/,
    );
    expect(await trainer.tensors()).toEqual(good);
  });
});

describe('a LoRA run', () => {
  test('trains rank · (in + out) values a module, and the head', async () => {
    const { hidden_size: c, intermediate_size: f, num_hidden_layers: n } = tinyConfig;
    const [q, kv] = [c, (c * tinyConfig.num_key_value_heads) / tinyConfig.num_attention_heads];
    const perLayer = tinyLora.rank * (2 * (c + q) + 2 * (c + kv) + 3 * (c + f));
    expect((await Trainer.open(device, trainerOptions(model))).size).toBe(n * perLayer + 3 * c);
  });

  test('leaves gradients of lower layers out of its graph', () => {
    const nodes = (layers: number[]) => {
      const linear = withLora(dense, { ...tinyLora, layersToTransform: layers });
      const { graph } = gradientGraph(
        (g) =>
          lossOf(
            'single_label_classification',
            classifier(g, model.spec, { labels: 3 }, { linear, embeddings: 'given' }),
          ),
        (p) => p.includes('lora_'),
      );
      return graph.values.filter((v) => v.name.includes('.backward')).map((v) => v.name);
    };
    const top = nodes([2]);
    expect(top.filter((name) => /layers\.[01]\./.test(name))).toEqual([]);
    expect(top.length).toBeLessThan(nodes([0, 1, 2]).length / 2);
  });

  test('with DoRA starts as the base model, too', async () => {
    const [plain, dora] = [
      await Trainer.open(device, trainerOptions(model)),
      await Trainer.open(device, trainerOptions(model, { dora: true })),
    ];
    const texts = randomTexts(5, 1);
    expect(maxDifference(flat(await plain.logits(texts)), flat(await dora.logits(texts)))).toBeLessThan(1e-5);
  });

  test.each([
    [{ rank: 999 }, /rank 999 exceeds the smaller side of model\.layers\.0\.self_attn\.q_proj \[32, 32\]/],
    [
      { targetModules: ['q_proj', 'nowhere'] },
      /no module with 'nowhere'; the model has q_proj, k_proj, v_proj, o_proj/,
    ],
    [{ rankPattern: { qproj: 8 } }, /no module with 'qproj'/],
  ])('refuses %o', async (lora, message) => {
    await expect(Trainer.open(device, trainerOptions(model, lora))).rejects.toThrow(message);
  });
});
