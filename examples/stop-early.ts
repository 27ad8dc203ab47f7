/** Stop a run from outside and use what it has learnt. Run: node --import tsx examples/stop-early.ts */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadClassifier, train } from 'emotune';

const out = join(mkdtempSync(join(tmpdir(), 'emotune-')), 'run');
const controller = new AbortController();

for await (const event of train({ data: 'social-posts', out }, { signal: controller.signal })) {
  if (event.type === 'step' && event.step === 3) controller.abort();
  if (event.type === 'done') console.log(`ended: ${event.reason}, weights in ${event.out}`);
}

const classifier = await loadClassifier(out);
console.log(await classifier.classify(['What a day']));
await classifier.dispose();
