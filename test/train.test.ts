import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { openCheckpoint } from '../src/checkpoint/checkpoint.ts';
import { openSafetensors } from '../src/checkpoint/safetensors.ts';
import { TrainingError } from '../src/core/errors.ts';
import { loadDataset } from '../src/data/load.ts';
import { evaluate } from '../src/metrics/evaluate.ts';
import { loadClassifier } from '../src/predict/classifier.ts';
import { mergeAdapter } from '../src/predict/merge.ts';
import { readClassifier, type SavedClassifier } from '../src/predict/saved-classifier.ts';
import { openScorer } from '../src/predict/scorer.ts';
import { scoresOf } from '../src/predict/scores.ts';
import { Device } from '../src/runtime/device.ts';
import { openEncoder } from '../src/text/encoder.ts';
import { loadTokenizer } from '../src/text/tokenizer.ts';
import type { TrainOptions } from '../src/train/config.ts';
import type { TrainEvent } from '../src/train/events.ts';
import { train } from '../src/train/train.ts';
import { temporaryFolder, tinyBase } from './support/model.ts';

/** The main job, end to end, on a model that trains in a moment. */
let base: string;
let run: string;
let events: TrainEvent[];

const quick = (options: Partial<TrainOptions> = {}): TrainOptions => ({
  base,
  data: 'social-posts',
  out: join(temporaryFolder(), 'run'),
  epochs: 2,
  limit: 48,
  rank: 4,
  learningRate: 3e-3,
  threads: 1,
  ...options,
});
async function collect(options: TrainOptions, signal?: AbortSignal): Promise<TrainEvent[]> {
  const all: TrainEvent[] = [];
  for await (const event of train(options, signal ? { signal } : {})) all.push(event);
  return all;
}
const texts = ['I am so happy for you!', 'Why would anyone do that to a dog?', 'The meeting is at three.'];
async function scores(path: string, options = {}): Promise<number[][]> {
  const classifier = await loadClassifier(path, { threads: 1, ...options });
  try {
    return (await classifier.classify(texts)).map((p) => Object.values(p.scores));
  } finally {
    await classifier.dispose();
  }
}
const scoresFrom = ({ settings, labels }: SavedClassifier, logits: readonly (readonly number[])[]): number[][] =>
  logits.map((row) => scoresOf[settings.task](row, { labels, temperature: settings.decision.temperature }));
const maxDifference = (a: number[][], b: number[][]) => Math.max(...a.flat().map((v, i) => Math.abs(v - b.flat()[i]!)));

beforeAll(async () => {
  base = await tinyBase();
  const options = quick();
  run = options.out!;
  events = await collect(options);
});

describe('a run', () => {
  test('tells its plan, every step, every evaluation, and its result', () => {
    expect(events.map((e) => e.type).join(' ')).toMatch(
      /^started( step){3} evaluated saved checkpoint( step){3} evaluated( saved)? checkpoint evaluated done$/,
    );
    expect(events[0]).toMatchObject({
      steps: 6,
      examples: { train: 48, validation: 133, test: 133 },
      labels: { length: 7 },
    });
    expect(events.at(-1)).toMatchObject({
      reason: 'finished',
      test: { metrics: { macroF1: { low: expect.any(Number) } } },
    });
  });

  test('leaves PEFT’s files, its settings, its metrics and its result', () => {
    expect(readdirSync(run).sort()).toEqual([
      'adapter_config.json',
      'adapter_model.safetensors',
      'config.yaml',
      'emotune.json',
      'metrics.jsonl',
      'result.json',
    ]);
    const lines = readFileSync(join(run, 'metrics.jsonl'), 'utf8').trim().split('\n');
    expect(lines.map((l) => JSON.parse(l))).toEqual(JSON.parse(JSON.stringify(events)));
  });

  test('is the same again with its seed, and another with another', async () => {
    const losses = (all: TrainEvent[]) => all.flatMap((e) => (e.type === 'step' ? [e.loss] : []));
    expect(losses(await collect(quick()))).toEqual(losses(events));
    expect(losses(await collect(quick({ seed: 1 })))).not.toEqual(losses(events));
  });

  test('does not touch its base', async () => {
    const before = await (await openCheckpoint(base)).fingerprint();
    await collect(quick({ epochs: 1 }));
    expect(await (await openCheckpoint(base)).fingerprint()).toBe(before);
  });

  test('lowers the loss on what it sees', async () => {
    const all = await collect(quick({ limit: 16, epochs: 12, schedule: 'constant', warmup: 0, learningRate: 1e-2 }));
    const losses = all.flatMap((e) => (e.type === 'step' ? [e.loss] : []));
    expect(losses.at(-1)!).toBeLessThan(0.7 * losses[0]!);
  });

  test.each<Partial<TrainOptions>>([
    { optimizer: 'sgd', schedule: 'cosine' },
    { task: 'multi_label_classification', classWeights: 'balanced' },
    { task: 'multi_label_classification', balance: 'oversample', focalGamma: 2, minPrecision: 0.5 },
    { task: 'regression', targetModules: ['q_proj', 'v_proj'], layers: [1, 2] },
    { focalGamma: 2, temperature: 1.5, minPrecision: 0.3 },
    { dora: true, dropout: 0.1, rslora: true },
    { balance: 'oversample', labelSmoothing: 0.1, classWeights: 'balanced', accumulate: 2, weightDecay: 0.1 },
  ])('works with %o', async (options) => {
    const all = await collect(quick({ epochs: 1, ...options }));
    expect(all.at(-1)).toMatchObject({ type: 'done', reason: 'finished' });
    expect((await scores((all.at(-1) as { out: string }).out)).flat().every(Number.isFinite)).toBe(true);
  });

  test('stops early when validation gets no better', async () => {
    const all = await collect(quick({ epochs: 9, patience: 1, learningRate: 1e-9 }));
    expect(all.at(-1)).toMatchObject({ reason: 'early stopping', bestEpoch: 1 });
  });
});

describe('a run that is stopped', () => {
  test('by its signal leaves a usable folder and says so', async () => {
    const controller = new AbortController();
    const options = quick();
    const all: TrainEvent[] = [];
    for await (const event of train(options, { signal: controller.signal })) {
      all.push(event);
      if (event.type === 'step' && event.step === 2) controller.abort();
    }
    expect(all.map((e) => e.type)).toEqual(['started', 'step', 'step', 'saved', 'checkpoint', 'done']);
    expect(all.at(-1)).toMatchObject({ reason: 'aborted' });
    expect((await scores(options.out!)).length).toBe(3);
  });

  test('by its consumer leaves one, too', async () => {
    const options = quick();
    for await (const event of train(options)) if (event.type === 'step') break;
    expect((await scores(options.out!)).length).toBe(3);
  });

  test('by its consumer at a better epoch keeps that epoch’s weights', async () => {
    const options = quick({ epochs: 9, limit: 16, schedule: 'constant', warmup: 0 });
    let best = 0;
    for await (const event of train(options)) {
      if (event.type === 'evaluated' && event.best && event.epoch > 1) {
        best = event.evaluation.metrics.macroF1!.value!;
        break;
      }
    }
    const { dataset } = await loadDataset({ data: 'social-posts' });
    const classifier = await loadClassifier(options.out!, { threads: 1 });
    const validation = [];
    for await (const example of dataset.splits.validation) validation.push(example);
    await dataset.close();
    const predicted = await classifier.classify(validation.map((e) => e.text));
    await classifier.dispose();
    const { metrics } = evaluate(classifier.task, classifier.labels, {
      targets: validation.map((e) => e.target),
      scores: predicted.map((p) => Object.values(p.scores)),
    });
    expect(metrics.macroF1!.value).toBeCloseTo(best, 6);
  });

  test('by weights that grow beyond numbers in the last step of an epoch is a failed training, too', async () => {
    const options = quick({ limit: 16, learningRate: 1e30, warmup: 0, optimizer: 'sgd', maxGradNorm: 0 });
    await expect(collect(options)).rejects.toThrow(TrainingError);
    expect((await scores(options.out!)).flat().every(Number.isFinite)).toBe(true);
  });

  test('by a loss that is no number keeps the weights before it', async () => {
    const options = quick({ learningRate: 1e30, warmup: 0, optimizer: 'sgd', maxGradNorm: 0 });
    await expect(collect(options)).rejects.toThrow(/step \d+: the loss is/);
    expect((await scores(options.out!)).flat().every(Number.isFinite)).toBe(true);
  });
});

describe('what is written', () => {
  test('is what PEFT reads: names, shapes and settings', async () => {
    const options = quick({ epochs: 1, layers: [1], alphaPattern: { q_proj: 2 } });
    await collect(options);
    const config = JSON.parse(readFileSync(join(options.out!, 'adapter_config.json'), 'utf8'));
    expect(config).toMatchObject({
      peft_type: 'LORA',
      task_type: 'SEQ_CLS',
      r: 4,
      lora_alpha: 8,
      target_modules: ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'],
      layers_to_transform: [1],
      alpha_pattern: { q_proj: 2 },
      modules_to_save: ['score'],
    });
    const { tensors } = await openSafetensors(join(options.out!, 'adapter_model.safetensors'));
    const shapes = Object.fromEntries(Array.from(tensors.values(), ({ name, shape }) => [name, shape]));
    expect(Object.keys(shapes)).toHaveLength(15);
    expect(shapes).toMatchObject({
      'base_model.model.model.layers.1.self_attn.q_proj.lora_A.weight': [4, 32],
      'base_model.model.model.layers.1.mlp.down_proj.lora_B.weight': [32, 4],
      'base_model.model.score.weight': [7, 32],
    });
  });

  test('names an embedded base by its name, so that a run can move', async () => {
    const options = quick({ base: 'nano', limit: 4, epochs: 1, rank: 2 });
    for await (const event of train(options)) if (event.type === 'step') break;
    expect(JSON.parse(readFileSync(join(options.out!, 'emotune.json'), 'utf8')).base.path).toBe('nano');
  });

  test('replaces an earlier run as a whole', async () => {
    const options = quick({ epochs: 1 });
    await collect(options);
    for await (const event of train({ ...options, overwrite: true }))
      if (event.type === 'started')
        expect(readdirSync(options.out!).sort()).toEqual(['config.yaml', 'data.tmp', 'lock', 'metrics.jsonl']);
    expect(readFileSync(join(options.out!, 'config.yaml'), 'utf8')).not.toContain('overwrite');
  });

  test('is nothing if the run cannot start', async () => {
    const options = quick({ targetModules: ['qproj'] });
    await expect(collect(options)).rejects.toThrow(/no module with 'qproj'/);
    expect(existsSync(options.out!)).toBe(false);
  });
});

test('a base whose files are links into other folders, as in a hub cache, is used in place', async () => {
  const snapshot = join(temporaryFolder(), 'snapshots', 'main');
  mkdirSync(snapshot, { recursive: true });
  for (const file of readdirSync(base)) symlinkSync(join(base, file), join(snapshot, file));
  const all = await collect(quick({ base: snapshot, epochs: 1 }));
  expect(all.flatMap((e) => (e.type === 'step' ? [e.loss] : [])).slice(0, 1)).toEqual(
    events.flatMap((e) => (e.type === 'step' ? [e.loss] : [])).slice(0, 1),
  );
});

describe('a run is refused', () => {
  const refused = (options: Partial<TrainOptions>, message: RegExp) =>
    expect(collect(quick(options))).rejects.toThrow(message);
  test('into a folder in use', () => refused({ out: run }, /is not empty.*--overwrite/));
  test('with unknown options', () => refused({ rnak: 4 } as Partial<TrainOptions>, /rnak/));
  test('with a rank that is none', () => refused({ rank: 0 }, /rank/));
  test('of an unknown architecture', async () =>
    refused(
      { base: await tinyBase({ model_type: 'mamba' }) },
      /model_type 'mamba' is not supported; emotune knows llama, mistral, qwen2/,
    ));
  test('of a base whose weights do not fit, all said at once', async () =>
    refused(
      { base: await withConfig({ intermediate_size: 64 }) },
      /gate_proj.weight is \[48, 32\], not \[64, 32\][\s\S]*down_proj/,
    ));
  test('of a base that is cut short', async () => {
    const dir = await tinyBase();
    truncateSync(join(dir, 'model.safetensors'), 4000);
    await refused({ base: dir }, /model.safetensors/);
  });
  test('of a base without a tokenizer', async () => {
    const dir = await tinyBase();
    rmSync(join(dir, 'tokenizer.json'));
    await refused({ base: dir }, /tokenizer.json/);
  });
  test('with layers the model lacks', () => refused({ layers: [2, 7] }, /layers 0 to 2, not 7/));
  test('with class weights on values', () =>
    refused({ task: 'regression', classWeights: 'balanced' }, /classWeights does not go with regression/));
  test.each<[Partial<TrainOptions>, RegExp]>([
    [{ task: 'regression', focalGamma: 2 }, /focalGamma does not go with regression/],
    [{ task: 'regression', temperature: 2 }, /temperature does not go with regression/],
    [{ task: 'regression', minPrecision: 0.9 }, /minPrecision does not go with regression/],
    [{ threshold: 0.3 }, /threshold does not go with single_label_classification/],
    [
      { task: 'multi_label_classification', threshold: 0.3, minPrecision: 0.9 },
      /threshold does not go with multi_label_classification: minPrecision chooses the thresholds/,
    ],
  ])('with %o', (options, message) => refused(options, message));
  test('with label smoothing on several labels', () =>
    refused({ task: 'multi_label_classification', labelSmoothing: 0.1 }, /labelSmoothing/));
});

/** The tiny base with another config.json than its weights were written for. */
async function withConfig(change: Record<string, unknown>): Promise<string> {
  const dir = await tinyBase();
  const path = join(dir, 'config.json');
  writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), ...change }));
  return dir;
}

describe('a trained classifier', () => {
  test('gives every label a probability and the best one as the answer', async () => {
    const classifier = await loadClassifier(run, { threads: 1 });
    const [first] = await classifier.classify(texts);
    await classifier.dispose();
    expect(Object.keys(first!.scores)).toEqual(classifier.labels);
    expect(Object.values(first!.scores).reduce((a, b) => a + b)).toBeCloseTo(1);
    expect(first!.labels).toEqual([
      classifier.labels.reduce((a, b) => (first!.scores[b]! > first!.scores[a]! ? b : a)),
    ]);
    expect(first!.truncated).toBe(false);
  });

  test('cuts texts that are too long, and says so', async () => {
    const classifier = await loadClassifier(run, { threads: 1 });
    const [long] = await classifier.classify(['word '.repeat(1000)]);
    await classifier.dispose();
    expect(long!.truncated).toBe(true);
  });

  test('refuses empty texts and says which', async () => {
    const classifier = await loadClassifier(run, { threads: 1 });
    await expect(classifier.classify(['fine', ' \n'])).rejects.toThrow(/text 1 of 2 is empty/);
    expect(await classifier.classify([])).toEqual([]);
    await classifier.dispose();
  });

  test('takes the names of special tokens in a text as text', async () => {
    const classifier = await loadClassifier(run, { threads: 1 });
    const names = ['<|end_of_text|>', '<|begin_of_text|> hello'];
    const given = (await classifier.classify(names)).map((p) => Object.values(p.scores));
    await classifier.dispose();
    const saved = await readClassifier(run);
    const device = new Device({ threads: 1 });
    const scorer = await openScorer(device, saved);
    const tokenizer = await loadTokenizer(base);
    const scoresOfIds = async (parseSpecialTokens: boolean) => {
      const ids = await tokenizer.encode(names, { parseSpecialTokens });
      return scoresFrom(saved, await scorer.logits(ids, saved.parameters));
    };
    expect(maxDifference(given, await scoresOfIds(false))).toBeLessThan(1e-6);
    expect(maxDifference(given, await scoresOfIds(true))).toBeGreaterThan(1e-6);
    await device.close();
  });

  test('merged into its base gives the same scores', async () => {
    const merged = join(temporaryFolder(), 'merged');
    await mergeAdapter(run, merged, { dtype: 'F32' });
    expect(maxDifference(await scores(merged), await scores(run))).toBeLessThan(1e-5);
    await expect(mergeAdapter(merged, join(temporaryFolder(), 'again'))).rejects.toThrow(/has no adapter/);
    await expect(mergeAdapter(run, merged)).rejects.toThrow(/not empty/);
  });

  test('merged carries what transformers reads', async () => {
    const merged = join(temporaryFolder(), 'merged');
    await mergeAdapter(run, merged, { dtype: 'BF16' });
    const config = JSON.parse(readFileSync(join(merged, 'config.json'), 'utf8'));
    expect(config).toMatchObject({
      architectures: ['LlamaForSequenceClassification'],
      dtype: 'bfloat16',
      problem_type: 'single_label_classification',
      pad_token_id: 8191,
      id2label: { 0: 'anger', 6: 'surprise' },
      label2id: { anger: 0, surprise: 6 },
    });
    const { tensors } = await openCheckpoint(merged);
    expect([...tensors.keys()].filter((n) => n.startsWith('lm_head'))).toEqual([]);
    expect(tensors.get('score.weight')).toMatchObject({ dtype: 'BF16', shape: [7, 32] });
    expect(maxDifference(await scores(merged), await scores(run))).toBeLessThan(2e-2);
  });

  test('reads texts as it was trained to: with its prompt, long ones in windows, after the turns before them', async () => {
    const prompt = { promptPrefix: 'Post: ', promptSuffix: '\nFeeling:', instruction: 'Which feeling?' };
    const options = quick({ epochs: 1, ...prompt, maxLength: 32, longTexts: 'windows', windowOverlap: 4 });
    await collect(options);
    const classifier = await loadClassifier(options.out!, { threads: 1 });
    const long = 'what a day it was, and then the rain came down on all of us '.repeat(5);
    const [read, short, after] = await classifier.classify([
      long,
      'so happy',
      { text: 'so happy', context: [{ role: 'friend', text: 'She died.' }] },
    ]);
    await classifier.dispose();
    expect(read!.truncated).toBe(false);
    expect(after!.scores).not.toEqual(short!.scores);
    const saved = await readClassifier(options.out!);
    expect(saved.settings).toMatchObject({
      prompt: { format: 'plain', instruction: 'Which feeling?', prefix: 'Post: ', suffix: '\nFeeling:' },
      longTexts: 'windows',
      windowOverlap: 4,
      windowPooling: 'mean',
    });
    const tokenizer = await loadTokenizer(base);
    const [whole] = await tokenizer.encode(['Which feeling?\nPost: so happy\nFeeling:']);
    const encoder = await openEncoder(tokenizer, saved.settings);
    const [windows] = await encoder.encode([{ text: long.trim() }]);
    expect(windows!.sequences.length).toBeGreaterThan(2);
    const device = new Device({ threads: 1 });
    const scorer = await openScorer(device, saved);
    const logits = await scorer.logits([whole!, ...windows!.sequences], saved.parameters);
    await device.close();
    const [one, ...rest] = scoresFrom(saved, logits);
    const mean = one!.map((_, k) => rest.reduce((sum, s) => sum + s[k]!, 0) / rest.length);
    expect(maxDifference([Object.values(short!.scores), Object.values(read!.scores)], [one!, mean])).toBeLessThan(1e-5);
  });

  test('cleans texts as training does', async () => {
    const classifier = await loadClassifier(run, { threads: 1 });
    const [a, b] = await classifier.classify(['so happy', '  so happy\u0007\r\n']);
    await classifier.dispose();
    expect(a).toEqual(b);
  });

  test('merged after DoRA gives the same scores', async () => {
    const options = quick({ epochs: 1, dora: true });
    await collect(options);
    const merged = join(temporaryFolder(), 'merged');
    await mergeAdapter(options.out!, merged, { dtype: 'F32' });
    expect(maxDifference(await scores(merged), await scores(options.out!))).toBeLessThan(1e-5);
  });

  test('from a bare PEFT folder takes labels and task from its base', async () => {
    const labels = ['anger', 'disgust', 'fear', 'joy', 'neutral', 'sadness', 'surprise'];
    const labelled = await tinyBase({
      id2label: Object.fromEntries(labels.map((l, k) => [k, l])),
      problem_type: 'multi_label_classification',
    });
    const options = quick({ epochs: 1 });
    await collect(options);
    rmSync(join(options.out!, 'emotune.json'));
    const classifier = await loadClassifier(options.out!, { base: labelled, threads: 1 });
    expect([classifier.labels, classifier.task]).toEqual([labels, 'multi_label_classification']);
    await classifier.dispose();
  });

  test('refuses another base than its own', async () => {
    const other = await tinyBase({ num_hidden_layers: 2 });
    await expect(loadClassifier(run, { base: other })).rejects.toThrow(/trained on another base/);
    const bare = join(temporaryFolder(), 'bare');
    cpSync(run, bare, { recursive: true });
    rmSync(join(bare, 'emotune.json'));
    await expect(loadClassifier(bare, { base: other })).rejects.toThrow(
      /does not fit its base[\s\S]*layers.2.* has no place/,
    );
  });

  test.each([
    ['init_lora_weights', 'pissa'],
    ['alora_invocation_tokens', [1]],
    ['bias', 'all'],
    ['target_modules', '(?i).*q_proj'],
  ])('refuses an adapter with %s %o, which it does not know', async (key, value) => {
    const strange = join(temporaryFolder(), 'strange');
    cpSync(run, strange, { recursive: true });
    const file = join(strange, 'adapter_config.json');
    writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), [key]: value }));
    await expect(loadClassifier(strange)).rejects.toThrow(
      key === 'target_modules' ? /no regular expression/ : new RegExp(key),
    );
  });

  test('says that its settings are damaged', async () => {
    const damaged = join(temporaryFolder(), 'damaged');
    cpSync(run, damaged, { recursive: true });
    writeFileSync(join(damaged, 'emotune.json'), '{"version": 1,');
    await expect(loadClassifier(damaged)).rejects.toThrow(/emotune.json cannot be used/);
  });

  test('says that its base is gone, and how to name another', async () => {
    const moved = join(temporaryFolder(), 'moved');
    cpSync(run, moved, { recursive: true });
    const file = join(moved, 'emotune.json');
    writeFileSync(file, readFileSync(file, 'utf8').replace(base, '/nowhere'));
    await expect(loadClassifier(moved)).rejects.toThrow(/was trained on \/nowhere, which is not there.*--base/);
  });

  test('refuses a folder that is none', async () => {
    await expect(loadClassifier(temporaryFolder())).rejects.toThrow(/is no trained model/);
  });
});
