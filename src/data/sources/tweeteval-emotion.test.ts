import { appendFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { heldLabels } from '../example.ts';
import { loadDataset } from '../load.ts';
import { inMemory, loadTable } from '../testing/store.ts';
import { tinyTweeteval } from '../testing/tweeteval-files.ts';
import { tweetevalEmotion } from './tweeteval-emotion.ts';

const task = tweetevalEmotion.defaultTask;
const load = async (dataDir: string) => loadTable(await tweetevalEmotion.table({ task, dataDir }));

describe('TweetEval emotion, tiny files of the exact form', () => {
  it('puts a text and the id on the same line together', async () => {
    const { dataset, report } = await loadDataset({ data: 'tweeteval-emotion', dataDir: tinyTweeteval() });
    const { splits, labels } = await inMemory(dataset);
    expect(splits.train.map(({ text, target }) => [text, ...heldLabels(target, labels)])).toEqual([
      ['@user Late again, "again"\tand again #bus', 'anger'],
      ['"What a day 😀', 'joy'],
      ['Tea & toast\n<3', 'optimism'],
    ]);
    expect(splits.test.map(({ id }) => id)).toEqual(['test_text.txt:1', 'test_text.txt:2']);
    expect(report.notes).toContain('HTML entities and \\n decoded: 1 row');
    expect(report.split).toBe('official');
  });

  it('refuses files with different numbers of lines', async () => {
    const dataDir = tinyTweeteval();
    appendFileSync(join(tweetevalEmotion.folder(dataDir), 'test_labels.txt'), '0\n1\n');
    await expect(load(dataDir)).rejects.toThrow(/test_text\.txt has 2, .*test_labels\.txt has 4 lines/);
  });

  it('refuses a mapping.txt with other labels', async () => {
    const dataDir = tinyTweeteval();
    writeFileSync(join(tweetevalEmotion.folder(dataDir), 'mapping.txt'), '0\tanger\n1\tfear\n');
    await expect(load(dataDir)).rejects.toThrow(/mapping\.txt: lists \[0\tanger, 1\tfear\] where .*all from one place/);
  });

  it('counts an empty line as malformed, and keeps the lines after it together', async () => {
    const dataDir = tinyTweeteval();
    const file = join(tweetevalEmotion.folder(dataDir), 'val_text.txt');
    writeFileSync(file, '\nBetter now \n');
    writeFileSync(join(tweetevalEmotion.folder(dataDir), 'val_labels.txt'), '0\n1\n');
    const { splits, labels, malformed } = await load(dataDir);
    expect(malformed.first).toEqual([{ file, line: 1, reason: 'empty text' }]);
    expect(splits.validation!.map(({ target }) => heldLabels(target, labels))).toEqual([['joy']]);
  });
});
