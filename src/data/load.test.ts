import { describe, expect, it } from 'vitest';

import { splitNames } from './example.ts';
import { loadDataset, loadExamples } from './load.ts';
import { formatReport } from './report.ts';
import { temporaryFile } from './testing/files.ts';
import { listOf } from './testing/store.ts';

const rows = (count: number): string[] =>
  Array.from({ length: count }, (_, i) => `text number ${i},${['joy', 'fear'][i % 2]}`);
const file = (name: string, lines: readonly string[]): string =>
  temporaryFile(name, `text,label\n${lines.join('\n')}\n`);

describe('splits', () => {
  it('are made where there are none', async () => {
    const { dataset, report } = await loadDataset({ data: file('posts.csv', rows(100)), seed: 3 });
    expect(splitNames.map((name) => dataset.splits[name].length)).toEqual([80, 10, 10]);
    expect(report.split).toBe('stratified 80/10/10, seed 3');
    expect(dataset.name).toBe('posts');
  });

  it('are made from train where one is missing', async () => {
    const test = file('test.csv', ['a test text,joy']);
    const { dataset, report } = await loadDataset({ data: file('posts.csv', rows(90)), test });
    expect(splitNames.map((name) => dataset.splits[name].length)).toEqual([80, 10, 1]);
    expect(report.split).toBe('as given in the data; validation is 1/9 of train, stratified, seed 0');
  });

  it('that would be empty may be so for want of rows that were skipped', async () => {
    const data = file('posts.csv', [...rows(2), 'broken', 'too,many,fields']);
    await expect(loadDataset({ data })).rejects.toThrow(
      `too few for train 0.80, validation 0.10, test 0.10; give more examples, or files of their own for validation and test; 2 rows were skipped as malformed, the first is ${data}:4: 1 fields where 2 are needed`,
    );
  });

  it('are an error where nothing is left of train', () => {
    const data = file('posts.csv', ['A,joy', 'b,fear']);
    return expect(loadDataset({ data, test: file('test.csv', ['a,joy', 'B,fear']) })).rejects.toThrow(
      'nothing is left of train after cleaning and removing leaks; give other rows',
    );
  });

  it('are an error without train', () => {
    const data = temporaryFile('posts.csv', 'text,label,split\na,joy,test\nb,fear,dev\n');
    return expect(loadDataset({ data })).rejects.toThrow('no train rows, only validation, test; add a train part');
  });
});

describe('strict', () => {
  it('refuses malformed rows', () =>
    expect(loadDataset({ data: file('posts.csv', [...rows(30), ',joy']), strict: true })).rejects.toThrow(
      /1 malformed rows and 0 without text after cleaning; the first is .*posts\.csv:32: empty text; correct them, or unset strict/,
    ));

  it('refuses texts of control characters only', () =>
    expect(loadDataset({ data: file('posts.csv', [...rows(30), '\u0001,joy']), strict: true })).rejects.toThrow(
      '0 malformed rows and 1 without text after cleaning',
    ));
});

describe('options', () => {
  it('name a dataset or a path', () =>
    expect(loadDataset({ data: 'social_posts' })).rejects.toThrow(
      "data: 'social_posts' is no dataset of `emotune data list`, no .csv, .tsv, .jsonl or .parquet file",
    ));

  it('about columns are refused for a dataset whose columns are known', () =>
    expect(loadDataset({ data: 'social-posts', textColumn: 'body', labels: ['joy'], test: undefined })).rejects.toThrow(
      'textColumn, labels: only for files of your own, data is the dataset social-posts',
    ));

  it('must ask for a task the dataset has', () =>
    expect(loadDataset({ data: 'goemotions', task: 'regression' })).rejects.toThrow(
      'goemotions: has no labels for regression, only for multi_label_classification',
    ));
});

describe('the report', () => {
  const lines = [
    ...rows(40),
    ' text  NUMBER 3,fear',
    'text number 4,fear',
    'no label,',
    '\u0001,joy',
    'bell\u0007,joy',
  ];

  it('tells all that was found and done, in aligned lines', async () => {
    const { report } = await loadDataset({
      data: file('posts.csv', lines),
      test: file('test.csv', ['text number 1,fear', 'Text number 2,joy', 'new,joy']),
    });
    const text = formatReport(report).map((line) => line.replace(/\S*\/(?=(posts|test)\.csv)/g, ''));
    expect(`\n${text.join('\n')}\n`).toBe(`
source      posts.csv
task        single_label_classification (inferred), 2 labels: fear, joy
rows read   47: train 44, validation 0, test 3
malformed   1 row skipped
            posts.csv:44: no label
cleaned     control characters removed in 2, outer white space trimmed in 1
dropped     1 row with no text left after cleaning
duplicates  train 2, validation 0, test 0 (exactly the same: train 1, validation 0, test 0)
conflicts   1 text with different labels in 2 examples, such as posts.csv:6 / posts.csv:43
leaks
            2 test texts also in train (exactly the same: 1)
removed     1 repeat of a train text with the same labels, 2 from train that are in validation or test
split       as given in the data; validation is 1/9 of train, stratified, seed 0
note        text column 'text' chosen by its name
note        label columns [label] chosen by their names or values

                    train  validation  test
examples               36           4     3
  fear                 18           2     1
  joy                  18           2     2
characters
  shortest              4          13     3
  25 % are at most     14          13     3
  median               14          13    13
  75 % are at most     14          13    13
  95 % are at most     14          14    13
  longest              14          14    13
`);
  });

  it('gives means and ranges for regression', async () => {
    const data = temporaryFile(
      'v.csv',
      `text,V\n${Array.from({ length: 30 }, (_, i) => `t${i},${i / 10}`).join('\n')}\n`,
    );
    const { report } = await loadDataset({ data, labelColumns: ['V'] });
    expect(report.splits.test.values).toHaveLength(1);
    expect(formatReport(report).join('\n')).toMatch(/ {2}V +1\.\d\d ± 0\.\d\d, 0\.\d\d\.\.2\.\d\d/);
  });

  it('names labels that no example of a split holds, or of any', async () => {
    const [validation, test] = [file('dev.csv', ['a,joy', 'b,fear']), file('test.csv', ['c,fear'])];
    const labels = ['joy', 'fear', 'awe'];
    const { report } = await loadDataset({ data: file('posts.csv', rows(40)), validation, test, labels });
    expect(report.notes.filter((note) => note.includes('holds'))).toEqual([
      'no train example holds awe',
      'no validation example holds awe',
      'no test example holds joy, awe',
    ]);
  });
});

describe('all examples', () => {
  it('are those of every split, repeats and leaks too, cleaned', async () => {
    const data = temporaryFile(
      'all.csv',
      'text,label,split\n same ,joy,train\nsame,joy,train\nsame,joy,test\nother,fear,dev\n',
    );
    const { examples, labels, task } = await loadExamples({ data });
    expect((await listOf(examples)).map((e) => e.text).sort()).toEqual(['other', 'same', 'same', 'same']);
    expect([labels, task]).toEqual([['fear', 'joy'], 'single_label_classification']);
  });

  it('may be few, and of one split only', async () => {
    expect((await loadExamples({ data: file('two.csv', ['a,joy', 'b,fear']) })).examples).toHaveLength(2);
    const data = temporaryFile('test-only.csv', 'text,label,split\na,joy,test\nb,fear,test\n');
    expect((await loadExamples({ data })).examples).toHaveLength(2);
  });
});
