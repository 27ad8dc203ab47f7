/**
 * Adapters written by emotune, loaded by PEFT, and their merged checkpoints, loaded by transformers: their logits against
 * ours. Fails if any differs by more than 1e-5.
 *
 *     node --import tsx bench/check-peft.ts --model runs/demo --model runs/pissa --python venv/bin/python
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { loadDataset } from '../src/data/load.ts';
import { mergeAdapter } from '../src/predict/merge.ts';
import { readClassifier, type SavedClassifier } from '../src/predict/saved-classifier.ts';
import { openScorer } from '../src/predict/scorer.ts';
import { Device } from '../src/runtime/device.ts';
import { loadTokenizer } from '../src/text/tokenizer.ts';

const { values: options } = parseArgs({
  options: { model: { type: 'string', multiple: true }, python: { type: 'string', default: 'python3' } },
});
if (!options.model) throw new Error('--model: a run’s folder');
const TOLERANCE = 1e-5;
const { dataset } = await loadDataset({ data: 'social-posts' });
const texts = (await dataset.splits.test.read([...Array(32).keys()])).map((e) => e.text);
await dataset.close();

interface Theirs {
  readonly logits: number[][];
  readonly labels: string[];
  readonly problem_type: string;
}
function python(...args: readonly string[]): Theirs {
  const script = fileURLToPath(new URL('./peft_logits.py', import.meta.url));
  const result = spawnSync(options.python, [script, ...args], {
    encoding: 'utf8',
    input: JSON.stringify(texts),
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  if (result.status !== 0) throw new Error(`python ended with ${result.status}`);
  return JSON.parse(result.stdout.trim().split('\n').at(-1)!);
}

async function ourLogits(saved: SavedClassifier): Promise<number[]> {
  const device = new Device();
  const scorer = await openScorer(device, saved);
  const encoded = await (await loadTokenizer(saved.checkpoint.dir)).encode(texts);
  const logits = await scorer.logits(encoded, saved.parameters);
  await device.close();
  return logits.flat();
}

for (const model of options.model) {
  const saved = await readClassifier(model);
  const ours = await ourLogits(saved);
  const largest = (theirs: number[][]) => Math.max(...theirs.flat().map((z, i) => Math.abs(z - ours[i]!)));
  const { rank, alpha } = saved.adapter!.options;
  const adapted = largest(python(model, '--base', saved.checkpoint.dir, '--labels', String(saved.labels)).logits);
  console.log(`${model} (r=${rank}, alpha=${alpha})`);
  console.log(`  PEFT with our adapter: logits differ by at most ${adapted.toExponential(1)}`);
  const folder = join(mkdtempSync(join(tmpdir(), 'emotune-merged-')), 'merged');
  await mergeAdapter(model, folder, { dtype: 'F32' });
  const { logits, labels, problem_type } = python(folder);
  console.log(
    `  transformers with our merged checkpoint: ${largest(logits).toExponential(1)}, labels ${labels.join(' ')}, ${problem_type}`,
  );
  if (Math.max(adapted, largest(logits)) > TOLERANCE) process.exitCode = 1;
}
