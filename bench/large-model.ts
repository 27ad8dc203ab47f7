/**
 * A checkpoint of a large shape: trains steps on one fixed batch, watches its loss fall, compares logits with PyTorch's.
 *
 *     npx emotune checkpoint --preset llama-3.2-1b --out llama-1b
 *     node --import tsx bench/large-model.ts --base llama-1b --python venv/bin/python
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { openCheckpoint } from '../src/checkpoint/checkpoint.ts';
import { writeSafetensors } from '../src/checkpoint/safetensors.ts';
import { random } from '../src/core/random.ts';
import { describeModel } from '../src/models/registry.ts';
import { adamw } from '../src/optim/adamw.ts';
import { Device } from '../src/runtime/device.ts';
import { peakMemoryBytes } from '../src/runtime/memory.ts';
import { lossTarget } from '../src/train/targets.ts';
import { Trainer } from '../src/train/trainer.ts';

const { values: options } = parseArgs({
  options: {
    base: { type: 'string' },
    python: { type: 'string' },
    steps: { type: 'string', default: '20' },
    examples: { type: 'string', default: '8' },
    tokens: { type: 'string', default: '16' },
  },
});
if (!options.base) throw new Error('--base: a checkpoint’s folder');
const checkpoint = await openCheckpoint(options.base);
const spec = describeModel(checkpoint.config);
const device = new Device();
const labels = 7;
let from = performance.now();
const trainer = await Trainer.open(device, {
  checkpoint,
  spec,
  labels,
  task: 'single_label_classification',
  lora: { rank: 16, alpha: 32, dropout: 0, targetModules: 'all-linear', rslora: false, dora: false },
  optimizer: adamw({ betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0 }),
  maxGradNorm: 1,
  microBatchTokens: 512,
  seed: 0,
});
console.log(`opened in ${((performance.now() - from) / 1000).toFixed(1)} s, ${trainer.size} trained values`);

const rng = random(1);
const batch = Array.from({ length: Number(options.examples) }, (_, i) => {
  const target = Array.from({ length: labels }, (_, k) => Number(k === i % labels));
  const ids = Int32Array.from({ length: Number(options.tokens) }, () => rng.integer(spec.config.vocab_size));
  return { id: `${i}`, sequences: [ids], target, loss: lossTarget('single_label_classification', target) };
});
const texts = batch.flatMap((e) => e.sequences);
const ours = await trainer.logits(texts);
const head = (await trainer.tensors()).get('score.weight')!;
for (let step = 1; step <= Number(options.steps); step++) {
  from = performance.now();
  const { loss, tokens } = await trainer.step(batch, 2e-4);
  console.log(
    `step ${step}: loss ${loss.toFixed(4)}, ${((performance.now() - from) / 1000).toFixed(1)} s for ${tokens} tokens`,
  );
}
console.log(`peak memory ${(peakMemoryBytes() / 1e9).toFixed(2)} GB`);
await device.close();

if (options.python) {
  const headFile = join(mkdtempSync(join(tmpdir(), 'emotune-head-')), 'head.safetensors');
  await writeSafetensors(headFile, [['score.weight', head]]);
  const script = fileURLToPath(new URL('./torch_logits.py', import.meta.url));
  const input = JSON.stringify(texts.map((t) => [...t]));
  const result = spawnSync(options.python, [script, options.base, headFile], {
    encoding: 'utf8',
    input,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  if (result.status !== 0) throw new Error(`python ended with ${result.status}`);
  const theirs = JSON.parse(result.stdout.trim().split('\n').at(-1)!);
  const difference = Math.max(...ours.flat().map((z, i) => Math.abs(z - theirs.logits.flat()[i])));
  const largest = Math.max(...theirs.logits.flat().map(Math.abs));
  console.log(
    `logits before training differ from PyTorch's by at most ${difference.toExponential(1)} (largest ${largest.toFixed(2)}); PyTorch's peak ${(theirs.peakMemoryBytes / 1e9).toFixed(2)} GB, forward only`,
  );
}
