import { readdirSync, readFileSync, statSync } from 'node:fs';
import { open, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { openCheckpoint } from '../src/checkpoint/checkpoint.ts';
import { describeModel } from '../src/models/registry.ts';
import { Device } from '../src/runtime/device.ts';
import { parseTrainConfig, type TrainOptions } from '../src/train/config.ts';
import type { TrainEvent } from '../src/train/events.ts';
import { planTraining } from '../src/train/plan.ts';
import { PrefixCache, type PrefixModel } from '../src/train/prefix/cache.ts';
import { fillPrefix } from '../src/train/prefix/fill.ts';
import { resume, train } from '../src/train/train.ts';
import { randomTexts, temporaryFolder, tinyBase } from './support/model.ts';

/** The states of the frozen layers below the adapters: computed once, kept on disk, read by every epoch and run. */

describe('a run above its frozen layers', () => {
  let options: (out: string, other?: Partial<TrainOptions>) => TrainOptions;
  const hub = { cacheDir: join(temporaryFolder(), 'hub') };
  const cacheRoot = join(hub.cacheDir, '..', 'emotune', 'prefix');

  /** Trains; the tokens that were computed for the cache, and the events. */
  async function run(start: (control: object) => AsyncIterable<TrainEvent>, until?: (event: TrainEvent) => boolean) {
    const computed: [number, number][] = [];
    const events: TrainEvent[] = [];
    for await (const event of start({ hub, onCaching: (done: number, all: number) => computed.push([done, all]) })) {
      events.push(event);
      if (until?.(event)) break;
    }
    return { computed, events };
  }
  const adapterOf = (out: string) => readFileSync(join(out, 'adapter_model.safetensors'));
  const lossesOf = (events: readonly TrainEvent[]) => events.flatMap((e) => (e.type === 'step' ? [e.loss] : []));

  beforeAll(async () => {
    const base = await tinyBase();
    const settings = { base, data: 'social-posts', limit: 60, epochs: 2, rank: 4, threads: 1 } as const;
    options = (out, other = {}) => ({
      ...settings,
      prefixCache: 'on',
      layers: [2],
      learningRate: 3e-3,
      out: join(temporaryFolder(), out),
      ...other,
    });
  });

  test('trains as one that computes them in every step, up to the rounding of the states', async () => {
    const without = await run((control) => train(options('without', { prefixCache: 'off' }), control));
    expect(without.computed).toEqual([]);
    const plan = await planTraining(options('plan'), { hub });
    expect(plan.estimate.cache).toMatchObject({ layer: 2, missingTokens: plan.estimate.cache!.tokens });

    const first = await run((control) => train(options('first'), control));
    const { tokens, missingBytes } = plan.estimate.cache!;
    expect(first.computed.at(-1)).toEqual([tokens, tokens]);
    expect(foldersBelow(cacheRoot).map((dir) => sizeOf(dir))[0]! / missingBytes).toBeCloseTo(1, 1);

    const [a, b] = [lossesOf(without.events), lossesOf(first.events)];
    expect(a.length).toBe(b.length);
    expect(Math.max(...a.map((loss, i) => Math.abs(loss - b[i]!)))).toBeLessThan(1e-3);
    expect(a).not.toEqual(b);
  });

  test('finds them where an earlier run has left them', async () => {
    await run((control) => train(options('earlier'), control));
    const plan = await planTraining(options('plan'), { hub });
    expect(plan.estimate.cache).toMatchObject({ missingTokens: 0, missingBytes: 0 });
    const later = options('later', { seed: 5 });
    expect((await run((control) => train(later, control))).computed).toEqual([]);
    // Nor is anything of them computed for another head or rank.
    expect((await run((control) => train(options('rank', { rank: 2 }), control))).computed).toEqual([]);
  });

  test('that is stopped goes on to the same adapter, even if its cache is gone', async () => {
    const whole = options('whole');
    await run((control) => train(whole, control));
    const broken = options('broken');
    await run(
      (control) => train(broken, control),
      (event) => event.type === 'step' && event.step === 2,
    );
    await rm(cacheRoot, { recursive: true });
    const rest = await run((control) => resume(broken.out!, control));
    expect(rest.computed.length).toBeGreaterThan(0);
    expect(adapterOf(broken.out!).equals(adapterOf(whole.out!))).toBe(true);
  });

  test('keeps those of int8 apart', async () => {
    await run((control) => train(options('fp32'), control));
    const rounded = await run((control) => train(options('int8', { precision: 'int8' }), control));
    expect(rounded.computed.length).toBeGreaterThan(0);
    expect(
      foldersBelow(cacheRoot)
        .map((dir) => dir.match(/layer-2-\w+/)?.[0])
        .sort(),
    ).toEqual(['layer-2-fp32', 'layer-2-int8']);
  });

  test('is refused where the adapters leave no layer below them', async () => {
    const started = run((control) => train(options('lowest', { layers: [0, 2] }), control));
    await expect(started).rejects.toThrow(/prefixCache: the adapters reach layer 0.*--layers 2/);
    const auto = await run((control) => train(options('auto', { layers: [0, 2], prefixCache: 'auto' }), control));
    expect(auto.computed).toEqual([]);
    expect(parseTrainConfig(options('off', { prefixCache: undefined })).prefixCache).toBe('off');
  });
});

describe('the cache', () => {
  const texts = randomTexts(50, 3);
  const device = new Device({ threads: 1 });
  let model: PrefixModel;
  let fill: (root: string, texts: readonly Int32Array[], signal?: AbortSignal) => Promise<number>;

  beforeAll(async () => {
    const checkpoint = await openCheckpoint(await tinyBase());
    const spec = describeModel(checkpoint.config);
    model = { spec, layer: 1, precision: 'fp32', fingerprint: await checkpoint.fingerprint() };
    fill = async (root, wanted, signal) => {
      let tokens = 0;
      const onProgress = (some: number) => {
        tokens += some;
      };
      await (await fillPrefix(root, { device, checkpoint, model, texts: wanted, signal, onProgress })).close();
      return tokens;
    };
    return () => device.close();
  });

  const distinct = (of: readonly Int32Array[]) =>
    [...new Map(of.map((ids) => [ids.join(), ids.length])).values()].reduce((a, b) => a + b, 0);

  async function states(root: string, ids: Int32Array): Promise<readonly number[]> {
    const cache = await PrefixCache.open(root, model);
    const { data, shape } = await cache.states(ids, [ids]);
    await cache.close();
    expect(shape).toEqual([ids.length, 32]);
    return [...(data as Float32Array)];
  }

  test('has each text once, and takes in those that are new', async () => {
    const root = temporaryFolder();
    expect(await fill(root, [...texts.slice(0, 20), ...texts.slice(0, 20)])).toBe(distinct(texts.slice(0, 20)));
    const before = await states(root, texts[3]!);
    expect(await fill(root, texts)).toBe(distinct(texts) - distinct(texts.slice(0, 20)));
    expect(await states(root, texts[3]!)).toEqual(before);
    expect(await fill(root, texts)).toBe(0);
  });

  test('gives the same for several texts at once as for each alone', async () => {
    const root = temporaryFolder();
    await fill(root, texts);
    const cache = await PrefixCache.open(root, model);
    const ids = Int32Array.from(texts.flatMap((text) => [...text]));
    const { data } = await cache.states(ids, texts);
    await cache.close();
    const alone: number[] = [];
    for (const text of texts) alone.push(...(await states(root, text)));
    expect([...(data as Float32Array)]).toEqual(alone);
  });

  test.each([
    ['a value', (size: number) => size - 4 * texts.length - 8],
    ['the header', () => 12],
  ])('that is damaged in %s is computed again', async (_, where) => {
    const root = temporaryFolder();
    await fill(root, texts);
    const before = await states(root, texts[5]!);
    const path = segmentsBelow(root)[0]!;
    await flip(path, where(statSync(path).size));
    expect(await fill(root, texts)).toBeGreaterThan(0);
    expect(await states(root, texts[5]!)).toEqual(before);
    expect(await fill(root, texts)).toBe(0);
  });

  test('that is damaged under a run stops it, and says how to go on', async () => {
    const root = temporaryFolder();
    await fill(root, texts);
    const cache = await PrefixCache.open(root, model);
    const path = segmentsBelow(root)[0]!;
    await flip(path, statSync(path).size - 4 * texts.length - 8);
    const reading = Promise.all(texts.map((ids) => cache.states(ids, [ids])));
    await expect(reading).rejects.toThrow(/was damaged since the run began; go on with it \(--resume\)/);
    await cache.close();
  });

  test('takes nothing of what a process that was killed has left, and clears it away', async () => {
    const root = temporaryFolder();
    await fill(root, texts.slice(0, 1));
    const dir = foldersBelow(root)[0]!;
    await writeFile(join(dir, '000002.safetensors.1234.tmp'), 'half a segment');
    expect(await fill(root, texts)).toBe(distinct(texts) - texts[0]!.length);
    expect((await readdir(dir)).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });

  test('that two fill at once is filled once', async () => {
    const root = temporaryFolder();
    const [a, b] = await Promise.all([fill(root, texts), fill(root, texts)]);
    expect(a + b).toBe(distinct(texts));
  });

  test('ends at once when it is told to', async () => {
    const root = temporaryFolder();
    await expect(fill(root, texts, AbortSignal.abort(new Error('enough')))).rejects.toThrow('enough');
    expect(segmentsBelow(root)).toEqual([]);
  });

  test('that cannot be written says where, and the ways out', async () => {
    const file = join(temporaryFolder(), 'a-file');
    await writeFile(file, '');
    await expect(fill(join(file, 'prefix'), texts)).rejects.toThrow(/a-file.*HF_HOME.*--prefix-cache off/);
  });
});

const foldersBelow = (root: string) => readdirSync(root).map((name) => join(root, name));
const segmentsBelow = (root: string) =>
  foldersBelow(root).flatMap((dir) =>
    readdirSync(dir)
      .filter((n) => n.endsWith('.safetensors'))
      .map((n) => join(dir, n)),
  );
const sizeOf = (dir: string) => readdirSync(dir).reduce((sum, name) => sum + statSync(join(dir, name)).size, 0);

async function flip(path: string, at: number): Promise<void> {
  const file = await open(path, 'r+');
  const { buffer } = await file.read(Buffer.alloc(1), 0, 1, at);
  await file.write(Buffer.from([buffer[0]! ^ 0x40]), 0, 1, at);
  await file.close();
}
