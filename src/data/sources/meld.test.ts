import { describe, expect, it } from 'vitest';

import { loadDataset } from '../load.ts';
import { formatReport } from '../report.ts';
import { tinyMeld } from '../testing/meld-files.ts';
import { inMemory } from '../testing/store.ts';

const load = async () => {
  const { dataset, report } = await loadDataset({ data: 'meld', dataDir: tinyMeld() });
  return { ...(await inMemory(dataset)), report };
};

describe('MELD, tiny files of the exact form', () => {
  it('restores Windows-1252 characters, and says so', async () => {
    const { splits, report } = await load();
    expect(splits.train.slice(0, 3).map(({ text }) => text)).toEqual(['Well, it’s late.', '"Late"—again?!', 'I know…']);
    expect(report.cleaned.misreadCharacters).toBe(3);
    expect(formatReport(report)).toContain('cleaned     Windows-1252 characters restored in 3');
  });

  it('gives the utterances before as context, and nothing of another dialogue or file', async () => {
    const { splits } = await load();
    const before = splits.train.map(({ context }) => context?.map(({ text }) => text));
    expect(before.slice(0, 5)).toEqual([
      undefined,
      ['Well, it’s late.'],
      ['Well, it’s late.', '"Late"—again?!'],
      undefined,
      ['Get out!'],
    ]);
    expect(splits.validation[0]!.context).toBeUndefined();
    expect(splits.test.map(({ context }) => context)).toEqual([undefined, undefined, [{ text: 'Hey.' }]]);
  });

  it('takes dialogues of the same number in other files for others', async () => {
    const { splits, report } = await load();
    expect(report.removed.groups).toEqual({ train: 0, validation: 0, test: 0 });
    expect(splits.train).toHaveLength(7);
    expect(splits.train.map(({ group }) => group)).toContain('train_sent_emo.csv:0');
    expect(splits.test.map(({ group }) => group)).toContain('test_sent_emo.csv:0');
  });
});
