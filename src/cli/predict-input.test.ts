import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { fileTexts, type Input, type InputColumns } from './predict-input.ts';

const folder = mkdtempSync(join(tmpdir(), 'emotune-input-'));
afterAll(() => rmSync(folder, { recursive: true }));

async function read(name: string, content: string, columns?: InputColumns): Promise<Input[]> {
  const path = join(folder, name);
  writeFileSync(path, content);
  const out: Input[] = [];
  for await (const input of fileTexts(path, columns)) out.push(input);
  return out;
}

it('reads lines of text, the empty ones too', async () => {
  expect(await read('a.txt', 'one\n\ntwo')).toEqual([{ text: 'one' }, { text: '' }, { text: 'two' }]);
});

it('reads the text column of a table, and keeps the place of a broken row', async () => {
  expect(await read('a.csv', 'id,Tweet\n1,"a ""b"",\nc"\n2\n3,d\n')).toEqual([
    { text: 'a "b",\nc' },
    { text: '', error: '1 fields where 2 are needed' },
    { text: 'd' },
  ]);
  expect(await read('a.tsv', '\ufefftext\tid\none\t1\n')).toEqual([{ text: 'one' }]);
  expect(await read('b.csv', 'text,other\na,b\n', { text: 'other' })).toEqual([{ text: 'b' }]);
});

it('reads the text field of JSON Lines', async () => {
  expect(await read('a.jsonl', '{"text":"one"}\n\n{"text":2}\n[\n')).toEqual([
    { text: 'one' },
    { text: '', error: "no text in 'text'" },
    { text: '', error: 'not a JSON object' },
  ]);
});

it('reads what was said before from a column of a table', async () => {
  const columns = { context: 'before' };
  expect(await read('c.csv', 'before,text\n,one\n"[""a""]",two\nb,three\n', columns)).toEqual([
    { text: 'one' },
    { text: 'two', context: [{ text: 'a' }] },
    { text: 'three', error: 'context "b" is not a JSON array of texts or of {"role": …, "text": …}' },
  ]);
  expect(
    await read('c.jsonl', '{"text":"one"}\n{"text":"two","before":[{"role":"user","text":"a"}]}\n', columns),
  ).toEqual([{ text: 'one' }, { text: 'two', context: [{ role: 'user', text: 'a' }] }]);
});

it.each([
  ['a.csv', 'id,words\n', undefined, 'no text column (such as text, tweet, sentence) among the columns [id, words]'],
  [
    'a.csv',
    'id,words\n',
    { text: 'word' },
    "no column 'word' among the columns [id, words]; name it with --text-column",
  ],
  ['a.csv', '', undefined, 'a.csv: is empty; it needs a header line and texts'],
  ['a.csv', 'text\n"open\n', undefined, 'a.csv: a quote (") is opened and never closed; close it'],
  [
    'a.csv',
    'id,text\n',
    { context: 'turns' },
    "no column 'turns' among the columns [id, text]; name it with --context-column",
  ],
  [
    'a.txt',
    'x',
    { text: 'text' },
    "a.txt: a .txt file has no column 'text', a line is a text; use .csv, .tsv or .jsonl",
  ],
  ['a.pdf', '', undefined, 'a.pdf: expected a .txt, .csv, .tsv or .jsonl file'],
])('refuses %s with %j', async (name, content, columns, message) => {
  await expect(read(name, content, columns)).rejects.toThrow(message);
});

it('says when there is no such file', async () => {
  await expect(fileTexts('nowhere.txt').next()).rejects.toThrow('nowhere.txt: no such file; check the path');
});
