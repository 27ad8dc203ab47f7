import { copyFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { perSplit } from '../example.ts';
import { loadDataset } from '../load.ts';
import { tinyBrighter } from '../testing/brighter-files.ts';
import { loadTable } from '../testing/store.ts';
import { isThere, thirdPartyData } from '../testing/third-party.ts';
import { brighter } from './brighter.ts';

const task = 'multi_label_classification';
const [english, german, spanish] = [brighter[0]!, brighter[1]!, brighter[2]!];

describe('BRIGHTER, tiny files of the exact form', () => {
  it('reads emotions, and keeps texts without any', async () => {
    const { splits, labels, notes } = await loadTable(await german.table({ task, dataDir: tinyBrighter() }));
    expect(labels).toEqual(['anger', 'disgust', 'fear', 'joy', 'sadness', 'surprise']);
    expect(splits.train!.map(({ text, target }) => [text, target])).toEqual([
      ['He said "no", and that was that.', [1, 0, 1, 1, 1, 1]],
      ['Colours of autumn.', [0, 0, 0, 0, 0, 0]],
    ]);
    expect(notes).toEqual([]);
  });

  it('reads the English test from the intensities', async () => {
    const { splits, labels, notes } = await loadTable(await english.table({ task, dataDir: tinyBrighter() }));
    expect(labels).toEqual(['anger', 'fear', 'joy', 'sadness', 'surprise']);
    expect(splits.test!.map(({ target }) => target)).toEqual([
      [1, 0, 1, 1, 1],
      [0, 0, 0, 0, 0],
    ]);
    expect(notes).toEqual(['intensities of 2 and 3 read as 1: 1 row']);
  });

  it.each(brighter)('$name has intensities, too', async (source) => {
    const table = await source.table({ task: 'ordinal_regression', dataDir: tinyBrighter() });
    const { splits, labels } = await loadTable(table);
    expect(perSplit((name) => splits[name]!.map(({ target }) => target[0]))).toEqual({
      train: [1, 0],
      validation: [2, 0],
      test: [3, 0],
    });
    expect(splits.test![0]!.target).toEqual(labels.map((_, k) => (k === 1 ? 0 : 3)));
  });

  it('reads no missing label as none', async () => {
    const dataDir = tinyBrighter();
    const at = (track: string): string => join(english.folder(dataDir), track, 'test', 'eng.csv');
    copyFileSync(at('track_a'), at('track_b'));
    const { splits, malformed } = await loadTable(await english.table({ task, dataDir }));
    expect(splits.test).toBeUndefined();
    expect(malformed.first.map(({ reason }) => reason)).toEqual(Array(2).fill('anger: "" is not a number'));
  });
});

describe.skipIf(!brighter.every(isThere))('BRIGHTER, the published files', () => {
  it.each([
    [english, { train: 2764, validation: 115, test: 2765 }, 237, 1],
    [german, { train: 2603, validation: 200, test: 2604 }, 645, 0],
    [spanish, { train: 1996, validation: 184, test: 1695 }, 0, 1],
  ] as const)('$name: rows, neutral ones of train, test texts also in train', async (source, rows, neutral, leaks) => {
    const { splits, malformed } = await loadTable(await source.table({ task, dataDir: thirdPartyData }));
    expect(perSplit((name) => splits[name]!.length)).toEqual(rows);
    expect(malformed.count).toBe(0);
    expect(splits.train!.filter(({ target }) => !target.includes(1))).toHaveLength(neutral);
    const { dataset, report } = await loadDataset({ data: source.name, dataDir: thirdPartyData });
    await dataset.close();
    expect(report.audit.leaks.map(({ from, into, exact }) => [from, into, exact])).toEqual(
      leaks === 0 ? [] : [['test', 'train', leaks]],
    );
    expect(report.splits.test.size).toBe(rows.test);
  });

  it.each([
    [english, { train: 2763, validation: 115, test: 2765 }, 237],
    [german, { train: 2603, validation: 200, test: 2604 }, 589],
    [spanish, { train: 1996, validation: 184, test: 1695 }, 15],
  ] as const)('$name as intensities: rows, neutral ones of train', async (source, rows, neutral) => {
    const table = await source.table({ task: 'ordinal_regression', dataDir: thirdPartyData });
    const { splits, malformed } = await loadTable(table);
    expect(perSplit((name) => splits[name]!.length)).toEqual(rows);
    expect(malformed.count).toBe(0);
    expect(splits.train!.filter(({ target }) => Math.max(...target) === 0)).toHaveLength(neutral);
  });
});
