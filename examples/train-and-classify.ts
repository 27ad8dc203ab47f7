/** Fine-tune the embedded base on the embedded dataset, then classify. Run: node --import tsx examples/train-and-classify.ts */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadClassifier, train } from 'emotune';

const out = join(mkdtempSync(join(tmpdir(), 'emotune-')), 'run');
const limit = Number(process.env.LIMIT ?? 1054); // fewer examples for a quick look

for await (const event of train({ data: 'social-posts', out, epochs: 2, limit })) {
  if (event.type === 'step' && event.step % 20 === 0) console.log(`step ${event.step}: loss ${event.loss.toFixed(3)}`);
  if (event.type === 'evaluated')
    console.log(`${event.split}: macro-F1 ${event.evaluation.metrics.macroF1?.value?.toFixed(3)}`);
}

const classifier = await loadClassifier(out);
const texts = ['They cancelled it again, an hour before. Again!', 'Our daughter took her first steps today'];
for (const [i, { labels, scores }] of (await classifier.classify(texts)).entries()) {
  console.log(`${labels.join(', ')} (${scores[labels[0]!]!.toFixed(2)}): ${texts[i]}`);
}
await classifier.dispose();
