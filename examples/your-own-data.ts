/** Look at a file of your own before training on it. Run: node --import tsx examples/your-own-data.ts */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatReport, loadDataset } from 'emotune';

const file = join(mkdtempSync(join(tmpdir(), 'emotune-')), 'posts.csv');
const rows = Array.from(
  { length: 30 },
  (_, i) => `"Message ${i}, as it was written",${['joy', 'anger', 'fear'][i % 3]}`,
);
writeFileSync(file, ['message,feeling', ...rows, 'a row with one field'].join('\n'));

const { dataset, report } = await loadDataset({
  data: file,
  textColumn: 'message',
  labelColumns: ['feeling'],
  seed: 1,
});
console.log(formatReport(report).join('\n'));
for await (const example of dataset.splits.train) {
  console.log(example);
  break;
}
await dataset.close();
