import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { heldLabels, perSplit } from '../example.ts';
import { loadDataset } from '../load.ts';
import { tinyEmobank } from '../testing/emobank-files.ts';
import { inMemory, loadTable } from '../testing/store.ts';
import { isThere, thirdPartyData } from '../testing/third-party.ts';
import { emobank, emobankEmotions, nearestEmotion } from './emobank.ts';

const loadEmotions = async (dataDir: string) =>
  loadTable(await emobankEmotions.table({ task: 'single_label_classification', dataDir }));

describe('the nearest emotion', () => {
  it.each([
    ['neutral', 3, 3, 3],
    ['anger', 1.98, 4.18, 3.5],
    ['disgust', 1.8, 3.7, 3.22],
    ['fear', 1.72, 4.2, 2.14],
    ['joy', 4.52, 3.96, 3.7],
    ['sadness', 1.74, 2.46, 2.34],
    ['surprise', 3.8, 4.34, 2.74],
    ['joy', 5, 5, 5],
    ['sadness', 1, 1, 1],
    ['anger', 1, 5, 5],
    ['fear', 1, 5, 1],
  ] as const)('is %s at %d, %d, %d', (emotion, v, a, d) => expect(nearestEmotion([v, a, d])).toBe(emotion));

  it('is the first of equally near ones', () => {
    expect(nearestEmotion([2.89, 4.26, 3.12])).toBe('anger'); // as near to surprise
    expect(nearestEmotion([1.77, 3.08, 2.78])).toBe('disgust'); // as near to sadness
  });
});

describe('EmoBank, a tiny file of the exact form', () => {
  it('has the official split, values as they are, and quotes undoubled', async () => {
    const { splits, labels } = await loadTable(await emobank.table({ task: 'regression', dataDir: tinyEmobank() }));
    expect(labels).toEqual(['V', 'A', 'D']);
    expect(splits.train!.slice(0, 2)).toEqual([
      { id: 'A_1', text: 'Did she say so in her last letter? "', target: [3, 3, 3.2] },
      { id: 'A_2', text: 'It added: "In winter, nothing grows," and left.', target: [1.2, 3.1, 2.8] },
    ]);
    expect([splits.validation!.length, splits.test!.length]).toEqual([1, 2]);
  });

  it('loses duplicates and leaks in train only', async () => {
    const { dataset, report } = await loadDataset({ data: 'emobank', dataDir: tinyEmobank() });
    expect((await inMemory(dataset)).splits.train.map(({ id }) => id)).toEqual(['A_1', 'A_2', 'A_3']);
    expect(report.removed).toMatchObject({ duplicates: 1, leaks: { train: 1, validation: 0, test: 0 } });
    expect(report.split).toBe('official');
  });

  it('gives the emotion that is nearest, and keeps the values', async () => {
    const { splits, labels } = await loadEmotions(tinyEmobank());
    const all = [...splits.train!, ...splits.validation!, ...splits.test!];
    expect(all.flatMap(({ target }) => heldLabels(target, labels))).toEqual(
      'neutral disgust joy joy neutral fear neutral sadness'.split(' '),
    );
    expect(splits.test![1]!.meta).toEqual({ V: '1.7', A: '2.4', D: '2.3' });
  });

  it('counts a row without a value as malformed', async () => {
    const dataDir = tinyEmobank();
    const path = join(emobank.folder(dataDir), 'emobank.csv');
    writeFileSync(path, readFileSync(path, 'utf8').replace('1.2,3.1,2.8', '1.2,,2.8'));
    expect((await loadEmotions(dataDir)).malformed.first).toEqual([{ file: path, line: 3, reason: 'no label' }]);
  });
});

describe.skipIf(!isThere(emobank))('EmoBank, the published file', () => {
  it('has 8062, 1000 and 1000 rows, of which 156 repeat a text, and 18 test rows whose text is also in train', async () => {
    const { splits, malformed } = await loadTable(await emobank.table({ task: 'regression', dataDir: thirdPartyData }));
    const { train, validation, test } = perSplit((name) => splits[name]!.map(({ text }) => text));
    expect([train.length, validation.length, test.length, malformed.count]).toEqual([8062, 1000, 1000, 0]);
    expect(10062 - new Set([...train, ...validation, ...test]).size).toBe(156);
    expect(test.filter((text) => train.includes(text))).toHaveLength(18);
  });

  it('loads without leaks, test untouched', async () => {
    const { dataset, report } = await loadDataset({ data: 'emobank', dataDir: thirdPartyData });
    await dataset.close();
    expect(report.audit.leaks).toContainEqual({ from: 'test', into: 'train', exact: 16, normalised: 16 });
    expect(report.removed).toMatchObject({ duplicates: 1, leaks: { train: 78, validation: 9, test: 0 } });
    expect(report.splits.test.size).toBe(1000);
  });

  it('is 93 % neutral as emotions', async () => {
    const { splits, labels } = await loadEmotions(thirdPartyData);
    const counts = new Map(labels.map((label) => [label, 0]));
    for (const { target } of Object.values(splits).flat()) {
      const [label] = heldLabels(target, labels);
      counts.set(label!, counts.get(label!)! + 1);
    }
    expect(Object.fromEntries(counts)).toEqual({
      anger: 42,
      disgust: 341,
      fear: 24,
      joy: 112,
      neutral: 9357,
      sadness: 90,
      surprise: 96,
    });
  });
});
