import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { type Example, examplesOf } from './example.ts';
import { checkReplaceable, writeSplit } from './folder.ts';
import { loadDataset } from './load.ts';
import { replaceFolder } from './replace-folder.ts';
import { temporaryFolder } from './testing/files.ts';
import { tinyGoemotions } from './testing/goemotions-files.ts';
import { datasetOf, inMemory } from './testing/store.ts';

const newFolder = (): string => join(temporaryFolder(), 'posts');

const parts = {
  name: 'small',
  task: 'multi_label_classification',
  labels: ['1', '0', 'text'],
  splits: {
    train: <Example[]>[
      { id: 'a', text: 'two\nlines', target: [1, 0, 1], meta: { text: 'odd', nested: { label: [1] } } },
      { id: 'b', text: '"quoted", 😀', target: [0, 0, 0] },
    ],
    validation: [{ id: 'c', text: 'c', target: [0, 1, 0] }],
    test: [{ id: 'd', text: 'd', target: [0, 0, 1] }],
  },
} as const;
const small = datasetOf(parts);

describe('a dataset written to a folder', () => {
  it.each(['single_label_classification', 'multi_label_classification', 'regression'] as const)(
    'reads back the same: social-posts, %s',
    async (task) => {
      const folder = newFolder();
      const { dataset } = await loadDataset({ data: 'social-posts', task });
      await writeSplit(folder, dataset);
      expect(await inMemory((await loadDataset({ data: folder })).dataset)).toEqual(await inMemory(dataset));
    },
  );

  it('is for the task it was written for', async () => {
    const folder = newFolder();
    await writeSplit(folder, small);
    await expect(loadDataset({ data: folder, task: 'regression' })).rejects.toThrow(
      /was written for multi_label_classification, not regression/,
    );
  });

  it('reads back the same: GoEmotions', async () => {
    const folder = newFolder();
    const { dataset } = await loadDataset({ data: 'goemotions', dataDir: tinyGoemotions() });
    await writeSplit(folder, dataset);
    expect(await inMemory((await loadDataset({ data: folder })).dataset)).toEqual(await inMemory(dataset));
  });

  it('reads back the same: groups, weights and context of some', async () => {
    const folder = newFolder();
    const train: Example[] = [
      { id: 'a', text: 'a', target: [1, 0, 1], group: 'ann', weight: 0.4 },
      { id: 'b', text: 'b', target: [1, 0, 0], context: [{ text: 'Well?' }, { role: 'bob', text: 'So?' }] },
    ];
    await writeSplit(folder, datasetOf({ ...parts, splits: { ...parts.splits, train } }));
    const { splits } = await inMemory((await loadDataset({ data: folder })).dataset);
    expect(splits).toEqual({ ...parts.splits, train });
  });

  it('reads back the same: odd label names, no labels, nested meta', async () => {
    const folder = newFolder();
    await writeSplit(folder, small, { split: 'stratified 80/10/10, seed 7', seed: 7, source: 'posts.csv' });
    const { dataset, report } = await loadDataset({ data: folder });
    expect(await inMemory(dataset)).toEqual(parts);
    expect(report.notes).toContain('the folder was written from a split that was stratified 80/10/10, seed 7');
  });

  it('replaces what was written before, and leaves nothing beside it', async () => {
    const folder = newFolder();
    await writeSplit(folder, small);
    await writeSplit(`${folder}/`, { ...small, name: 'other' });
    expect((await loadDataset({ data: folder })).dataset.name).toBe('other');
    expect(readdirSync(folder).sort()).toEqual(['dataset.json', 'test.jsonl', 'train.jsonl', 'validation.jsonl']);
    expect(readdirSync(dirname(folder))).toEqual(['posts']);
  });

  it('is whole, and alone, when several are written at once', async () => {
    const folder = newFolder();
    const names = ['one', 'two', 'three', 'four'];
    await Promise.all(names.map((name) => writeSplit(folder, { ...small, name })));
    const { dataset } = await loadDataset({ data: folder });
    expect(names).toContain(dataset.name);
    await dataset.close();
    expect(readdirSync(dirname(folder))).toEqual(['posts']);
  });

  it('is replaced where a link leads', async () => {
    const folder = newFolder();
    await writeSplit(folder, small);
    const link = join(temporaryFolder(), 'link');
    symlinkSync(folder, link, 'junction');
    await writeSplit(link, { ...small, name: 'other' });
    expect((await loadDataset({ data: folder })).dataset.name).toBe('other');
    expect([readdirSync(dirname(folder)), readdirSync(dirname(link))]).toEqual([['posts'], ['link']]);
  });

  it('is found again after a process was killed while it was replaced', async () => {
    const folder = newFolder();
    await writeSplit(folder, small);
    renameSync(folder, `${folder}.emotune.old`);
    await expect(loadDataset({ data: folder })).rejects.toThrow(
      `killed while it replaced this folder; what was there is now ${folder}.emotune.old: give it its name back`,
    );
    await writeSplit(folder, { ...small, name: 'other' });
    expect((await loadDataset({ data: folder })).dataset.name).toBe('other');
    expect(readdirSync(dirname(folder))).toEqual(['posts']);
  });

  it('leaves what is in the old one’s way', async () => {
    const folder = newFolder();
    await writeSplit(folder, small);
    mkdirSync(`${folder}.emotune.old`);
    for (const name of ['thesis.txt', 'train.jsonl'])
      writeFileSync(join(`${folder}.emotune.old`, name), 'do not delete');
    await expect(writeSplit(folder, { ...small, name: 'other' })).rejects.toThrow(
      `${folder}.emotune.old: holds thesis.txt, which emotune did not write; move it away`,
    );
    expect((await loadDataset({ data: folder })).dataset.name).toBe('small');
    expect(readdirSync(`${folder}.emotune.old`)).toEqual(['thesis.txt', 'train.jsonl']);
  });

  it('does not replace a folder that has another dataset.json', async () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, 'thesis'));
    writeFileSync(join(folder, 'thesis', 'chapter1.tex'), 'do not delete');
    for (const foreign of ['{"format": "croissant"}', 'null', '[', '"emotune-dataset/1"']) {
      writeFileSync(join(folder, 'dataset.json'), foreign);
      await expect(writeSplit(folder, small)).rejects.toThrow(
        `${folder}: its dataset.json is not one that emotune wrote, so it will not be replaced`,
      );
    }
    expect(readFileSync(join(folder, 'thesis', 'chapter1.tex'), 'utf8')).toBe('do not delete');
  });

  it('does not replace an earlier split that something was put beside', async () => {
    const folder = newFolder();
    await writeSplit(folder, small);
    for (const name of ['a', 'b', 'c', 'd']) writeFileSync(join(folder, `notes-${name}.txt`), name);
    await expect(writeSplit(folder, small)).rejects.toThrow(
      'holds notes-a.txt, notes-b.txt, notes-c.txt and 1 more, which emotune did not write, so it will not be replaced',
    );
    expect(readdirSync(folder)).toHaveLength(8);
  });

  it.each(['.', './', '..', '/', ''])('does not replace the folder one is in, or one around it: %j', async (folder) => {
    for (const attempt of [() => checkReplaceable(folder), () => writeSplit(folder, small)])
      await expect(attempt()).rejects.toThrow('is the current folder, or around it; a split is a folder of its own');
  });

  it('does not replace what it is made of', async () => {
    const folder = newFolder();
    await writeSplit(folder, small);
    const { dataset } = await loadDataset({ data: folder });
    await expect(writeSplit(folder, dataset)).rejects.toThrow(
      `holds the data itself (${join(folder, 'train.jsonl')}), so it will not be replaced`,
    );
    await writeSplit(`${folder}-2`, dataset);
    await dataset.close();
    expect(readdirSync(dirname(folder)).sort()).toEqual(['posts', 'posts-2']);
  });

  it('keeps what was there when the new one cannot be put there', async () => {
    const folder = newFolder();
    await writeSplit(folder, small);
    await expect(replaceFolder(folder, `${folder}-missing`, ['dataset.json'])).rejects.toThrow(
      `${folder}: cannot be written (ENOENT); give another folder`,
    );
    expect((await loadDataset({ data: folder })).dataset.name).toBe('small');
    expect(existsSync(`${folder}.emotune.old`)).toBe(false);
  });

  it('does not replace other files', async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'thesis.txt'), 'do not delete');
    await expect(writeSplit(folder, small)).rejects.toThrow(
      'holds files but no dataset.json, so it will not be replaced',
    );
    expect(readdirSync(folder)).toEqual(['thesis.txt']);
  });

  it('has no empty split', () =>
    expect(writeSplit(newFolder(), { ...small, splits: { ...small.splits, test: examplesOf([]) } })).rejects.toThrow(
      'the test split is empty; fill it before writing',
    ));
});

describe('a folder that emotune did not write', () => {
  it('is missing dataset.json', () =>
    expect(loadDataset({ data: temporaryFolder() })).rejects.toThrow(/dataset\.json: no such file/));

  it('may have another dataset.json', async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'dataset.json'), '{"format": "emotune-dataset/1", "name": "x", "task": "sorting"}');
    await expect(loadDataset({ data: folder })).rejects.toThrow(
      /dataset\.json: is not what emotune writes: [\s\S]*task/,
    );
  });
});
