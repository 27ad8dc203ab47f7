import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { DataError } from '../../core/errors.ts';
import { heldLabels } from '../example.ts';
import { temporaryFile } from '../testing/files.ts';
import { loadTable } from '../testing/store.ts';
import type { TableOptions } from './table.ts';

type Loaded = Awaited<ReturnType<typeof loadTable>>;

const load = (name: string, content: string, options: Omit<TableOptions, 'data'> = {}): Promise<Loaded> =>
  loadTable({ data: temporaryFile(name, content), ...options });
const csv = (content: string, options: Omit<TableOptions, 'data'> = {}): Promise<Loaded> =>
  load('posts.csv', content, options);
const jsonl = (rows: readonly unknown[], options: Omit<TableOptions, 'data'> = {}): Promise<Loaded> =>
  load('posts.jsonl', rows.map((row) => (typeof row === 'string' ? row : JSON.stringify(row))).join('\n'), options);
const targets = ({ splits }: Loaded): unknown => splits.train?.map(({ target }) => target);
const held = ({ splits, labels }: Loaded): unknown => splits.train?.map(({ target }) => heldLabels(target, labels));
const reasons = ({ malformed }: Loaded): unknown => malformed.first.map(({ line, reason }) => `${line}: ${reason}`);

describe('labels', () => {
  it('can be names', async () => {
    const loaded = await csv('text,label\na,joy\nb,anger\nc,joy\n');
    expect(loaded.task).toBe('single_label_classification');
    expect(loaded.labels).toEqual(['anger', 'joy']);
    expect(held(loaded)).toEqual([['joy'], ['anger'], ['joy']]);
  });

  it('can be ids, named after themselves in numeric order', async () => {
    expect((await csv('text,label\na,10\nb,2\nc,0\n')).labels).toEqual(['0', '2', '10']);
  });

  it('can be ids into a given label set', async () => {
    const loaded = await csv('text,label\na,1\nb,0\n', { labels: ['joy', 'anger', 'fear'] });
    expect(held(loaded)).toEqual([['anger'], ['joy']]);
    expect(loaded.notes).toContain('labels read as ids into the label set');
  });

  it('can be numbers as names of a given label set', async () => {
    expect(held(await csv('text,label\na,1\nb,2\n', { labels: ['2', '1'] }))).toEqual([['1'], ['2']]);
  });

  it('can be several in a cell, the separator detected', async () => {
    const loaded = await csv('text,label\na,joy|love\nb,anger\n', { task: 'multi_label_classification' });
    expect(held(loaded)).toEqual([['joy', 'love'], ['anger']]);
    expect(loaded.notes).toContain("labels in a cell separated at '|'");
  });

  it('can be several in a cell, at a given separator', async () => {
    const loaded = await csv('text,label\na,joy / love\nb,anger\n', { labelSeparator: '/' });
    expect(loaded.task).toBe('multi_label_classification');
    expect(held(loaded)).toEqual([['joy', 'love'], ['anger']]);
  });

  it('can be JSON arrays, empty ones too', async () => {
    const loaded = await jsonl([
      { text: 'a', labels: ['joy', 'fear'] },
      { text: 'b', labels: [] },
    ]);
    expect(loaded.task).toBe('multi_label_classification');
    expect(held(loaded)).toEqual([['fear', 'joy'], []]);
  });

  it('can be 0/1 columns', async () => {
    const loaded = await csv('text,joy,anger\na,1,1\nb,0,0\n', { labelColumns: ['joy', 'anger'] });
    expect(loaded.task).toBe('multi_label_classification');
    expect(targets(loaded)).toEqual([
      [1, 1],
      [0, 0],
    ]);
  });

  it('can be 0/1 columns found by their values', async () => {
    expect((await csv('ID,Tweet,joy,anger,note\n1,a,1,1,x\n2,b,0,0,y\n')).labels).toEqual(['joy', 'anger']);
  });

  it('can be 0/1 columns for a single label', async () => {
    const loaded = await csv('text,joy,anger\na,1,0\nb,1,1\n', {
      labelColumns: ['joy', 'anger'],
      task: 'single_label_classification',
    });
    expect(targets(loaded)).toEqual([[1, 0]]);
    expect(reasons(loaded)).toEqual(['3: 2 labels where the task allows one']);
  });

  it('can be columns of numbers', async () => {
    const loaded = await csv('text,V,A\na,3.5,1\nb,2,1e0\n', { labelColumns: ['V', 'A'] });
    expect(loaded.task).toBe('regression');
    expect(targets(loaded)).toEqual([
      [3.5, 1],
      [2, 1],
    ]);
  });

  it('can be one column of numbers', async () => {
    const loaded = await csv('text,Valence\na,3\nb,2\n', { labelColumns: ['Valence'], task: 'regression' });
    expect(loaded.labels).toEqual(['Valence']);
    expect(targets(loaded)).toEqual([[3], [2]]);
  });

  it('are values when some are fractions', async () => {
    expect((await csv('text,label\na,0.5\nb,1\n')).task).toBe('regression');
  });

  it('take the order of a given label set', async () => {
    const loaded = await csv('text,joy,anger\na,1,0\n', { labels: ['anger', 'joy'] });
    expect(loaded.labels).toEqual(['anger', 'joy']);
    expect(targets(loaded)).toEqual([[0, 1]]);
  });

  it('that differ only in case are noted', async () => {
    expect((await csv('text,label\na,joy\nb,Joy\n')).notes).toContain(
      'labels that differ from others only in case: joy',
    );
  });

  it('outside the label set are an error with counts, lines and a hint', () =>
    expect(csv('text,label\na,joy\nb,Anger\nc,Anger\nd,hapy\n', { labels: ['joy', 'anger'] })).rejects.toThrow(
      /column 'label' holds labels outside the label set \[joy, anger\]: 'Anger' \(2 rows, first .*posts\.csv:3, perhaps 'anger'\), 'hapy' \(1 row, first .*:5\); add them to labels/,
    ));

  it('of one class only are an error', () =>
    expect(csv('text,label\na,joy\nb,joy\n')).rejects.toThrow('only one class [joy] in [label]'));

  it('listed twice are an error', () =>
    expect(csv('text,label\na,joy\n', { labels: ['joy', 'joy'] })).rejects.toThrow("labels: 'joy' is listed twice"));

  it('that do not match the label columns are an error', () =>
    expect(csv('text,V,A\na,3.5,1\n', { labelColumns: ['V', 'A'], labels: ['V', 'D'] })).rejects.toThrow(
      'labels [V, D] are not the label columns [V, A]',
    ));
});

it('says which columns are no labels for a few cells that are not 0 or 1', async () => {
  const rows = Array.from(
    { length: 20 },
    (_, i) => `text ${i},${i === 3 ? 'yes' : i % 2},${i % 2},${i % 3 ? 1 : 0},${i}`,
  );
  const loaded = await csv(`text,joy,fear,anger,age\n${rows.join('\n')}\n`);
  expect(loaded.labels).toEqual(['fear', 'anger']);
  expect(loaded.notes).toContainEqual(
    expect.stringMatching(
      /^column 'joy' holds 0 and 1 but for 1 cell, such as "yes" at .*posts\.csv:5: it is not taken for a label; correct the cells, or name it in labelColumns$/,
    ),
  );
  expect(loaded.notes.join()).not.toContain("'age'");
});

describe('malformed rows', () => {
  it('are listed with their line and reason, and skipped', async () => {
    const loaded = await csv('text,label\na,joy\nb\n,fear\n" ",fear\nc,\nd,fear\n');
    expect(reasons(loaded)).toEqual([
      '3: 1 fields where 2 are needed',
      '4: empty text',
      '5: empty text',
      '6: no label',
    ]);
    expect(held(loaded)).toEqual([['joy'], ['fear']]);
  });

  it('have true line numbers after line breaks inside quotes and blank lines', async () => {
    const loaded = await csv('text,label\r\n"two\r\nlines",joy\r\n\r\n"",fear\r\nb,fear\r\n');
    expect(reasons(loaded)).toEqual(['5: empty text']);
    expect(loaded.splits.train!.map(({ id, text }) => [id, text])).toEqual([
      ['posts.csv:2', 'two\nlines'],
      ['posts.csv:6', 'b'],
    ]);
  });

  it('of JSON Lines are what is no JSON object, has no text, or no label', async () => {
    const loaded = await jsonl([
      '{"text": "a"',
      '[1]',
      { label: 'joy' },
      { text: 3, label: 'joy' },
      { text: 'a' },
      { text: 'a', label: {} },
      { text: 'a', label: 'joy' },
      { text: 'b', label: 'fear' },
    ]);
    expect(reasons(loaded)).toEqual([
      expect.stringMatching(/^1: not JSON: /),
      '2: a JSON object is needed, got an array',
      '3: no text',
      '4: text is not a string but 3',
      '5: no label',
      '6: label {} is not a name or a number',
    ]);
  });

  it('of numbers are what is no number', async () => {
    const loaded = await csv('text,V,A\na,"3,5",1\nb,,2\nc,2,3\n', { labelColumns: ['V', 'A'] });
    expect(reasons(loaded)).toEqual(['2: V: "3,5" is not a number', '3: V: "" is not a number']);
  });

  it('of 0/1 columns are other numbers', async () => {
    const options = { labelColumns: ['V', 'A'], task: 'multi_label_classification' } as const;
    expect(reasons(await csv('text,V,A\na,2,1\nc,0,1\n', options))).toEqual(['2: V: 2 is not 0 or 1']);
  });

  it('that are all there is are an error', () =>
    expect(csv('text,label\n,joy\nb\n')).rejects.toThrow(
      /posts\.csv: no usable row, 2 malformed \(the first at line 3/,
    ));

  it('can be names where numbers are needed', () =>
    expect(csv('text,V,A\na,joy,fear\n', { labelColumns: ['V', 'A'] })).rejects.toThrow(
      'no usable row, 1 malformed (the first at line 2: V: "joy" is not a number)',
    ));
});

describe('columns', () => {
  it('are found by usual names in any case', async () => {
    const loaded = await csv('Utterance,Emotion,Speaker\na,joy,Ross\nb,fear,Joey\n');
    expect(loaded.splits.train![0]).toMatchObject({ text: 'a', meta: { Speaker: 'Ross' } });
    expect(loaded.notes).toContain("text column 'Utterance' chosen by its name");
  });

  it.each([
    [
      'no text column (such as text, tweet, sentence) among the columns [a, label]; set textColumn',
      'a,label\nx,joy\n',
      {},
    ],
    [
      'no label column (such as label, labels, emotion) among the columns [text, a]; set labelColumns',
      'text,a\nx,joy\n',
      {},
    ],
    ["no column 'body' among the columns [text, label]; set textColumn", 'text,label\nx,joy\n', { textColumn: 'body' }],
    [
      "no column 'mood' among the columns [text, label]; set labelColumns",
      'text,label\nx,joy\n',
      { labelColumns: ['mood'] },
    ],
    ["no column 'key' among the columns [text, label]; set idColumn", 'text,label\nx,joy\n', { idColumn: 'key' }],
    [
      "no column 'part' among the columns [text, label]; set splitColumn",
      'text,label\nx,joy\n',
      { splitColumn: 'part' },
    ],
  ])('that are missing are an error: %s', (message, content, options) =>
    expect(csv(content, options)).rejects.toThrow(message),
  );

  it('of other files must be there too', () =>
    expect(csv('text,label\nx,joy\n', { test: temporaryFile('test.csv', 'text,mood\ny,joy\n') })).rejects.toThrow(
      /test\.csv: no column 'label' among the columns \[text, mood\], but .*posts\.csv has it/,
    ));

  it('can be named for a file without a header', async () => {
    expect(held(await csv('a,joy\nb,fear\n', { columns: ['text', 'label'] }))).toEqual([['joy'], ['fear']]);
  });
});

describe('JSON that is hard to digest', () => {
  it('may have numbers that are too large for any', async () => {
    const loaded = await jsonl(['{"text":"a","label":"joy","score":1e999}', '{"text":"b","label":"fear","score":2}']);
    expect(loaded.splits.train!.map(({ meta }) => meta)).toEqual([{ score: null }, { score: 2 }]);
  });

  it('is malformed where it is nested too deeply, in whatever column', async () => {
    const nested = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels);
    const loaded = await jsonl([
      '{"text":"a","label":"joy"}',
      '{"text":"b","label":"fear"}',
      `{"text":"c","label":"joy","thread":${nested(20_000)}}`,
      `{"text":"d","label":{"x":${nested(20_000)}}}`,
      `{"text":"e","label":"joy","thread":${nested(100)}}`,
    ]);
    expect(reasons(loaded)).toEqual([
      "3: 'thread' is nested more than 100 levels deep",
      "4: 'label' is nested more than 100 levels deep",
    ]);
    expect(loaded.splits.train).toHaveLength(3);
  });

  it('may have objects that call themselves otherwise than objects do', async () => {
    const odd = { toString: 1, valueOf: 2 };
    const loaded = await jsonl(
      [
        { text: 'a', label: 'joy', id: odd, thread: odd, split: 'train' },
        { text: 'b', label: 'fear', id: 7, thread: odd, split: 'train' },
        { text: 'c', label: 'fear', split: odd },
      ],
      { groupColumn: 'thread' },
    );
    expect(reasons(loaded)).toEqual(['3: split {"toString":1,"valueOf":2} is not train, validation or test']);
    expect(loaded.splits.train!.map(({ id, group }) => [id, group])).toEqual([
      [JSON.stringify(odd), JSON.stringify(odd)],
      ['7', JSON.stringify(odd)],
    ]);
  });
});

describe('what is quoted of a malformed row', () => {
  const long = 'x'.repeat(3_000_000);

  it('is cut', async () => {
    const row = { text: 'a', label: 'joy', weight: 1, split: 'train', turns: [] };
    const loaded = await jsonl(
      [
        row,
        { ...row, label: 'fear' },
        { ...row, text: [long] },
        { ...row, label: { long } },
        { ...row, weight: long },
        { ...row, turns: long },
        { ...row, split: long },
      ],
      { weightColumn: 'weight', contextColumn: 'turns' },
    );
    expect(loaded.malformed.count).toBe(5);
    for (const { reason } of loaded.malformed.first) expect(reason.length).toBeLessThan(200);
  });

  it('is cut in regression, too', async () => {
    const loaded = await jsonl(
      [
        { text: 'a', V: 1 },
        { text: 'b', V: long },
      ],
      { labelColumns: ['V'], task: 'regression' },
    );
    expect(reasons(loaded)).toEqual([`2: V: "${'x'.repeat(80)}…" is not a number`]);
  });

  it('is cut where a label is outside the label set', () =>
    expect(jsonl([{ text: 'a', label: long }], { labels: ['joy', 'fear'] })).rejects.toThrow(
      `outside the label set [joy, fear]: '${'x'.repeat(80)}…' (1 row, first `,
    ));
});

describe('names that every object has', () => {
  it('are no split', async () => {
    const { splits, malformed } = await csv('text,label,split\na,joy,train\nb,fear,train\nc,joy,constructor\n');
    expect(Object.entries(splits).map(([name, rows]) => [name, rows.length])).toEqual([['train', 2]]);
    expect(malformed.first[0]!.reason).toBe('split "constructor" is not train, validation or test');
  });

  it('are no cell of a row that lacks them', async () => {
    const loaded = await jsonl(
      [
        { text: 'a', constructor: 1, joy: 0 },
        { text: 'b', joy: 1 },
      ],
      { labelColumns: ['constructor', 'joy'] },
    );
    expect(reasons(loaded)).toEqual(['2: constructor: "" is not a number']);
    expect(targets(loaded)).toEqual([[1, 0]]);
  });
});

describe('splits', () => {
  it('can be a column, dev meaning validation', async () => {
    const { splits, malformed } = await csv('text,label,split\na,joy,train\nb,fear,dev\nc,joy,TEST\nd,joy,foo\n');
    expect(Object.entries(splits).map(([name, [first]]) => `${name} ${first?.text}`)).toEqual([
      'train a',
      'validation b',
      'test c',
    ]);
    expect(malformed.first[0]!.reason).toBe('split "foo" is not train, validation or test');
  });

  it('can be files', async () => {
    const test = temporaryFile('test.csv', 'text,label\nb,fear\n');
    const { splits, labels } = await csv('text,label\na,joy\n', { test });
    expect(splits.test!.map(({ text }) => text)).toEqual(['b']);
    expect(labels).toEqual(['fear', 'joy']);
  });

  it('are those of the files, whatever a split column says', async () => {
    const test = temporaryFile('test.csv', 'text,label,split\nb,fear,train\n');
    const { splits, notes } = await csv('text,label,split\na,joy,old\n', { test });
    expect(splits.train![0]).toMatchObject({ text: 'a', meta: { split: 'old' } });
    expect(notes.join()).not.toContain('split');
  });

  it('cannot be both', () =>
    expect(
      csv('text,label,part\na,joy,test\n', {
        splitColumn: 'part',
        test: temporaryFile('test.csv', 'text,label,part\nb,fear,test\n'),
      }),
    ).rejects.toThrow("splitColumn 'part' and separate validation or test files: use one"));

  it('cannot be the same file twice', async () => {
    const data = temporaryFile('posts.csv', 'text,label\na,joy\n');
    await expect(loadTable({ data, test: data })).rejects.toThrow('posts.csv: given as both train and test');
  });
});

describe('a row that is prepared', () => {
  it('may get other cells and new columns', async () => {
    const loaded = await csv('text,score\na &amp; b,2\nc,5\n', {
      labelColumns: ['mood'],
      prepare: ({ cells }) => ({
        text: String(cells.text).replace('&amp;', '&'),
        mood: Number(cells.score) > 3 ? 'up' : 'down',
      }),
    });
    expect(loaded.splits.train!.map(({ text, meta }) => [text, meta])).toEqual([
      ['a & b', undefined],
      ['c', undefined],
    ]);
    expect(held(loaded)).toEqual([['down'], ['up']]);
  });

  it('may be left out, which is counted, as is what else it counts', async () => {
    const test = temporaryFile('test.csv', 'text,label\nb,fear\n-,joy\n');
    const loaded = await csv('text,label\na,joy\n-,joy\nc,fear\n', {
      test,
      prepare({ cells }, count) {
        if (cells.text === '-') return 'no words';
        if (cells.text === 'c') count('thirds');
        return cells;
      },
    });
    expect(loaded.splits.train!.map(({ id }) => id)).toEqual(['posts.csv:2', 'posts.csv:4']);
    expect(loaded.splits.test).toHaveLength(1);
    expect(loaded.malformed.count).toBe(0);
    expect(loaded.notes.slice(0, 2)).toEqual(['left out, no words: 2 rows', 'thirds: 1 row']);
  });

  it('may stop the reading', () =>
    expect(
      csv('text,label\na,joy\n', {
        prepare({ file, line }) {
          throw new DataError(`${file}:${line}: is another file`);
        },
      }),
    ).rejects.toThrow(/posts\.csv:2: is another file/));

  it('must not be every row', () =>
    expect(csv('text,label\na,joy\n', { prepare: () => 'no words' })).rejects.toThrow(
      /posts\.csv: no usable row, 0 malformed \(no row to read after the header\)/,
    ));
});

describe('encodings', () => {
  it('are said where a byte order mark tells another than UTF-8', async () => {
    const data = temporaryFile('posts.csv', Buffer.from('\ufefftext,label\né,joy\nb,fear\n', 'utf16le'));
    const { splits, notes } = await loadTable({ data });
    expect(splits.train![0]!.text).toBe('é');
    expect(notes).toContain(`${data}: read as utf-16le, as its byte order mark says`);
  });

  it('can be told', async () => {
    const data = temporaryFile('posts.csv', Buffer.from('text,label\ncaf\xe9,joy\nb,fear\n', 'latin1'));
    expect((await loadTable({ data, encoding: 'windows-1252' })).splits.train![0]!.text).toBe('café');
    await expect(loadTable({ data })).rejects.toThrow('byte 0xe9 at offset 14 (line 2) is not UTF-8; if the file is');
  });
});

describe('ids', () => {
  it('come from the id column, or are the place in the file', async () => {
    const { splits } = await csv('id,text,label\n7,a,joy\n,c,joy\n8,c,fear\n');
    expect(splits.train!.map(({ id }) => id)).toEqual(['7', 'posts.csv:3', '8']);
  });
});

it('reads back any texts and labels written as CSV', async () => {
  const quote = (cell: string): string => `"${cell.replaceAll('"', '""')}"`;
  const cell = fc
    .string({ unit: 'grapheme', minLength: 1 })
    .filter((s) => s.trim() === s && s !== '' && !s.includes('\r'));
  const rows = fc.array(fc.tuple(cell, fc.constantFrom('joy', 'fear', 'a, "b"')), { minLength: 1, maxLength: 20 });
  await fc.assert(
    fc.asyncProperty(rows, async (pairs) => {
      const all = [...pairs, ['x', 'joy'], ['y', 'fear']] as const;
      const lines = all.map(([text, label]) => `${quote(text)},${quote(label)}`);
      const { splits, labels } = await csv(`text,label\n${lines.join('\n')}\n`);
      expect(splits.train!.map(({ text, target }) => [text, labels[target.indexOf(1)]])).toEqual(all);
    }),
    { numRuns: 50 },
  );
});
