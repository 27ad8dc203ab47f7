/**
 * LoRA+ on nano-llama and social-posts, step by step against PyTorch with PEFT's create_loraplus_optimizer: the same initial
 * adapter, batches and schedule. Fails if a loss differs by more than 1e-4.
 *
 *     node --import tsx bench/check-lora-plus.ts --ratio 8 --steps 30 --python venv/bin/python
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { openCheckpoint } from '../src/checkpoint/checkpoint.ts';
import { loadDataset } from '../src/data/load.ts';
import { readAdapter, writeAdapter } from '../src/lora/peft.ts';
import { baseFolder } from '../src/models/base.ts';
import { describeModel } from '../src/models/registry.ts';
import { adamw } from '../src/optim/adamw.ts';
import { Device } from '../src/runtime/device.ts';
import { loadTokenizer } from '../src/text/tokenizer.ts';
import { lossTarget } from '../src/train/targets.ts';
import { Trainer } from '../src/train/trainer.ts';

const { values } = parseArgs({
  options: {
    ratio: { type: 'string', default: '8' },
    steps: { type: 'string', default: '30' },
    python: { type: 'string', default: 'python3' },
  },
});
const [ratio, steps] = [Number(values.ratio), Number(values.steps)];
const [BATCH, TOLERANCE] = [16, 1e-4];
const settings = { betas: [0.9, 0.999] as const, eps: 1e-8, weightDecay: 0.01 };

const checkpoint = await openCheckpoint(baseFolder('nano'));
const { dataset } = await loadDataset({ data: 'social-posts' });
const chosen = await dataset.splits.train.read([...Array(steps * BATCH).keys()]);
await dataset.close();
const encoded = await (await loadTokenizer(checkpoint.dir)).encode(chosen.map((e) => e.text));
const examples = chosen.map(({ id, target }, i) => ({
  id,
  target,
  sequences: [encoded[i]!],
  loss: lossTarget(dataset.task, target),
}));
const batches = Array.from({ length: steps }, (_, t) => examples.slice(t * BATCH, (t + 1) * BATCH));
const rates = batches.map((_, t) => 5e-4 * Math.min(1, t / 5));

const device = new Device();
const trainer = await Trainer.open(device, {
  checkpoint,
  spec: describeModel(checkpoint.config),
  labels: dataset.labels.length,
  task: dataset.task,
  lora: { rank: 16, alpha: 32, dropout: 0, targetModules: 'all-linear', rslora: false, dora: false },
  optimizer: adamw(settings),
  loraPlusRatio: ratio,
  maxGradNorm: 1,
  microBatchTokens: 2048,
  seed: 0,
});
const folder = mkdtempSync(join(tmpdir(), 'emotune-lora-plus-'));
const save = async (name: string) => {
  const adapter = await trainer.adapter(await trainer.tensors());
  await writeAdapter(join(folder, name), { ...adapter, baseModel: checkpoint.dir });
};
await save('initial');
const ours: number[] = [];
for (const [t, batch] of batches.entries()) ours.push((await trainer.step(batch, rates[t]!)).loss);
await save('ours');
await device.close();

const script = fileURLToPath(new URL('./lora_plus_reference.py', import.meta.url));
const result = spawnSync(values.python, [script, checkpoint.dir, folder], {
  encoding: 'utf8',
  input: JSON.stringify({
    batches: batches.map((batch) =>
      batch.map(({ sequences, target }) => ({ ids: [...sequences[0]!], label: target.indexOf(1) })),
    ),
    labels: dataset.labels.length,
    rates,
    ratio,
    ...settings,
  }),
  stdio: ['pipe', 'pipe', 'inherit'],
});
if (result.status !== 0) throw new Error(`python ended with ${result.status}`);
const theirs: number[] = JSON.parse(result.stdout.trim().split('\n').at(-1)!);

const largest = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Math.max(...Array.from(a, (x, i) => Math.abs(x - b[i]!)));
const [mine, reference] = [await readAdapter(join(folder, 'ours')), await readAdapter(join(folder, 'theirs'))];
const tensors = [...mine.tensors].map(([name, { data }]) => largest(data, reference.tensors.get(name)!.data));
console.log(`${steps} steps, ratio ${ratio}: loss ${ours[0]!.toFixed(4)} to ${ours.at(-1)!.toFixed(4)}`);
console.log(`  losses differ by at most ${largest(ours, theirs).toExponential(1)}`);
console.log(`  trained values by at most ${Math.max(...tensors).toExponential(1)}`);
if (!(largest(ours, theirs) <= TOLERANCE)) process.exitCode = 1;
