/**
 * An adapter written by emotune, loaded by PEFT, and its merged checkpoint, loaded by transformers: their logits against ours.
 *
 *     node --import tsx bench/check-peft.ts --model runs/demo --python venv/bin/python
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { loadDataset } from '../src/data/load.ts';
import { mergeAdapter } from '../src/predict/merge.ts';
import { readClassifier } from '../src/predict/saved-classifier.ts';
import { openScorer } from '../src/predict/scorer.ts';
import { Device } from '../src/runtime/device.ts';
import { loadTokenizer } from '../src/text/tokenizer.ts';

const { values: options } = parseArgs({
  options: { model: { type: 'string' }, python: { type: 'string', default: 'python3' } },
});
if (!options.model) throw new Error('--model: a run’s folder');
const { dataset } = await loadDataset({ data: 'social-posts' });
const texts = dataset.splits.test.slice(0, 32).map((e) => e.text);

const saved = await readClassifier(options.model);
const device = new Device();
const scorer = await openScorer(device, saved);
const encoded = await (await loadTokenizer(saved.checkpoint.dir)).encode(texts);
const ours = await scorer.logits(encoded, await device.put(saved.parameters));
await device.close();

function python(...args: readonly string[]): {
  readonly logits: number[][];
  readonly labels: string[];
  readonly problem_type: string;
} {
  const script = fileURLToPath(new URL('./peft_logits.py', import.meta.url));
  const result = spawnSync(options.python, [script, ...args], {
    encoding: 'utf8',
    input: JSON.stringify(texts),
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  if (result.status !== 0) throw new Error(`python ended with ${result.status}`);
  return JSON.parse(result.stdout.trim().split('\n').at(-1)!);
}
const difference = (theirs: number[][]) => Math.max(...ours.flat().map((z, i) => Math.abs(z - theirs.flat()[i]!)));

const adapted = python(options.model, '--base', saved.checkpoint.dir, '--labels', String(saved.labels));
console.log(`PEFT with our adapter: logits differ by at most ${difference(adapted.logits).toExponential(1)}`);
const merged = join(mkdtempSync(join(tmpdir(), 'emotune-merged-')), 'merged');
await mergeAdapter(options.model, merged, { dtype: 'F32' });
const plain = python(merged);
console.log(
  `transformers with our merged checkpoint: ${difference(plain.logits).toExponential(1)}, labels ${plain.labels.join(' ')}, ${plain.problem_type}`,
);
