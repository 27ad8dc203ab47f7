import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import type { Tensor } from '../src/core/tensor.ts';
import { readAdapter } from '../src/lora/peft.ts';
import type { TrainOptions } from '../src/train/config.ts';
import type { TrainEvent } from '../src/train/events.ts';
import { train } from '../src/train/train.ts';
import { temporaryFolder, tinyBase } from './support/model.ts';

/** Training an adapter further. */
const posts = fileURLToPath(new URL('../assets/social-posts/posts.jsonl', import.meta.url));
const labels = ['anger', 'disgust', 'fear', 'joy', 'neutral', 'sadness', 'surprise'];
let base: string;
/** An earlier run. */
let run: string;

const quick = (options: Partial<TrainOptions> = {}): TrainOptions => ({
  data: 'social-posts',
  out: join(temporaryFolder(), 'run'),
  epochs: 1,
  limit: 32,
  learningRate: 3e-3,
  threads: 1,
  ...options,
});
async function collect(options: TrainOptions): Promise<TrainEvent[]> {
  const all: TrainEvent[] = [];
  for await (const event of train(options)) all.push(event);
  return all;
}
/** The run that starts from a folder and takes no step worth the name. */
async function continued(from: string, options: Partial<TrainOptions> = {}) {
  const given = quick({ initFrom: from, learningRate: 1e-30, limit: 4, ...options });
  const [started] = await collect(given);
  const adapter = await readAdapter(given.out!);
  const config = parse(readFileSync(join(given.out!, 'config.yaml'), 'utf8')) as TrainOptions;
  return { start: (started as Extract<TrainEvent, { type: 'started' }>).start, adapter, config, out: given.out! };
}
const bare = (from: string, change: Record<string, unknown> = {}): string => {
  const folder = join(temporaryFolder(), 'bare');
  cpSync(from, folder, { recursive: true });
  rmSync(join(folder, 'emotune.json'));
  const file = join(folder, 'adapter_config.json');
  writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), ...change }));
  return folder;
};
const head = (tensors: ReadonlyMap<string, Tensor>) => tensors.get('score.weight')!;
const body = (tensors: ReadonlyMap<string, Tensor>) => [...tensors].filter(([name]) => name !== 'score.weight');
const row = ({ data, shape }: Tensor, k: number) => Array.from(data.slice(k * shape[1]!, (k + 1) * shape[1]!));

beforeAll(async () => {
  base = await tinyBase();
  const options = quick({
    base,
    rank: 4,
    alpha: 6,
    dropout: 0.1,
    layers: [1, 2],
    rankPattern: { q_proj: 2 },
    dora: true,
  });
  run = options.out!;
  await collect(options);
});

describe('an adapter of an earlier run', () => {
  test('goes on: base, settings, values and head are taken over', async () => {
    const { start, adapter, config } = await continued(run);
    const before = await readAdapter(run);
    expect(start).toEqual({ from: run, head: 'its head' });
    expect(adapter.options).toEqual(before.options);
    expect(adapter.tensors).toEqual(before.tensors);
    expect(config).toMatchObject({ base, rank: 4, alpha: 6, dropout: 0.1, layers: [1, 2], rankPattern: { q_proj: 2 } });
  });

  test('starts where it was: the first loss is lower than the earlier run’s', async () => {
    const first = (all: TrainEvent[]) => all.flatMap((e) => (e.type === 'step' ? [e.loss] : []))[0]!;
    const long = quick({ base, rank: 4, epochs: 8, limit: 16, learningRate: 1e-2 });
    const before = first(await collect(long));
    expect(first(await collect(quick({ initFrom: long.out!, limit: 16 })))).toBeLessThan(0.8 * before);
  });

  test('can be told again what it is made of, in other words, and its dropout changed', async () => {
    const { adapter } = await continued(run, {
      base,
      rank: 4,
      alpha: 6,
      dora: true,
      rslora: false,
      layers: [2, 1],
      targetModules: ['all-linear'],
      rankPattern: { q_proj: 2 },
      dropout: 0,
    });
    expect(adapter.options).toMatchObject({ rank: 4, dropout: 0 });
  });

  test('can be run again by the config.yaml it wrote', async () => {
    const { config, out } = await continued(run);
    const again = await collect({ ...config, out: join(temporaryFolder(), 'run') });
    expect(again.at(-1)).toMatchObject({ reason: 'finished' });
    expect(out).not.toBe((again.at(-1) as { out: string }).out);
  });

  test('keeps its head’s rows with their labels when these come in another order', async () => {
    const order = [...labels].reverse();
    const { start, adapter } = await continued(run, { data: posts, labels: order });
    expect(start!.head).toBe('its head, rows in the order of these labels');
    const before = head((await readAdapter(run)).tensors);
    for (const [k, label] of order.entries())
      expect(row(head(adapter.tensors), k)).toEqual(row(before, labels.indexOf(label)));
  });

  test.each<readonly [Partial<TrainOptions>, string]>([
    [{ task: 'multi_label_classification' }, 'a new head: the adapter’s was trained for single_label_classification'],
    [{ data: posts, labels: [...labels, 'calm'] }, `a new head: the adapter’s labels are ${labels.join(', ')}`],
  ])('gets a new head for %o', async (options, message) => {
    const { start, adapter } = await continued(run, options);
    const before = await readAdapter(run);
    expect(start!.head).toBe(message);
    expect(body(adapter.tensors)).toEqual(body(before.tensors));
    expect(row(head(adapter.tensors), 0)).not.toEqual(row(head(before.tensors), 0));
  });

  test('of PiSSA is LoRA of twice the rank', async () => {
    const options = quick({ base, rank: 3, initLora: 'pissa' });
    await collect(options);
    const { adapter } = await continued(options.out!);
    expect(adapter.options).toMatchObject({ rank: 6, alpha: 12 });
    expect(adapter.tensors).toEqual((await readAdapter(options.out!)).tensors);
  });
});

describe('an adapter of a PEFT folder', () => {
  test('gets a new head where nothing names the labels', async () => {
    const { start, adapter } = await continued(bare(run));
    expect(start!.head).toBe('a new head: neither the adapter nor its base says what the labels of its head are');
    expect(body(adapter.tensors)).toEqual(body((await readAdapter(run)).tensors));
  });

  test('keeps its head where its base names the labels', async () => {
    const labelled = await tinyBase({ id2label: Object.fromEntries([...labels].reverse().map((l, k) => [k, l])) });
    const { start } = await continued(bare(run), { base: labelled });
    expect(start!.head).toBe('its head, rows in the order of these labels');
  });

  test('with a regular expression for its modules becomes a list of them', async () => {
    const options = quick({ base, rank: 4, targetModules: ['v_proj'], layers: [0, 2] });
    await collect(options);
    const folder = bare(options.out!, { target_modules: '.*\\.[02]\\.self_attn\\.v_proj', layers_to_transform: null });
    const { adapter, config } = await continued(folder);
    expect(config.targetModules).toEqual([0, 2].map((layer) => `model.layers.${layer}.self_attn.v_proj`));
    expect(body(adapter.tensors)).toEqual(body((await readAdapter(options.out!)).tensors));
  });
});

describe('a run from an adapter is refused', () => {
  const refused = (options: Partial<TrainOptions>, message: RegExp) =>
    expect(collect(quick({ initFrom: run, ...options }))).rejects.toThrow(message);

  test('with options that contradict it, each named with both values', () =>
    refused(
      { rank: 8, alpha: 6, dora: false, rankPattern: { q_proj: 4 }, targetModules: ['q_proj', 'v_proj'] },
      /rank 8 \(it has 4\); targetModules \["q_proj","v_proj"\] \(it has \[.*\]\); rankPattern \{"q_proj":4\} \(it has \{"q_proj":2\}\); dora false \(it has true\)\. Leave them out/,
    ));
  test('with other layers', () => refused({ layers: [0, 1, 2] }, /layers \[0,1,2\] \(it has \[1,2\]\)/));
  test('with a start of its own', () => refused({ initLora: 'pissa' }, /initLora pissa does not go with initFrom/));
  test('on another base', async () =>
    refused({ base: await tinyBase({ num_hidden_layers: 2 }) }, /was trained on another base than/));
  test('with another tokenizer', async () => {
    const other = await tinyBase();
    const file = join(other, 'tokenizer.json');
    writeFileSync(file, `${readFileSync(file, 'utf8')} `);
    await refused({ base: other }, /is not the tokenizer .* was trained with/);
  });
  test('from a folder without one', async () => {
    await refused({ initFrom: base }, /has no adapter: it is a whole checkpoint, give it as the base/);
    await refused({ initFrom: join(base, 'nowhere') }, /nowhere: no adapter_config.json/);
  });
});
