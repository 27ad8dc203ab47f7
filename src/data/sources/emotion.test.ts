import { appendFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { heldLabels } from '../example.ts';
import { loadDataset } from '../load.ts';
import { tinyEmotion } from '../testing/emotion-files.ts';
import { loadTable } from '../testing/store.ts';
import { emotion } from './emotion.ts';

const load = async (dataDir: string) => loadTable(await emotion.table({ task: emotion.defaultTask, dataDir }));

describe('dair-ai/emotion, tiny files of the exact form', () => {
  it('splits a line at its last semicolon, and takes quotes for characters', async () => {
    const { splits, labels } = await load(tinyEmotion());
    expect(splits.train!.slice(0, 2).map(({ text, target }) => [text, heldLabels(target, labels)])).toEqual([
      ['i feel low; the rain goes on', ['sadness']],
      ['i feel "fine', ['joy']],
    ]);
  });

  it('reports texts with two labels, and takes leaks out of train', async () => {
    const { dataset, report } = await loadDataset({ data: 'emotion', dataDir: tinyEmotion() });
    await dataset.close();
    expect(report.audit.conflicts).toMatchObject({ texts: 1, examples: 2 });
    expect(report.removed.leaks).toEqual({ train: 2, validation: 0, test: 0 });
    expect(report.rowsRead).toEqual({ train: 7, validation: 2, test: 2 });
    expect(report.notes).toContain('no train example holds surprise');
  });

  it('counts lines without a label as malformed, and refuses labels nobody knows', async () => {
    const dataDir = tinyEmotion();
    const file = join(emotion.folder(dataDir), 'val.txt');
    appendFileSync(file, 'i feel nothing\n');
    expect((await load(dataDir)).malformed.first).toEqual([{ file, line: 3, reason: '1 fields where 2 are needed' }]);
    appendFileSync(file, 'i feel so;so\n');
    await expect(load(dataDir)).rejects.toThrow(/outside the label set .*: 'so' \(1 row, first .*val\.txt:4\)/);
  });
});
