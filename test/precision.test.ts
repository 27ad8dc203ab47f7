import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openCheckpoint } from '../src/checkpoint/checkpoint.ts';
import { random } from '../src/core/random.ts';
import type { Task } from '../src/core/task.ts';
import { float32, type Tensor } from '../src/core/tensor.ts';
import { baseFolder } from '../src/models/base.ts';
import { inPrecision } from '../src/models/precision.ts';
import { describeModel } from '../src/models/registry.ts';
import type { Precision } from '../src/nn/linear.ts';
import { sgd } from '../src/optim/sgd.ts';
import { loadClassifier } from '../src/predict/classifier.ts';
import { Device } from '../src/runtime/device.ts';
import type { TrainOptions } from '../src/train/config.ts';
import type { TrainEvent } from '../src/train/events.ts';
import { planTraining } from '../src/train/plan.ts';
import { lossTarget } from '../src/train/targets.ts';
import { resume, train } from '../src/train/train.ts';
import { Trainer } from '../src/train/trainer.ts';
import { randomTexts, temporaryFolder, tinyBase, tinyLora } from './support/model.ts';

/** Frozen weights in fewer bits: what is trained, saved and classified with them. */
const narrow = ['fp16', 'int8', 'int4'] as const satisfies readonly Precision[];
const hub = { cacheDir: join(temporaryFolder(), 'hub') };

describe.each(narrow)('a run in %s', (precision) => {
  let options: (out: string) => TrainOptions;
  let whole: string;

  async function end(events: AsyncIterable<TrainEvent>, until?: (event: TrainEvent) => boolean): Promise<void> {
    for await (const event of events) if (until?.(event)) break;
  }
  const fileOf = (run: string, name: string) => readFileSync(join(run, name));

  beforeAll(async () => {
    const base = await tinyBase();
    const settings = { base, data: 'social-posts', limit: 60, epochs: 1, rank: 4, threads: 1 } as const;
    options = (out) => ({ ...settings, precision, learningRate: 3e-3, out: join(temporaryFolder(), out) });
    const complete = options('whole');
    whole = complete.out!;
    await end(train(complete, { hub }));
  });

  test('counts the parameters of its base, not the rounded copies', async () => {
    const { parameters } = await planTraining(options('planned'), { hub });
    await end(train(options('counted'), { hub }), (event) => {
      if (event.type === 'started') expect(event.parameters).toEqual(parameters);
      return event.type === 'step';
    });
  });

  test('that is stopped goes on to the same adapter', async () => {
    const broken = options('broken');
    await end(train(broken, { hub }), (event) => event.type === 'step' && event.step === 2);
    await end(resume(broken.out!, { hub }));
    expect(fileOf(broken.out!, 'adapter_model.safetensors').equals(fileOf(whole, 'adapter_model.safetensors'))).toBe(
      true,
    );
  });

  test('says what it was computed with, and is classified with that unless told otherwise', async () => {
    expect(JSON.parse(fileOf(whole, 'emotune.json').toString())).toMatchObject({ precision });
    const texts = ['I am so happy for you!', 'this is the worst day of my life', 'ok'];
    const scoresIn = async (precision?: Precision) => {
      const classifier = await loadClassifier(whole, { hub, threads: 1, ...(precision ? { precision } : {}) });
      const scores = (await classifier.classify(texts)).flatMap((p) => Object.values(p.scores));
      await classifier.dispose();
      return scores;
    };
    const [given, same, fp32] = [await scoresIn(), await scoresIn(precision), await scoresIn('fp32')];
    expect(given).toEqual(same);
    const difference = Math.max(...given.map((score, i) => Math.abs(score - fp32[i]!)));
    expect(difference).toBeGreaterThan(0);
    expect(difference).toBeLessThan(0.02);
  });
});

describe('of nano-llama', () => {
  const device = new Device({ threads: 2 });
  afterAll(() => device.close());
  const dir = baseFolder('nano');

  async function open(precision: Precision, task: Task = 'single_label_classification'): Promise<Trainer> {
    const checkpoint = await openCheckpoint(dir);
    const spec = describeModel(checkpoint.config);
    const trainer = await Trainer.open(device, {
      checkpoint: await inPrecision(checkpoint, spec, precision, hub),
      spec,
      labels: 3,
      task,
      lora: tinyLora,
      optimizer: sgd({ momentum: 0, weightDecay: 0 }),
      maxGradNorm: undefined,
      microBatchTokens: 4000,
      precision,
      seed: 0,
    });
    await trainer.load(randomised(await trainer.tensors()));
    return trainer;
  }

  const dot = (a: readonly number[], b: readonly number[]) => a.reduce((sum, v, i) => sum + v * b[i]!, 0);
  const cosine = (a: readonly number[], b: readonly number[]) => dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));

  /** With B at zero the gradients of A would be zero. */
  function randomised(tensors: ReadonlyMap<string, Tensor>): Map<string, Tensor> {
    const draw = random(5);
    return new Map(
      Array.from(tensors, ([name, { data, shape }]) => [
        name,
        float32(
          Float32Array.from(data, () => 0.02 * draw.normal()),
          shape,
        ),
      ]),
    );
  }

  /** A step of plain descent at rate 1 takes the gradient off the trained values. */
  async function gradients(
    trainer: Trainer,
    targetOf?: (classes: readonly number[]) => readonly number[],
  ): Promise<Map<string, number[]>> {
    const before = await trainer.tensors();
    const examples = randomTexts(16, 9).map((ids, i) => {
      const classes = [0, 1, 2].map((k) => Number(k === i % 3));
      const target = targetOf?.(classes) ?? classes;
      const task = targetOf ? 'regression' : 'single_label_classification';
      return { id: `${i}`, sequences: [ids], target, loss: lossTarget(task, target) };
    });
    await trainer.step(examples, 1);
    const after = await trainer.tensors();
    return new Map(Array.from(before, ([n, t]) => [n, Array.from(t.data, (v, i) => v - after.get(n)!.data[i]!)]));
  }

  test('a gradient that overflows is computed again with a smaller scale of the loss', async () => {
    const [exact, half] = [await open('fp32', 'regression'), await open('fp16', 'regression')];
    // The processor computes in float32, which takes more to overflow than half precision.
    const start = 2 ** 127;
    await half.restore(0, new Map([...(await half.state()), ['lossScaling', float32([start, 0], [2])]]));
    const far = (targets: readonly number[]) => targets.map((t) => 3000 * t + 1);
    const [a, b] = [await gradients(exact, far), await gradients(half, far)];
    for (const [name, gradient] of a) expect(cosine(gradient, b.get(name)!), name).toBeGreaterThan(0.999);
    const scale = (await half.state()).get('lossScaling')!.data[0]!;
    expect(scale).toBeGreaterThanOrEqual(1);
    expect(scale).toBeLessThan(start);
  });

  test.each([
    ['fp16', 0.9999, 0.9999],
    ['int8', 0.97, 0.99],
    ['int4', 0.6, 0.9],
  ] as const)('every gradient in %s points where that of fp32 does', async (precision, each, all) => {
    const [exact, rounded] = [await gradients(await open('fp32')), await gradients(await open(precision))];
    for (const [name, a] of exact) expect(cosine(a, rounded.get(name)!), name).toBeGreaterThan(each);
    expect(cosine([...exact.values()].flat(), [...rounded.values()].flat())).toBeGreaterThan(all);
  });

  // The engine adds up a single row's int4 blocks in another order, and what differs in the last bit may be rounded to the other side.
  test.each([
    ['fp16', 1e-2],
    ['int8', 1e-5],
    ['int4', 1e-2],
  ] as const)('the logits of a text in %s do not depend on the other texts of its batch', async (precision, bound) => {
    const trainer = await open(precision);
    const texts = randomTexts(40, 8);
    const together = await trainer.logits(texts);
    const alone: (readonly number[])[] = [];
    for (const text of texts) alone.push((await trainer.logits([text]))[0]!);
    const difference = together.flatMap((row, i) => row.map((v, k) => Math.abs(v - alone[i]![k]!)));
    expect(Math.max(...difference)).toBeLessThan(bound);
  });
});
