import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { loadDataset } from '../load.ts';
import { formatReport } from '../report.ts';
import { tinySemeval2018 } from '../testing/semeval2018-files.ts';
import { loadTable } from '../testing/store.ts';
import { findSource } from './registry.ts';
import type { Source } from './source.ts';

const sourceOf = (name: string): Source => findSource(`semeval2018-${name}`)!;
const load = async (name: string, dataDir = tinySemeval2018()) => {
  const source = sourceOf(name);
  return loadTable(await source.table({ task: source.defaultTask, dataDir }));
};

/** The tiny files, with a change in the `part`th of a dataset. */
function changed(name: string, part: number, change: (content: string) => string): string {
  const dataDir = tinySemeval2018();
  const source = sourceOf(name);
  const path = join(source.folder(dataDir), source.files[part]!.path);
  writeFileSync(path, change(readFileSync(path, 'utf8')));
  return dataDir;
}

describe('SemEval-2018 Task 1', () => {
  it.each([
    ['ec-en', 'English/E-c/2018-E-c-En-train.txt', 'English/E-c/2018-E-c-En-test-gold.txt'],
    ['v-reg-ar', 'Arabic/V-reg/2018-Valence-reg-Ar-train.txt', 'Arabic/V-reg/2018-Valence-reg-Ar-test-gold.txt'],
    [
      'ei-reg-en-anger',
      'English/EI-reg/training/EI-reg-En-anger-train.txt',
      'English/EI-reg/test-gold/2018-EI-reg-En-anger-test-gold.txt',
    ],
    [
      'ei-reg-es-joy',
      'Spanish/EI-reg/training/2018-EI-reg-Es-joy-train.txt',
      'Spanish/EI-reg/test-gold/2018-EI-reg-Es-joy-test-gold.txt',
    ],
    ['v-oc-en', 'English/V-oc/2018-Valence-oc-En-train.txt', 'English/V-oc/2018-Valence-oc-En-test-gold.txt'],
    [
      'ei-oc-en-fear',
      'English/EI-oc/training/EI-oc-En-fear-train.txt',
      'English/EI-oc/test-gold/2018-EI-oc-En-fear-test-gold.txt',
    ],
  ])('%s has its files where the archive has them', (name, train, test) => {
    const paths = sourceOf(name).files.map(({ path }) => path);
    expect([paths[0], paths[2]]).toEqual([train, test]);
  });

  it('takes a quote for a character, and decodes entities and line breaks', async () => {
    const { splits, notes } = await load('ec-en');
    const [train, validation, test] = [splits.train!, splits.validation!, splits.test!].map((rows) =>
      rows.map(({ text }) => text),
    );
    expect(train).toEqual(['Tea & toast, what a morning\n<3', "No bus again. I'm done &lt;"]);
    expect(validation).toEqual(['"Nothing works today', 'They came back "early" and sang']);
    expect(test).toEqual(['He slammed the door', 'A quiet "evening']);
    expect(notes).toEqual(['HTML entities and \\n decoded: 2 rows']);
  });

  it('reads past a byte order mark', async () => {
    const [first] = (await load('ec-es')).splits.validation!;
    expect(first!.id).toBe('2018-Es-011');
  });

  it('keeps tweets without any emotion', async () => {
    const { splits } = await load('ec-ar');
    expect(splits.train!.map(({ target }) => target)).toEqual([
      [1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0],
      [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    ]);
  });

  it.each(['ei-reg-en-anger', 'v-reg-en'])('leaves the mystery rows out of %s, and says how many', async (name) => {
    const { splits, malformed } = await load(name);
    expect(splits.test!.map(({ target }) => target)).toEqual([[0.479], [1]]);
    expect(malformed.count).toBe(0);
    const { dataset, report } = await loadDataset({
      data: `semeval2018-${name}`,
      dataDir: tinySemeval2018(),
      strict: true,
    });
    await dataset.close();
    expect(formatReport(report)).toContain(
      'note        left out, sentences of a study of bias, which have no score (their ids say mystery): 1 row',
    );
  });

  it('names the value by the emotion', async () => {
    const { labels, splits } = await load('ei-reg-es-sadness');
    expect(labels).toEqual(['sadness']);
    expect(splits.train![0]).toMatchObject({ id: '2018-Es-001', target: [0.479] });
  });

  it('reads classes as levels from 0', async () => {
    const levels = async (name: string) => (await load(name)).splits.train!.map(({ target }) => target);
    expect(await levels('ei-oc-ar-fear')).toEqual([[2], [0]]);
    expect(await levels('v-oc-es')).toEqual([[0], [5]]);
  });

  it('counts what is no class as malformed', async () => {
    const cut = (content: string): string =>
      content.replace('-3: very', 'very').replace('2: moderately', '4: moderately');
    const { splits, malformed } = await load('v-oc-en', changed('v-oc-en', 1, cut));
    expect(splits.validation!.map(({ target }) => target)).toEqual([[7]]);
    expect(malformed.first.map(({ reason }) => reason)).toEqual([
      'valence: "very negative emotional state can be inferred" is not a number',
    ]);
  });

  it('refuses the test file without labels', async () => {
    const none = (content: string): string => content.replaceAll(/\t0\.479|\t1\.000/g, '\tNONE');
    await expect(load('v-reg-es', changed('v-reg-es', 2, none))).rejects.toThrow(
      /test-gold\.txt:2: the label is NONE: this is the test file without labels; the file .* ends in -test-gold\.txt/,
    );
    const noneOfAll = (content: string): string =>
      content.replaceAll(/(\t[01])+$/gm, (cells) => cells.replaceAll(/[01]/g, 'NONE'));
    await expect(load('ec-es', changed('ec-es', 2, noneOfAll))).rejects.toThrow('the label is NONE');
  });

  it('refuses the file of another emotion or subtask', async () => {
    const otherwise = (content: string): string => content.replaceAll('\tfear\t', '\tjoy\t');
    await expect(load('ei-reg-ar-fear', changed('ei-reg-ar-fear', 0, otherwise))).rejects.toThrow(
      /fear-train\.txt:2: is about joy, not fear; it is not the file of that name in SemEval2018-Task1-all-data\.zip/,
    );
    const classes = (content: string): string => content.replace('Intensity Score', 'Intensity Class');
    await expect(load('v-reg-ar', changed('v-reg-ar', 1, classes))).rejects.toThrow(
      /no column 'Intensity Score' among the columns \[ID, Tweet, Affect Dimension, Intensity Class\]/,
    );
  });

  it('says whom to ask for the files', () =>
    expect(load('ec-en', 'nowhere')).rejects.toThrow(
      'not fetched for you (NRC terms of use: cite it, do not redistribute it): get SemEval2018-Task1-all-data.zip from ' +
        'https://competitions.codalab.org/competitions/17751, unpack it, and put the files there; or set dataDir',
    ));
});
