import { describe, expect, it } from 'vitest';
import { random } from '../../core/random.ts';
import { html } from '../../report/html.ts';
import { loadDataset } from '../load.ts';
import type { DataOptions } from '../origin.ts';
import type { DataReport } from '../report.ts';
import { temporaryFile } from '../testing/files.ts';
import { classBalance, labelPairs } from './classes.ts';
import { formatInspection } from './format.ts';
import { type Inspection, inspectDataset } from './inspect.ts';
import { bandCount, jaccard, MinHash, shinglesOf } from './min-hash.ts';
import { inspectionPage } from './page.ts';
import { ScriptTally } from './scripts.ts';

async function inspected(
  name: string,
  content: string,
  options: Partial<DataOptions> = {},
): Promise<{ report: DataReport; inspection: Inspection }> {
  const { dataset, report } = await loadDataset({ data: temporaryFile(name, content), ...options });
  try {
    return { report, inspection: await inspectDataset(dataset) };
  } finally {
    await dataset.close();
  }
}

const evil = `<script>alert("x")</script> & 'more' of it`;
const rows = [
  ['train', 'The train is late again today.', [1, 0, 1], 'a'],
  ['train', 'the train is late again today', [1, 0, 0], 'a'],
  ['train', 'Что это такое?', [0, 1, 0], 'b'],
  ['train', '12 34', [0, 0, 0], 'b'],
  ['validation', 'Completely different words over here.', [0, 1, 0], 'c'],
  ['validation', 'Nothing at all like those.', [1, 0, 0], 'c'],
  ['test', 'The train is late again today!', [1, 0, 1], 'd'],
  ['test', evil, [0, 1, 0], 'd'],
] as const;
const jsonl = rows
  .map(([split, text, [joy, fear, anger], group]) =>
    JSON.stringify({ split, text, joy, fear, anger, group, weight: group === 'a' ? 2 : 1 }),
  )
  .join('\n');

/** What {@link rows} come to. */
const look = () =>
  inspected('rows.jsonl', jsonl, {
    labelColumns: ['joy', 'fear', 'anger'],
    groupColumn: 'group',
    weightColumn: 'weight',
  });

describe('an inspection', () => {
  it('finds texts that are alike, within and across splits, and leaves them there', async () => {
    const { report, inspection } = await look();
    const { within, across, first } = inspection.nearDuplicates;
    expect(within).toEqual({ train: 1, validation: 0, test: 0 });
    expect(across).toEqual([{ from: 'test', into: 'train', examples: 1 }]);
    expect(first[0]!.pair.map(({ split }) => split)).toEqual(['train', 'test']);
    expect(first[0]!.similarity).toBeGreaterThan(0.8);
    expect(report.splits.test.size).toBe(2);
  });

  it('counts labels that go together', async () => {
    const { inspection } = await look();
    expect(inspection.together).toEqual([
      [4, 0, 2],
      [0, 3, 0],
      [2, 0, 2],
    ]);
    expect(labelPairs(inspection.together!, 8)).toEqual([{ a: 0, b: 2, count: 2, lift: 2 }]);
  });

  it('counts words, scripts, groups and weights', async () => {
    const { inspection } = await look();
    const { train, test } = inspection.splits;
    expect([train.words[0], train.words.at(-1)]).toEqual([2, 6]);
    expect(train.scripts.map(({ script, texts }) => [script, texts])).toEqual([
      ['Latin', 2],
      ['Cyrillic', 1],
      ['none', 1],
    ]);
    expect(train.groups).toEqual({ groups: 2, examples: 4, largest: 2 });
    expect(train.weights).toEqual({ examples: 4, mean: 1.5, min: 1, max: 2 });
    expect(test.contexts).toBeUndefined();
  });

  it('names the labels that a split lacks', async () => {
    const { report } = await look();
    expect(classBalance(report, report.splits.validation)).toEqual({
      empty: ['anger'],
      fewest: ['joy', 1],
      most: ['fear', 1],
      ratio: 1,
    });
  });

  it('is told in lines', async () => {
    const { report, inspection } = await look();
    const lines = formatInspection(report, inspection).join('\n');
    expect(lines).toContain('alike       train 1, validation 0, test 0 (Jaccard ≥ 0.8; equal ones too)');
    expect(lines).toContain('            1 test example like one of train');
    expect(lines).toContain('groups      train: 2 groups of 4 examples, the largest 2');
    expect(lines).toContain('; without anger');
    expect(lines).toMatch(/^ {2}Cyrillic +1 \(25\.0 %\)/m);
    expect(lines).toMatch(/^together +joy +fear +anger$/m);
  });

  it('is a page that needs nothing else, in which no text of the data is markup', async () => {
    const { report, inspection } = await look();
    const { report: own, inspection: evilToo } = await inspected(
      'evil.csv',
      `text,label\n${[evil, `${evil}!`, 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine', 'ten']
        .map((text, i) => `"${text.replaceAll('"', '""')}","${i % 2 ? '<b>' : 'joy'}"`)
        .join('\n')}\n`,
    );
    for (const page of [inspectionPage(report, inspection), inspectionPage(own, evilToo)]) {
      expect(page.match(/<script|<b>[^0-9]|src=|href="(?!#)|url\(/g)).toBeNull();
      expect(page).toContain('<!doctype html>');
      expect((page.match(/<table/g) ?? []).length).toBe((page.match(/<figcaption/g) ?? []).length);
    }
    expect(inspectionPage(own, evilToo)).toContain('&lt;b&gt;');
  });

  it('counts the levels of ordinal tasks', async () => {
    const csv = Array.from({ length: 40 }, (_, i) => `text number ${i},${i % 3},0`);
    const found = await inspected('levels.csv', `text,joy,fear\n${csv.join('\n')}\n`, {
      task: 'ordinal_regression',
      labelColumns: ['joy', 'fear'],
    });
    const { levels } = found.inspection.splits.train;
    expect(levels![0]).toHaveLength(3);
    expect(levels![1]).toEqual([found.report.splits.train.size]);
    expect(formatInspection(found.report, found.inspection).join('\n')).toMatch(/examples of level 0 \/ 1 \/ …/);
    expect(inspectionPage(found.report, found.inspection)).toContain('train: examples of each level');
  });
});

describe('near duplicates', () => {
  it('are those of comparing every text with every other', async () => {
    const rng = random(5);
    const word = () => 'abcdefghij'[rng.integer(10)]!.repeat(1 + rng.integer(3));
    const base = Array.from({ length: 40 }, () => Array.from({ length: 12 }, word).join(' '));
    const texts = base.flatMap((text) => [
      text,
      rng.uniform() < 0.5 ? `${text}.` : `${word()} ${word()} ${text.slice(20)}`,
    ]);
    const found = await inspected(
      'near.jsonl',
      texts
        .map((text, i) =>
          JSON.stringify({ text, label: i % 2 ? 'a' : 'b', split: ['train', 'validation', 'test'][i % 3] }),
        )
        .join('\n'),
    );
    const sets = texts.map((text) => shinglesOf(text));
    let linked = 0;
    for (let i = 0; i < texts.length; i++)
      if (sets.slice(0, i).some((other, j) => j % 3 === i % 3 && jaccard(other, sets[i]!) >= 0.8)) linked++;
    const { within, across } = found.inspection.nearDuplicates;
    expect(within.train + within.validation + within.test).toBe(linked);
    let pairs = 0;
    for (let i = 0; i < texts.length; i++)
      for (const into of [0, 1, 2])
        if (into < i % 3 && sets.some((other, j) => j % 3 === into && jaccard(other, sets[i]!) >= 0.8)) pairs++;
    expect(across.reduce((n, { examples }) => n + examples, 0)).toBe(pairs);
    expect(pairs).toBeGreaterThan(5);
  });

  it('share a band with a probability that rises steeply with their similarity', () => {
    const hash = new MinHash();
    const rng = random(9);
    const letter = () => String.fromCharCode(97 + rng.integer(26));
    const sharing = (changed: number): number => {
      let shared = 0;
      for (let i = 0; i < 60; i++) {
        const text = Array.from({ length: 200 }, letter);
        const other = [...text];
        for (let k = 0; k < changed; k++) other[rng.integer(200)] = letter();
        const [a, b] = [new Uint32Array(2 * bandCount), new Uint32Array(2 * bandCount)];
        hash.bands(text.join(''), a);
        hash.bands(other.join(''), b);
        if (
          Array.from({ length: bandCount }, (_, k) => a[2 * k] === b[2 * k] && a[2 * k + 1] === b[2 * k + 1]).includes(
            true,
          )
        )
          shared++;
      }
      return shared / 60;
    };
    expect(sharing(2)).toBeGreaterThan(0.95); // J about 0.9
    expect(sharing(60)).toBeLessThan(0.3); // J about 0.15
  });
});

it('writing scripts are those of most letters of each text', () => {
  const tally = new ScriptTally();
  for (const text of ['hello мир', 'مرحبا', '日本語です', '123 !?', 'ߞߋߟߋ']) tally.take(text);
  expect(tally.shares().map(({ script, texts, letters }) => [script, texts, letters])).toEqual([
    ['Latin', 1, 5],
    ['Arabic', 1, 5],
    ['Nko', 1, 4],
    ['Han', 1, 3],
    ['none', 1, 0],
    ['Cyrillic', 0, 3],
    ['Hiragana', 0, 2],
  ]);
});

it('markup is made by templates alone: what goes into them is text', () => {
  const part = html`<i>${'a < b'}</i>`;
  expect(html`<p title="${`"&'`}">${part}${[1, undefined, '\u0000\ud800']}</p>`.markup).toBe(
    '<p title="&quot;&amp;&#39;"><i>a &lt; b</i>1\ufffd\ufffd</p>',
  );
});
