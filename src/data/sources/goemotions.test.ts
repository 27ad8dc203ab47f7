import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { heldLabels } from '../example.ts';
import { loadDataset } from '../load.ts';
import { tinyGoemotions } from '../testing/goemotions-files.ts';
import { auditOf, inMemory, loadTable } from '../testing/store.ts';
import { isThere, thirdPartyData } from '../testing/third-party.ts';
import { goemotions, goemotionsEkman } from './goemotions.ts';

const task = 'multi_label_classification';
const load = async (dataDir: string) => loadTable(await goemotions.table({ task, dataDir }));

describe('GoEmotions, tiny files of the exact form', () => {
  it('takes CSV quotes off texts inside the TSV and undoubles them', async () => {
    const texts = (await load(tinyGoemotions())).splits.train!.map(({ text }) => text);
    expect(texts.slice(1, 3)).toEqual(['Three words. "Dude. Stop. Seriously."', 'A "tab\there"']);
  });

  it('leaves quotes inside an unquoted text alone', async () => {
    expect((await load(tinyGoemotions())).splits.train![4]!.text).toBe('He said "no" and left');
  });

  it('reads several ids as labels', async () => {
    const { splits, labels } = await load(tinyGoemotions());
    expect(heldLabels(splits.train![1]!.target, labels)).toEqual(['admiration', 'annoyance']);
  });

  it('takes texts of test out of train, whatever their case and white space', async () => {
    const { dataset, report } = await loadDataset({ data: 'goemotions', dataDir: tinyGoemotions() });
    expect(dataset.splits.train).toHaveLength(4);
    expect(dataset.splits.test).toHaveLength(2);
    expect(report.removed.leaks).toEqual({ train: 1, validation: 0, test: 0 });
    expect(report.split).toBe('official');
  });

  it('refuses a labels.txt with other labels', async () => {
    const dataDir = tinyGoemotions();
    writeFileSync(join(goemotions.folder(dataDir), 'labels.txt'), 'joy\nanger');
    await expect(load(dataDir)).rejects.toThrow(
      /labels\.txt: lists \[joy, anger\] where \[admiration, .*all from one place/,
    );
  });

  it('refuses an id outside labels.txt', async () => {
    const dataDir = tinyGoemotions();
    writeFileSync(join(goemotions.folder(dataDir), 'dev.tsv'), 'a text\t3,28\tabc\n');
    await expect(load(dataDir)).rejects.toThrow(/'28' \(1 row, first .*dev\.tsv:1\)/);
  });
});

describe.skipIf(!isThere(goemotions) || !isThere(goemotionsEkman))('GoEmotions, the published files', () => {
  it.each([goemotions, goemotionsEkman])(
    '$name has 43410, 5426 and 5427 rows, 32 test texts also in train',
    async (source) => {
      const { dataset, report } = await loadDataset({ data: source.name, dataDir: thirdPartyData });
      await dataset.close();
      expect(report.rowsRead).toEqual({ train: 43410, validation: 5426, test: 5427 });
      expect(report.audit.leaks).toContainEqual({ from: 'test', into: 'train', exact: 32, normalised: 37 });
    },
  );

  it('loads without leaks, test untouched', async () => {
    const { dataset, report } = await loadDataset({ data: 'goemotions', dataDir: thirdPartyData });
    const { splits } = await inMemory(dataset);
    expect((await auditOf(splits)).leaks).toEqual([]);
    expect(splits.test).toHaveLength(5427);
    expect(report.removed).toMatchObject({ duplicates: 86, leaks: { train: 158, validation: 12, test: 0 } });
  });
});
