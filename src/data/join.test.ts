import { describe, expect, it } from 'vitest';

import { type Example, heldLabels, splitNames } from './example.ts';
import { loadDataset, loadExamples } from './load.ts';
import type { DataOptions } from './origin.ts';
import { formatReport } from './report.ts';
import { temporaryFile } from './testing/files.ts';
import { inMemory, listOf } from './testing/store.ts';

const csv = (name: string, lines: readonly string[], header = 'text,label'): string =>
  temporaryFile(name, `${[header, ...lines].join('\n')}\n`);
const rows = (what: string, labels: readonly string[], count = 60): string[] =>
  Array.from({ length: count }, (_, i) => `${what} number ${i},${labels[i % labels.length]}`);

async function load(options: DataOptions) {
  const { dataset, report } = await loadDataset(options);
  const { splits, ...rest } = await inMemory(dataset);
  return { ...rest, splits, report, all: splitNames.flatMap((name) => splits[name]) };
}

describe('several datasets', () => {
  it('have the union of their labels, in the order of the first, and ids under their names', async () => {
    const data = [csv('a.csv', rows('a', ['joy', 'fear'])), csv('b.csv', rows('b', ['anger', 'joy']))];
    const { name, labels, all, report } = await load({ data });
    expect([name, labels]).toEqual(['a+b', ['fear', 'joy', 'anger']]);
    expect(all).toHaveLength(120);
    expect(new Set(all.map(({ id }) => id)).size).toBe(120);
    const anger = all.filter(({ target }) => target[2] === 1);
    expect(anger).toHaveLength(30);
    expect(anger.every(({ id, text }) => /^b\/b\.csv:\d+$/.test(id) && text.startsWith('b '))).toBe(true);
    expect(report.datasets.map((d) => [d.name, d.rowsRead, d.labels])).toEqual([
      ['a', { train: 60 }, ['fear', 'joy']],
      ['b', { train: 60 }, ['anger', 'joy']],
    ]);
    expect(formatReport(report).join('\n')).toContain(
      'b: 60 rows; single_label_classification, 2 labels; stratified 80/10/10, seed 0',
    );
  });

  it('of one name are told apart', async () => {
    const data = [csv('a.csv', rows('a', ['joy', 'fear'])), csv('a.csv', rows('b', ['joy', 'fear']))];
    expect((await load({ data })).name).toBe('a+a#2');
  });

  it('keep the split they have, and are split where they have none', async () => {
    const split = rows('a', ['joy', 'fear'], 30).map((row, i) => `${row},${['train', 'dev', 'test'][i % 3]}`);
    const data = [csv('a.csv', split, 'text,label,split'), csv('b.csv', rows('b', ['joy', 'fear'], 100))];
    const { splits, report } = await load({ data });
    const sizes = (what: string) => splitNames.map((n) => splits[n].filter(({ text }) => text.startsWith(what)).length);
    expect([sizes('a'), sizes('b')]).toEqual([
      [10, 10, 10],
      [80, 10, 10],
    ]);
    expect(report.split).toBe('a: as given in the data; b: stratified 80/10/10, seed 0');
  });

  it('have no text in two splits, whichever they come from', async () => {
    const given = rows('shared', ['joy', 'fear'], 40).map((row, i) => `${row},${i % 2 ? 'train' : 'test'}`);
    const data = [csv('a.csv', given, 'text,label,split'), csv('b.csv', rows('SHARED', ['fear', 'joy'], 80))];
    const { splits, report } = await load({ data });
    const texts = splitNames.map((name) => new Set(splits[name].map(({ text }) => text.toLowerCase())));
    expect([...texts[0]!].filter((text) => texts[1]!.has(text) || texts[2]!.has(text))).toEqual([]);
    expect([...texts[1]!].filter((text) => texts[2]!.has(text))).toEqual([]);
    expect(report.removed.leaks.train).toBe(20);
  });

  it('must be of one task', async () => {
    const data = [csv('a.csv', rows('a', ['joy', 'fear'])), csv('b.csv', rows('b', ['0.5', '1.5']))];
    await expect(loadDataset({ data })).rejects.toThrow(
      'data: a is for single_label_classification, b is for regression: datasets that are joined need one task',
    );
  });

  it('with one label a text join those with several where the task says so', async () => {
    const several = temporaryFile(
      'b.jsonl',
      Array.from({ length: 60 }, (_, i) => JSON.stringify({ text: `b ${i}`, labels: ['joy', 'awe'] })).join('\n'),
    );
    const data = ['social-posts', several];
    await expect(loadDataset({ data })).rejects.toThrow(/set task multi_label_classification/);
    const { labels, all } = await load({ data, task: 'multi_label_classification' });
    expect(labels.at(-1)).toBe('awe');
    expect(heldLabels(all.find(({ text }) => text === 'b 7')!.target, labels)).toEqual(['joy', 'awe']);
  });

  it('of values need the same ones', async () => {
    const values = (name: string, header: string) =>
      csv(
        name,
        Array.from({ length: 40 }, (_, i) => `${name} ${i},${i / 10},${i / 20}`),
        header,
      );
    const data = [values('a.csv', 'text,V,A'), values('b.csv', 'text,arousal,V')];
    const options = { data, labelColumns: undefined, task: 'regression' } as const;
    await expect(loadDataset({ ...options, data: [data[0]!] })).rejects.toThrow('no label column');
    const other = [data[0]!, values('c.csv', 'text,V,D')];
    await expect(loadDataset({ data: other, labelColumns: ['V', 'A'] })).rejects.toThrow("no column 'A'");
  });

  it('refuse files of validation or test rows', () =>
    expect(loadDataset({ data: ['a.csv', 'b.csv'], test: 'c.csv' })).rejects.toThrow(
      'validation, test: only with one dataset',
    ));
});

describe('a label map', () => {
  const data = () => [csv('a.csv', rows('a', ['joy', 'fear'])), csv('b.csv', rows('b', ['fear', 'annoyance', 'meh']))];

  it('renames labels, those of one dataset first, and drops them', async () => {
    const labelMap = { annoyance: 'anger', 'b:fear': 'terror', meh: '' };
    const { labels, all, report } = await load({ data: data(), labelMap });
    expect(labels).toEqual(['fear', 'joy', 'anger', 'terror']);
    expect(all).toHaveLength(100);
    expect(all.filter(({ target }) => target[3] === 1).every(({ id }) => id.startsWith('b/'))).toBe(true);
    expect(report.datasets.map(({ unlabelled }) => unlabelled)).toEqual([0, 20]);
    expect(formatReport(report).join('\n')).toContain('unlabelled  20 rows left without a label by the label map');
  });

  it('says nothing of labels it does not name, whatever they are called', async () => {
    const { labels } = await load({
      data: csv('a.csv', rows('a', ['constructor', '__proto__', 'fear'])),
      labelMap: { fear: 'terror' },
    });
    expect(labels).toEqual(['__proto__', 'constructor', 'terror']);
  });

  it('joins labels of one dataset, too', async () => {
    const { labels, all } = await load({
      data: csv('a.csv', rows('a', ['joy', 'glee', 'fear'])),
      labelMap: { glee: 'joy' },
    });
    expect(labels).toEqual(['fear', 'joy']);
    expect(all.filter(({ target }) => target[1] === 1)).toHaveLength(40);
  });

  it('makes equal what then has equal labels: duplicates are found by the new ones', async () => {
    const twice = [...rows('a', ['joy', 'fear']), 'a number 0,glee'];
    const { report } = await load({ data: csv('a.csv', twice), labelMap: { glee: 'joy' } });
    expect([report.removed.duplicates, report.audit.conflicts.texts]).toEqual([1, 0]);
  });

  it('may lead into a given label set only', async () => {
    const labelMap = { annoyance: 'anger', meh: '' };
    const labels = ['anger', 'joy', 'fear', 'awe'];
    expect((await load({ data: data(), labelMap, labels })).labels).toEqual(labels);
    await expect(loadDataset({ data: data(), labelMap: {}, labels })).rejects.toThrow(
      'labels outside the label set [anger, joy, fear, awe]: annoyance, meh; add them to labels, or map them with labelMap',
    );
  });

  it('that names no label is an error', () =>
    expect(loadDataset({ data: data(), labelMap: { anoyance: 'anger' } })).rejects.toThrow(
      "labelMap: no label 'anoyance'; there are a: fear, joy; b: annoyance, fear, meh",
    ));

  it('that leaves one class is an error', () =>
    expect(loadDataset({ data: csv('a.csv', rows('a', ['joy', 'glee'])), labelMap: { glee: 'joy' } })).rejects.toThrow(
      'only one class [joy] is left',
    ));
});

describe('groups', () => {
  it('are in one split each, by a column', async () => {
    const lines = rows('a', ['joy', 'fear'], 300).map((row, i) => `${row},user${i % 60}`);
    const { splits } = await load({ data: csv('a.csv', lines, 'text,label,author'), groupColumn: 'author' });
    const groups = splitNames.map((name) => new Set(splits[name].map(({ group }) => group)));
    expect(groups.reduce((n, set) => n + set.size, 0)).toBe(60);
    expect(splits.train[0]).not.toHaveProperty('meta');
  });

  it('that are in two given splits lose rows of train, with a line in the report', async () => {
    const lines = rows('a', ['joy', 'fear'], 30).map((row, i) => `${row},${i < 20 ? 'train' : 'test'},u${i % 20}`);
    const { splits, report } = await load({
      data: csv('a.csv', lines, 'text,label,split,author'),
      groupColumn: 'author',
    });
    expect(report.removed.groups).toEqual({ train: 10, validation: 0, test: 0 });
    expect(splits.test).toHaveLength(10);
    expect(formatReport(report).join('\n')).toContain('10 from train whose group is in validation or test');
  });
});

describe('weights', () => {
  it('are positive numbers; others make a row malformed', async () => {
    const lines = [...rows('a', ['joy', 'fear']).map((row) => `${row},0.6`), 'x,joy,0', 'y,joy,', 'z,joy,high'];
    const { all, report } = await load({
      data: csv('a.csv', lines, 'text,label,agreement'),
      weightColumn: 'agreement',
    });
    expect(all.every(({ weight }) => weight === 0.6)).toBe(true);
    expect(report.malformed.first.map(({ line, reason }) => `${line}: ${reason}`)).toEqual([
      '62: weight "0" is not a positive number',
      '63: weight "" is not a positive number',
      '64: weight "high" is not a positive number',
    ]);
  });

  it('are within what float32 can add up; others make a row malformed', async () => {
    const lines = [
      ...rows('a', ['joy', 'fear']).map((row, i) => `${row},${i % 2 ? 1e-6 : 1e6}`),
      'x,joy,1e-50',
      'y,joy,1e300',
      'z,joy,9e-7',
    ];
    const { all, report } = await load({ data: csv('a.csv', lines, 'text,label,w'), weightColumn: 'w' });
    expect(all).toHaveLength(60);
    expect(report.malformed.first.map(({ line, reason }) => `${line}: ${reason}`)).toEqual([
      '62: weight "1e-50" is not from 0.000001 to 1000000',
      '63: weight "1e300" is not from 0.000001 to 1000000',
      '64: weight "9e-7" is not from 0.000001 to 1000000',
    ]);
  });
});

describe('context', () => {
  it('can be a column of turns, as JSON', async () => {
    const cell = '"[""Hi "", {""role"": ""bob"", ""text"": ""So?""}, "" ""]"';
    const lines = [
      ...rows('a', ['joy', 'fear']).map((row) => `${row},`),
      `yes,joy,${cell}`,
      'no,joy,oops',
      'no,joy,[1]',
    ];
    const { all, report } = await load({ data: csv('a.csv', lines, 'text,label,before'), contextColumn: 'before' });
    expect(all.find(({ text }) => text === 'yes')!.context).toEqual([{ text: 'Hi' }, { role: 'bob', text: 'So?' }]);
    expect(all.filter(({ context }) => context === undefined)).toHaveLength(60);
    expect(report.malformed.first.map(({ reason }) => reason)).toEqual([
      'context "oops" is not a JSON array of texts or of {"role": …, "text": …}',
      'context "[1]" is not a JSON array of texts or of {"role": …, "text": …}',
    ]);
  });

  it('can be the rows before of the same dialogue, which is then the group, too', async () => {
    const lines = Array.from({ length: 40 }, (_, d) =>
      [`one ${d},joy,d${d}`, `two ${d},,d${d}`, `three ${d},fear,d${d}`, `four ${d},joy,d${d}`].join('\n'),
    );
    const { all, splits } = await load({
      data: csv('a.csv', lines, 'text,label,dialogue'),
      dialogueColumn: 'dialogue',
      contextTurns: 2,
    });
    const contextOf = (wanted: string) => all.find(({ text }) => text === wanted)!.context?.map(({ text }) => text);
    expect(contextOf('one 7')).toBeUndefined();
    expect(contextOf('three 7')).toEqual(['one 7', 'two 7']); // a row without a label is still a turn
    expect(contextOf('four 7')).toEqual(['two 7', 'three 7']);
    const groups = splitNames.map((name) => new Set(splits[name].map(({ group }) => group)));
    expect(groups.reduce((n, set) => n + set.size, 0)).toBe(40);
  });

  it('keeps a dialogue in one split, also where there is another group', async () => {
    const lines = Array.from({ length: 60 }, (_, d) =>
      [`one ${d},joy,d${d},a${d}`, `two ${d},fear,d${d},a${(d % 2 ? d : d + 1) % 60}`].join('\n'),
    );
    const options = { dialogueColumn: 'dialogue', groupColumn: 'author' };
    const { all, splits } = await load({ data: csv('a.csv', lines, 'text,label,dialogue,author'), ...options });
    expect(all[0]).toMatchObject({ group: expect.stringMatching(/^a\d/) });
    const sets = (of: (example: Example) => string) => splitNames.map((name) => new Set(splits[name].map(of)));
    const inTwo = (of: (example: Example) => string) => sets(of).reduce((n, set) => n + set.size, 0) - 60;
    expect(inTwo(({ text }) => text.split(' ')[1]!)).toBe(0); // the dialogue
    expect(inTwo(({ group }) => group!)).toBe(0);
    expect(all.every(({ meta }) => meta === undefined)).toBe(true);
  });

  it('keeps given splits apart by dialogue and by group', async () => {
    const train = [...rows('a', ['joy', 'fear']).map((row, i) => `${row},t${i},w${i}`), 'x,joy,d1,ann'];
    train.push('y,joy,d2,bob', 'z,fear,d3,zoe');
    const validation = ['v,joy,d1,cyd', 'w,fear,d3,eve', 'u,fear,d4,fay'];
    const test = ['t,joy,d5,cyd', 's,fear,d2,bob'];
    const header = 'text,label,dialogue,author';
    const { splits, report } = await load({
      data: csv('a.csv', train, header),
      validation: csv('v.csv', validation, header),
      test: csv('t.csv', test, header),
      dialogueColumn: 'dialogue',
      groupColumn: 'author',
    });
    expect(splits.validation.map(({ text }) => text)).toEqual(['w', 'u']); // v's author is in test
    expect(splits.train.map(({ text }) => text).slice(-1)).toEqual(['x']); // v is gone, so its dialogue is train's
    expect(report.removed.groups).toEqual({ train: 2, validation: 1, test: 0 }); // y counts once
  });

  it('comes from one place', async () => {
    const data = csv('a.csv', rows('a', ['joy', 'fear']));
    await expect(loadDataset({ data, contextColumn: 'c', dialogueColumn: 'd' })).rejects.toThrow('use one');
    await expect(loadDataset({ data, contextTurns: 2 })).rejects.toThrow('contextTurns: counts turns of a dialogue');
  });
});

describe('ids', () => {
  it('that are repeated get a suffix that no other has', async () => {
    const ids = ['7', '7', '7#2', '7', '8'];
    const lines = [
      ...ids.map((id, i) => `x ${i},joy,${id}`),
      ...rows('a', ['joy', 'fear']).map((row, i) => `${row},r${i}`),
    ];
    const data = csv('a.csv', lines, 'text,label,id');
    const { report } = await load({ data });
    expect(report.notes).toContain("3 repeated ids in column 'id' got a suffix such as #2");
    const { examples, close } = await loadExamples({ data });
    expect((await listOf(examples)).slice(0, 5).map(({ id }) => id)).toEqual(['7', '7#2', '7#2#2', '7#3', '8']);
    await close();
  });
});

describe('examples on disk', () => {
  it('can be read by number, in any order, again and again', async () => {
    const { dataset } = await loadDataset({ data: 'social-posts' });
    const { train } = dataset.splits;
    const list = await listOf(train);
    expect(await train.read([5, 1053, 0, 5])).toEqual([list[5], list[1053], list[0], list[5]]);
    const targets = [];
    for await (const target of train.targets()) targets.push(target);
    expect(targets).toEqual(list.map(({ target }) => target));
    await dataset.close();
    await dataset.close();
  });
});
