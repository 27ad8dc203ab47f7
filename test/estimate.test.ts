/** What a run is said to take, and what is refused. */
import { copyFile, mkdir, open, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { presets } from '../src/checkpoint/presets.ts';
import { llamaTensors } from '../src/checkpoint/random-checkpoint.ts';
import { sizeOf } from '../src/core/tensor.ts';
import { planTraining, train } from '../src/index.ts';
import { baseFolder, findBase } from '../src/models/base.ts';
import { parseTrainConfig } from '../src/train/config.ts';
import { estimateRun, type Resources } from '../src/train/estimate.ts';
import { workloadOf } from '../src/train/plan.ts';
import { prepare } from '../src/train/prepare.ts';
import { shortageOf } from '../src/train/shortage.ts';
import { type Workload, workloadCost, workloadGraphs } from '../src/train/workload.ts';
import { temporaryFolder, tinyBase, tinyLora } from './support/model.ts';
import { texts, workload } from './support/workload.ts';

const resources = (change: Partial<Resources> = {}): Resources => ({
  speed: {
    flopsPerSecond: 5e11,
    int8OpsPerSecond: 1e12,
    halfFlopsPerSecond: 2e11,
    productBytesPerSecond: 3e10,
    passBytesPerSecond: 6e10,
    nodeSeconds: 1e-6,
  },
  processBytes: 2e8,
  availableMemoryBytes: 1e12,
  availableDiskBytes: 1e12,
  availableCacheBytes: 1e12,
  ...change,
});
const estimateOf = (work: Workload, change: Partial<Resources> = {}) =>
  estimateRun(work, workloadGraphs(work), resources(change));

describe('the cost of a model', () => {
  const [N, B, T] = [200, 5, 48];
  const { hidden_size: C, intermediate_size: F, num_hidden_layers: L, head_dim: D } = presets.nano;
  const [H, KV, rank, labels] = [presets.nano.num_attention_heads, presets.nano.num_key_value_heads, 16, 7];
  const [Q, K] = [H * D, KV * D];
  const perRow = (pairs: readonly (readonly [number, number])[]) =>
    pairs.reduce((n, [into, out]) => n + 2 * into * out + 2 * rank * (into + out) + out, 0);
  const keys = perRow([
    [C, K],
    [C, K],
  ]);
  const rest = perRow([
    [C, Q],
    [Q, C],
    [C, F],
    [C, F],
    [F, C],
  ]);

  it('is that of its products: frozen, low-rank, attention and head', () => {
    // The last layer computes keys and values of every token, and everything else of the last ones.
    const linear = L * N * keys + (L - 1) * N * rest + B * rest;
    const attention = 2 * 2 * B * H * T * D * ((L - 1) * T + 1);
    const head = 2 * B * C * labels;
    expect(workloadCost(workload(presets.nano), { N, B, T }).forward.products.flops).toBe(linear + attention + head);
  });

  it('is forward, backward to what lies below, and two products for each adapter', () => {
    const { gradient, forward } = workloadCost(workload(presets.nano), { N, B, T });
    const ratio = gradient.products.flops / forward.products.flops;
    expect(ratio).toBeGreaterThan(1.8);
    expect(ratio).toBeLessThan(2.6);
  });

  it('is less where only the top layers are adapted', () => {
    const lora = { ...tinyLora, rank: 16, layersToTransform: [L - 1] };
    const top = workloadCost(workload(presets.nano, { lora }), { N, B, T }).gradient;
    const all = workloadCost(workload(presets.nano), { N, B, T }).gradient;
    for (const what of ['nodes', 'flops', 'bytes', 'peakBytes'] as const) expect(top[what]).toBeLessThan(all[what]);
  });

  it('is more arithmetic and much less memory with gradient checkpointing', () => {
    const kept = workloadCost(workload(presets['12x768']), { N, B, T }).gradient;
    const again = workloadCost(workload(presets['12x768'], { gradientCheckpointing: true }), { N, B, T }).gradient;
    expect(again.peakBytes / kept.peakBytes).toBeLessThan(0.25);
    // One forward pass of the three that a step's arithmetic is worth, but for the last layer and the last products.
    expect(again.products.flops / kept.products.flops).toBeGreaterThan(1.2);
    expect(again.products.flops / kept.products.flops).toBeLessThan(1.4);
  });

  it('of the update is a few passes over the trained values', () => {
    const work = workload(presets.nano);
    const vector = 4 * workloadGraphs(work).layout.size;
    const { update } = workloadCost(work, { N, B, T });
    expect(update.outputBytes).toBe(3 * vector + 4);
    expect(update.bytes / vector).toBeGreaterThan(10);
    expect(update.bytes / vector).toBeLessThan(60);
    expect(update.products.flops).toBe(0);
  });
});

describe('estimateRun', () => {
  it('gives parts that add up', () => {
    const { memory, disk, time } = estimateOf(workload(presets.nano));
    for (const { bytes, parts } of [memory, disk])
      expect(bytes).toBeCloseTo(
        parts.reduce((n, part) => n + part.bytes, 0),
        3,
      );
    expect(time.total).toBeCloseTo(time.opening + 3 * (time.epoch + time.evaluation) + time.test, 9);
    expect(time.epoch).toBeCloseTo(4 * time.step, 9);
    const rest = estimateOf({ ...workload(presets.nano), stepsDone: 5 }).time; // of 3 epochs of 4
    expect(rest.total).toBeCloseTo(rest.opening + 7 * rest.step + 2 * rest.evaluation + rest.test, 9);
    expect(time.shares.arithmetic + time.shares.memory + time.shares.overhead).toBeCloseTo(1, 9);
  });

  it('holds both sessions of a small base, one of a large one', () => {
    expect(estimateOf(workload(presets.nano)).memory.during).toBe('evaluation');
    const large = estimateOf(workload(presets['llama-3.2-1b'])).memory;
    const weights = large.parts.find(({ name }) => name === 'frozen weights')!.bytes;
    // 16 layers of 60.8 M values in float32, not repacked.
    expect(weights / (16 * 60.8e6 * 4)).toBeGreaterThan(1);
    expect(weights / (16 * 60.8e6 * 4)).toBeLessThan(1.2);
  });

  it('takes less memory with smaller micro-batches and as much time on a slower machine as it is slower', () => {
    const work = workload(presets['12x768']);
    const small = estimateOf({ ...work, microBatchTokens: 64 });
    const usual = estimateOf(work);
    expect(small.memory.bytes).toBeLessThan(usual.memory.bytes);
    const { speed } = resources();
    const slow = estimateOf(work, {
      speed: { ...speed, flopsPerSecond: speed.flopsPerSecond / 10, nodeSeconds: 10 * speed.nodeSeconds },
    });
    expect(slow.time.step).toBeGreaterThan(4 * usual.time.step);
    expect(slow.time.step).toBeLessThan(10 * usual.time.step);
  });

  it('scales a sample of a split to all of it', () => {
    const work = workload(presets.nano);
    const tenfold = { ...work, examples: { ...work.examples, validation: 80 } };
    expect(estimateOf(tenfold).time.evaluation).toBeCloseTo(10 * estimateOf(work).time.evaluation, 9);
  });

  it('takes every window of a text', () => {
    const work = workload(presets.nano);
    const windows = { ...work, lengths: { ...work.lengths, train: texts.map(([n]) => [n!, n!, n!]) } };
    const [one, three] = [estimateOf(work).time.step, estimateOf(windows).time.step];
    expect(three / one).toBeGreaterThan(2.5);
  });

  it('refuses modules that are not there', () =>
    expect(() => estimateOf(workload(presets.nano, { lora: { ...tinyLora, targetModules: ['query'] } }))).toThrow(
      "no module with 'query'",
    ));
});

describe('shortageOf', () => {
  function shortage(work: Workload, change: Partial<Resources>): string | undefined {
    const graphs = workloadGraphs(work);
    const offered = resources(change);
    return shortageOf(work, graphs, { estimate: estimateRun(work, graphs, offered), resources: offered });
  }
  const work = workload(presets['12x768']);
  const needed = estimateOf(work).memory.bytes;

  it('is silent where all fits', () =>
    expect(shortage(work, { availableMemoryBytes: needed, availableDiskBytes: 1e9 })).toBeUndefined());

  it('names what is needed, of what parts, and the options that would fit', () => {
    const message = shortage(work, { availableMemoryBytes: 0.9 * needed })!;
    expect(message).toMatch(
      /^the run needs about [\d.]+ GB of memory \(evaluation: frozen weights [\d.]+ GB, .*\), and [\d.]+ GB can be had\. It would fit with /,
    );
    expect(message).toMatch(/--micro-batch-tokens \d+ \([\d.]+ GB\)/);
    expect(message).toMatch(/--layers (\d+,)*11 \(/);
  });

  it('proposes only what fits', () => {
    const availableMemoryBytes = 0.9 * needed;
    const message = shortage(work, { availableMemoryBytes })!;
    const tokens = Number(/--micro-batch-tokens (\d+)/.exec(message)![1]);
    expect(estimateOf({ ...work, microBatchTokens: tokens }).memory.bytes).toBeLessThanOrEqual(availableMemoryBytes);
    expect(estimateOf({ ...work, microBatchTokens: 2 * tokens }).memory.bytes).toBeGreaterThan(availableMemoryBytes);
  });

  it('says that nothing would', () =>
    expect(shortage(work, { availableMemoryBytes: 3e8 })).toMatch(
      /No setting makes it fit: even --micro-batch-tokens 64 --gradient-checkpointing --precision int4 --rank 1 --max-length 32 with one layer takes [\d.]+ [MG]B\. Take a smaller base/,
    ));

  it('proposes for examples of a great many windows', () => {
    const train = Array.from({ length: 8192 }, () => Array.from({ length: 16 }, () => 256));
    const long = { ...work, lengths: { ...work.lengths, train } };
    expect(shortage(long, { availableMemoryBytes: 0.9 * estimateOf(long).memory.bytes })).toMatch(/fit with --micro-/);
  });

  it('proposes no length that leaves no room for text', () => {
    const long = { ...work, leastLength: 100, lengths: { train: [[220], [250]], validation: [[250]], test: [[250]] } };
    const { bytes } = estimateOf(long).memory;
    const said = [0.95, 0.9, 0.85, 0.8].map((part) => shortage(long, { availableMemoryBytes: part * bytes })!);
    const lengths = said.flatMap((message) => [...message.matchAll(/--max-length (\d+)/g)].map(([, n]) => Number(n)));
    expect(new Set(lengths)).toEqual(new Set([128]));
    expect(shortage(long, { availableMemoryBytes: 3e8 })).toContain(
      'even --micro-batch-tokens 64 --gradient-checkpointing --precision int4 --rank 1 --max-length 100 with one layer takes',
    );
  });

  it('proposes no layers where a pattern names another', () => {
    const lora = { ...work.lora, rankPattern: { 'layers.0.self_attn.q_proj': 8 } };
    const message = shortage({ ...work, lora }, { availableMemoryBytes: 0.9 * needed })!;
    expect(message).toMatch(/It would fit with --micro-batch-tokens/);
    expect(message).not.toContain('--layers');
  });

  it('proposes nothing that an adapter which is trained further has settled', () => {
    const message = shortage({ ...work, fixed: 'adapter' }, { availableMemoryBytes: 0.9 * needed })!;
    expect(message).toMatch(/It would fit with --micro-batch-tokens/);
    expect(message).not.toMatch(/--layers|--rank/);
    expect(shortage({ ...work, fixed: 'adapter' }, { availableMemoryBytes: 3e8 })).toMatch(
      /No setting makes it fit: even --micro-batch-tokens 64 --gradient-checkpointing --precision int4 --max-length 32 takes [\d.]+ [MG]B\. Take/,
    );
    expect(shortage({ ...work, fixed: 'adapter' }, { availableDiskBytes: 1e6 })).toMatch(
      /: free some, or choose --out on another$/,
    );
  });

  it('proposes no settings for a run that goes on', () => {
    expect(shortage({ ...work, fixed: 'all' }, { availableMemoryBytes: 0.9 * needed })).toMatch(
      /can be had\. A run that goes on keeps its settings: free some, or go on where there is more$/,
    );
    expect(shortage({ ...work, fixed: 'all' }, { availableDiskBytes: 1e6 })).toMatch(
      /: free some, or move the run to another$/,
    );
  });

  it('says that the disk is too small', () =>
    expect(shortage(work, { availableDiskBytes: 1e6 })).toMatch(
      /^the run's folder takes up to 136 MB \(training checkpoints 125 MB, adapter 10\.4 MB, log [\d.]+ kB\), and 1\.00 MB are free/,
    ));
});

describe('the workload of a run', () => {
  it.each(['truncate', 'windows'] as const)('knows the least length that can be used (%s)', async (longTexts) => {
    const dir = await tinyBase();
    const base = await findBase(dir);
    const options = { base: dir, data: 'social-posts', limit: 4, longTexts, promptPrefix: 'Feeling?' };
    const config = { ...parseTrainConfig(options), precision: 'fp32' as const };
    const least = async (maxLength: number): Promise<number | undefined> => {
      const prepared = await prepare({ ...config, maxLength }, { base });
      const { leastLength, fixed } = workloadOf(config, prepared);
      expect(fixed).toBeUndefined();
      expect(workloadOf(config, { ...prepared, start: { tensors: new Map(), head: '' } }).fixed).toBe('adapter');
      await prepared.close();
      return leastLength;
    };
    const length = (await least(200))!;
    expect(length).toBeGreaterThan(longTexts === 'windows' ? config.windowOverlap + 1 : 1);
    expect(await least(length)).toBe(length);
    await expect(least(length - 1)).rejects.toThrow(`use ${length} or more`);
  });
});

describe('planTraining', () => {
  it('tells what train tells, and writes nothing', async () => {
    const out = join(temporaryFolder(), 'run');
    const options = { base: await tinyBase(), data: 'social-posts', limit: 16, epochs: 1, rank: 2, out };
    const { shortage, bytesToFetch, ...plan } = await planTraining(options);
    expect({ shortage, bytesToFetch }).toEqual({ shortage: null, bytesToFetch: 0 });
    await expect(readdir(out)).rejects.toThrow('ENOENT');
    for await (const event of train(options)) {
      if (event.type !== 'started') continue;
      const { type: _, estimate, ...started } = event;
      expect({ ...started }).toEqual({ ...plan, estimate: undefined });
      expect(estimate!.disk.parts).toEqual(plan.estimate.disk.parts);
      expect(estimate!.memory.parts.map(({ name }) => name)).toEqual(
        plan.estimate.memory.parts.map(({ name }) => name),
      );
      break;
    }
  });

  it.each([
    ['LoRA', {}],
    ['PiSSA', { initLora: 'pissa' }],
    ['PiSSA with DoRA and sgd', { initLora: 'pissa', dora: true, optimizer: 'sgd' }],
  ] as const)('says how large the files of a run with %s become', async (_, change) => {
    const wide = { hidden_size: 128, intermediate_size: 256, num_key_value_heads: 4, head_dim: 32 };
    const options = { base: await tinyBase(wide), data: 'social-posts', limit: 32, epochs: 1, rank: 16, threads: 1 };
    const out = join(temporaryFolder(), 'run');
    const said = new Map<string, number>();
    let checkpoint = 0;
    for await (const event of train({ ...options, ...change, out })) {
      if (event.type === 'started') for (const { name, bytes } of event.estimate!.disk.parts) said.set(name, bytes);
      if (event.type === 'checkpoint') checkpoint = Math.max(checkpoint, (await stat(event.path)).size);
    }
    const adapter = (await stat(join(out, 'adapter_model.safetensors'))).size;
    const ratios = {
      adapter: adapter / said.get('adapter')!,
      // Two are kept while a third is written.
      checkpoints: (3 * checkpoint) / said.get('training checkpoints')!,
    };
    // The headers of the files are not in the estimate.
    for (const [name, ratio] of Object.entries(ratios)) {
      expect(ratio, name).toBeGreaterThan(1);
      expect(ratio, name).toBeLessThan(1.02);
    }
    expect(checkpoint).toBeGreaterThan(adapter);
  });

  // Windows reserves the whole length of a file.
  it.skipIf(process.platform === 'win32')(
    'a base beyond any memory is refused before its weights are read',
    async () => {
      const base = await hollowBase({
        ...presets['llama-3-8b'],
        hidden_size: 65536,
        intermediate_size: 262144,
        num_hidden_layers: 4,
      });
      const out = join(temporaryFolder(), 'run');
      const options = { base, data: 'social-posts', limit: 16, out };
      const { shortage } = await planTraining(options);
      expect(shortage).toMatch(/frozen weights [\d.]+ GB/);
      const refused = async () => {
        for await (const event of train(options)) expect.fail(`the run started: ${event.type}`);
      };
      await expect(refused()).rejects.toThrow(/^the run needs about .* GB of memory .*To run anyway: --force$/);
      await expect(readdir(out)).rejects.toThrow('ENOENT');
    },
  );
});

/** A base whose weights file has its header and its length, and no content. */
async function hollowBase(config: (typeof presets)['llama-3-8b'] | object): Promise<string> {
  const dir = temporaryFolder();
  await mkdir(dir, { recursive: true });
  let end = 0;
  const entries = llamaTensors(config as (typeof presets)['llama-3-8b']).map(({ name, shape }) => {
    const begin = end;
    end += 2 * sizeOf(shape);
    return [name, { dtype: 'BF16', shape, data_offsets: [begin, end] }] as const;
  });
  const header = Buffer.from(JSON.stringify(Object.fromEntries(entries)));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  const file = await open(join(dir, 'model.safetensors'), 'w');
  await file.write(Buffer.concat([length, header]));
  await file.truncate(8 + header.length + end);
  await file.close();
  await writeFile(join(dir, 'config.json'), JSON.stringify(config));
  await copyFile(join(baseFolder('nano'), 'tokenizer.json'), join(dir, 'tokenizer.json'));
  return dir;
}
