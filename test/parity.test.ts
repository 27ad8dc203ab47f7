import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { openCheckpoint, requireTensors } from '../src/checkpoint/checkpoint.ts';
import type { Task } from '../src/core/task.ts';
import { float32, int32, type Tensor } from '../src/core/tensor.ts';
import type { Graph, Value } from '../src/graph/graph.ts';
import { isLoraParameter, withLora } from '../src/lora/lora.ts';
import { readAdapter } from '../src/lora/peft.ts';
import { HEAD } from '../src/models/heads.ts';
import { classifier, languageModel } from '../src/models/model.ts';
import { packTokens } from '../src/models/packing.ts';
import { type DecoderSpec, describeModel } from '../src/models/registry.ts';
import { fileSource, openEmbeddings, readWeight, weightsFolder } from '../src/models/weights.ts';
import { dense } from '../src/nn/linear.ts';
import { nextTokenLoss } from '../src/nn/losses.ts';
import { emitOnnx } from '../src/onnx/emit.ts';
import { adamw } from '../src/optim/adamw.ts';
import { FLAT, flatSource, pack, unpack } from '../src/optim/flat.ts';
import { schedule } from '../src/optim/schedule.ts';
import { sgd } from '../src/optim/sgd.ts';
import { updateGraph } from '../src/optim/update.ts';
import { Device } from '../src/runtime/device.ts';
import { gradientGraph, lossOf } from '../src/train/graphs.ts';
import { lossTarget } from '../src/train/targets.ts';
import { Trainer } from '../src/train/trainer.ts';
import { type FixtureRow, fixtures, json, maxDifference, rowsOf, tensorsOf } from './support/fixtures.ts';
import { hasWebgpu } from './support/webgpu.ts';

/** Parity with PyTorch, transformers and PEFT; tolerances are those of fixtures/make_fixtures.py. */
const cases = readdirSync(fixtures).filter((name) => existsSync(join(fixtures, name, 'trajectory.json')));

const processor = new Device({ threads: 2 });
afterAll(() => processor.close());

interface Fixture {
  readonly problem: Task | null;
  readonly rows: readonly FixtureRow[];
  readonly expected: Map<string, Tensor>;
  readonly trajectory: ReturnType<typeof json>;
}

async function load(name: string): Promise<Fixture> {
  const { problem_type: problem } = json(name, 'meta.json');
  const expected = await tensorsOf(join(fixtures, name, 'expected.safetensors'));
  const rows = await rowsOf(name, problem, expected.get('logits')!.shape.at(-1)!);
  return { problem, rows, expected, trajectory: json(name, 'trajectory.json') };
}

/** The model of a fixture, its loss against its batch, and how to feed both. */
async function build(device: Device, name: string, fixture: Fixture) {
  const dir = join(fixtures, name, 'model');
  const checkpoint = await openCheckpoint(dir);
  const spec = describeModel(checkpoint.config);
  const adapterDir = join(fixtures, name, 'adapter');
  const adapter = existsSync(adapterDir) ? await readAdapter(adapterDir) : undefined;
  const labels = fixture.expected.get('logits')!.shape.at(-1)!;
  const options = {
    linear: adapter ? withLora(dense, adapter.options) : dense,
    embeddings: adapter ? ('given' as const) : ('table' as const),
  };
  const logitsOf = (graph: Graph): Value =>
    fixture.problem ? classifier(graph, spec, { labels }, options) : languageModel(graph, spec, options);
  const { recipe, class_weights: weights } = fixture.trajectory;
  const lossGraph = (graph: Graph): Value => {
    const logits = logitsOf(graph);
    graph.output('logits', logits);
    if (fixture.problem) return lossOf(fixture.problem, logits, recipe.class_weights ? { posWeight: weights } : {});
    return nextTokenLoss(logits, graph.input('targets', 'int32', ['N']), graph.input('divisor', 'float32', []));
  };
  const isTrained = (p: string) => !adapter || isLoraParameter(p) || p.startsWith(`${HEAD}.`);
  const { graph, layout } = gradientGraph(lossGraph, isTrained);
  requireTensors(
    checkpoint,
    Array.from(graph.parameters, ([n, v]) => ({ name: n, shape: v.shape.map(Number) })).filter(
      (t) => !layout.parts.has(t.name),
    ),
  );
  const model = emitOnnx(graph, (p) => flatSource(layout, p) ?? fileSource(checkpoint, p), device.lacking);
  const session = await device.load(model, name, { weightsDir: weightsFolder(checkpoint) });
  const initial = new Map<string, Tensor>();
  for (const p of layout.parts.keys()) initial.set(p, adapter?.tensors.get(p) ?? (await readWeight(checkpoint, p)));
  const lookUp = await openEmbeddings(checkpoint, spec);
  return { session, layout, initial, spec, feed: (rows: Fixture['rows']) => feeds(fixture, rows, lookUp) };
}

async function feeds(
  fixture: Fixture,
  rows: Fixture['rows'],
  lookUp: (ids: Int32Array) => Promise<Tensor>,
): Promise<Record<string, Tensor>> {
  const packed = packTokens(rows.map((r) => r.ids));
  const common = { ...packed.feeds, embeddings: await lookUp(packed.ids), ids: int32(packed.ids) };
  if (!fixture.problem) {
    const predicted = fixture.rows.reduce((n, r) => n + r.ids.length - 1, 0);
    return { ...common, targets: int32(rows.flatMap((r) => r.target)), divisor: float32([predicted], []) };
  }
  const { class_weights: classWeights, recipe } = fixture.trajectory;
  const options = { labelSmoothing: recipe.label_smoothing ?? 0, ...(classWeights ? { classWeights } : {}) };
  const target = (r: Fixture['rows'][number]) => lossTarget(fixture.problem!, r.target, options);
  const divisor = fixture.rows.reduce((n, r) => n + target(r).divisor, 0);
  return {
    ...common,
    targets: float32(
      rows.flatMap((r) => target(r).row),
      [rows.length, rows[0]!.target.length],
    ),
    weights: float32(new Float32Array(rows.length).fill(1), [rows.length, 1]),
    divisor: float32([divisor], []),
  };
}

const norm = (a: Iterable<number>) => Math.hypot(...a);
const difference = (a: Tensor, b: Tensor) => Array.from(a.data, (v, i) => v - b.data[i]!);

/** PEFT's names inside a running model → names in our graphs. */
const ourName = (name: string) =>
  name
    .replace('base_model.model.', '')
    .replace('modules_to_save.default.', '')
    .replace('lora_magnitude_vector.default.weight', 'lora_magnitude_vector')
    .replace('.default.', '.');

/** Logits in the fixture's layout: rows of real tokens for a language model, padded rows dropped. */
function expectedLogits(fixture: Fixture, key: string): number[] {
  const { data, shape } = fixture.expected.get(key)!;
  if (fixture.problem) return Array.from(data);
  const [, T, V] = shape as [number, number, number];
  return fixture.rows.flatMap((r, b) =>
    r.ids.flatMap((_, t) => Array.from(data.slice((b * T + t) * V, (b * T + t + 1) * V))),
  );
}

function optimizerOf({ optimizer: o }: Fixture['trajectory']) {
  if (o.name === 'SGD') return sgd({ momentum: o.momentum, weightDecay: o.weight_decay });
  return adamw({ betas: o.betas, eps: o.eps, weightDecay: o.weight_decay });
}

interface Trained {
  readonly losses: readonly number[];
  readonly norms: readonly number[];
  readonly tensors: ReadonlyMap<string, Tensor>;
  /** Logits under other trained tensors. */
  logitsOf(tensors: ReadonlyMap<string, Tensor>): Promise<ArrayLike<number>>;
}

/** Ten optimiser steps by the trainer itself, in as many micro-batches as the fixture says. */
async function trainAdapter(device: Device, name: string, fixture: Fixture): Promise<Trained> {
  const { optimizer: settings, recipe, class_weights: weights } = fixture.trajectory;
  const checkpoint = await openCheckpoint(join(fixtures, name, 'model'));
  const adapter = await readAdapter(join(fixtures, name, 'adapter'));
  const task = fixture.problem!;
  const trainer = await Trainer.open(device, {
    checkpoint,
    spec: describeModel(checkpoint.config),
    labels: fixture.expected.get('logits')!.shape.at(-1)!,
    task,
    lora: adapter.options,
    optimizer: optimizerOf(fixture.trajectory),
    maxGradNorm: recipe.clip,
    microBatchTokens: recipe.micro_batches ? 9 : 1000,
    seed: 0,
    ...(recipe.class_weights ? { posWeight: weights } : {}),
    ...(recipe.lora_plus ? { loraPlusRatio: recipe.lora_plus } : {}),
  });
  await trainer.load(adapter.tensors);
  const examples = fixture.rows.map(({ ids, target }, i) => {
    const loss = lossTarget(task, target, {
      labelSmoothing: recipe.label_smoothing ?? 0,
      ...(weights ? { classWeights: weights } : {}),
    });
    return { id: `${i}`, sequences: [Int32Array.from(ids)], target, loss };
  });
  const rate = recipe.schedule ? schedule('linear', { total: 10, warmup: 3 }) : () => 1;
  const steps = [];
  for (let t = 0; t < 10; t++) steps.push(await trainer.step(examples, settings.lr * rate(t)));
  const tensors = await trainer.tensors();
  return {
    losses: steps.map((s) => s.loss),
    norms: steps.map((s) => s.gradNorm),
    tensors,
    async logitsOf(other) {
      await trainer.load(other);
      return (await trainer.logits(examples.flatMap((e) => e.sequences))).flat();
    },
  };
}

/** Ten optimiser steps of a whole model, with the graphs the trainer uses. */
async function trainAll(device: Device, name: string, fixture: Fixture): Promise<Trained> {
  const built = await build(device, name, fixture);
  const optimizer = optimizerOf(fixture.trajectory);
  const zeros = () => float32(new Float32Array(built.layout.size));
  const update = await device.load(
    emitOnnx(updateGraph(optimizer, built.layout.size), () => expect.fail()),
    'update',
    { provider: 'cpu' },
  );
  const feed = await built.feed(fixture.rows);
  let parameters = pack(built.layout, (p) => built.initial.get(p)!);
  let state: Record<string, Tensor> = Object.fromEntries(optimizer.state.map((s) => [s, zeros()]));
  const losses: number[] = [];
  for (let t = 0; t < 10; t++) {
    const { tensors } = await built.session.run({ ...feed, [FLAT]: parameters, gradient: zeros() });
    losses.push(tensors.loss!.data[0]!);
    const scalars = Object.entries({ ...optimizer.scalars(t + 1), learningRate: fixture.trajectory.optimizer.lr });
    const inputs = Object.fromEntries(scalars.map(([n, v]) => [n, float32([v], [])]));
    const next = await update.run({ parameters, gradient: tensors.gradient!, ...state, ...inputs });
    parameters = next.tensors.parameters!;
    state = Object.fromEntries(optimizer.state.map((s) => [s, next.tensors[s]!]));
  }
  return {
    losses,
    norms: [],
    tensors: unpack(built.layout, parameters),
    async logitsOf(other) {
      const { tensors } = await built.session.run({
        ...feed,
        [FLAT]: pack(built.layout, (p) => other.get(p)!),
        gradient: zeros(),
      });
      return tensors.logits!.data;
    },
  };
}

async function trainedTensors(name: string): Promise<ReadonlyMap<string, Tensor>> {
  const adapter = join(fixtures, name, 'adapter-trained');
  return existsSync(adapter)
    ? (await readAdapter(adapter)).tensors
    : tensorsOf(join(fixtures, name, 'trained.safetensors'));
}

const hint = 're-run test/fixtures/make_fixtures.py if the reference changed';

/** The largest allowed difference of the loss. On a GPU sums run in another order: a few units in the last place of a loss near 4. */
const lossTolerance = { cpu: 1e-6, webgpu: 4e-6 };

async function checkGradients(device: Device, name: string, tolerance = lossTolerance.cpu): Promise<void> {
  const fixture = await load(name);
  const built = await build(device, name, fixture);
  const gradient = float32(new Float32Array(built.layout.size));
  const { tensors } = await built.session.run({
    ...(await built.feed(fixture.rows)),
    [FLAT]: pack(built.layout, (p) => built.initial.get(p)!),
    gradient,
  });
  await built.session.release();
  expect(maxDifference(tensors.logits!.data, expectedLogits(fixture, 'logits')), hint).toBeLessThan(5e-6);
  expect(Math.abs(tensors.loss!.data[0]! - fixture.expected.get('loss')!.data[0]!), hint).toBeLessThan(tolerance);
  const gradients = unpack(built.layout, tensors.gradient!);
  const references = [...fixture.expected]
    .filter(([n]) => n.startsWith('grad.'))
    .map(([n, t]) => [ourName(n.slice(5)), t] as const);
  expect(references.map(([n]) => n).sort()).toEqual([...gradients.keys()].sort());
  const all = norm(references.flatMap(([, t]) => Array.from(t.data)));
  for (const [n, reference] of references) {
    const bound = 1e-3 * norm(reference.data) + 1e-6 * all;
    expect(norm(difference(gradients.get(n)!, reference)), `${n}: ${hint}`).toBeLessThan(bound);
  }
}

async function checkTraining(device: Device, name: string): Promise<void> {
  const fixture = await load(name);
  const isAdapter = existsSync(join(fixtures, name, 'adapter'));
  const { losses, norms, tensors, logitsOf } = await (isAdapter ? trainAdapter : trainAll)(device, name, fixture);
  expect(maxDifference(losses, fixture.trajectory.losses), hint).toBeLessThan(1e-5);
  const referenceNorms = fixture.trajectory.grad_norms_before_clipping;
  if (referenceNorms.length > 0) expect(maxDifference(norms, referenceNorms)).toBeLessThan(1e-4);
  const trained = await trainedTensors(name);
  expect([...tensors.keys()].sort()).toEqual([...trained.keys()].sort());
  for (const [n, t] of tensors) expect(maxDifference(t.data, trained.get(n)!.data), n).toBeLessThan(1e-4);
  expect(maxDifference(await logitsOf(trained), expectedLogits(fixture, 'logits_trained')), hint).toBeLessThan(5e-6);
}

describe.each(cases)('%s', (name) => {
  test('logits, loss and every gradient', () => checkGradients(processor, name));
  test('ten steps, the trained tensors and their logits', () => checkTraining(processor, name));
});

/** Fixtures that between them compute everything: a driver in software needs some ten seconds for each. */
const onWebgpu = [
  'llama-causal-lm',
  'llama-dora-bias',
  'llama-full',
  'llama-headdim',
  'llama-lora-multi',
  'llama-lora-regression',
  'llama31-rope-lora',
  'qwen2-lora',
];

/** The same tolerances but for the loss: what a GPU computes differs from the processor in the last digits only. */
describe.skipIf(!(await hasWebgpu()))('on WebGPU', () => {
  const gpu = new Device({ choice: { provider: 'webgpu' }, threads: 2 });
  afterAll(() => gpu.close());

  test.each(onWebgpu)('%s: logits, loss and every gradient', (name) => checkGradients(gpu, name, lossTolerance.webgpu));
  test('llama-lora-single: ten steps, the trained tensors and their logits', () =>
    checkTraining(gpu, 'llama-lora-single'));
});

test.each(cases.filter((name) => existsSync(join(fixtures, name, 'config.v4.json'))))(
  '%s: the older spelling of config.json gives the same model',
  (name) => {
    const without = ({ config: { ...config }, ...rest }: DecoderSpec) => ({ ...rest, config });
    expect(without(describeModel(json(name, 'config.v4.json')))).toEqual(
      without(describeModel(json(name, 'model', 'config.json'))),
    );
  },
);
