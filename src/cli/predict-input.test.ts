import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { fileTexts, type Input } from './predict-input.ts';

const folder = mkdtempSync(join(tmpdir(), 'emotune-input-'));
afterAll(() => rmSync(folder, { recursive: true }));

async function read(name: string, content: string, column?: string): Promise<Input[]> {
  const path = join(folder, name);
  writeFileSync(path, content);
  const out: Input[] = [];
  for await (const input of fileTexts(path, column)) out.push(input);
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
  expect(await read('b.csv', 'text,other\na,b\n', 'other')).toEqual([{ text: 'b' }]);
});

it('reads the text field of JSON Lines', async () => {
  expect(await read('a.jsonl', '{"text":"one"}\n\n{"text":2}\n[\n')).toEqual([
    { text: 'one' },
    { text: '', error: "no text in 'text'" },
    { text: '', error: 'not a JSON object' },
  ]);
});

it.each([
  ['a.csv', 'id,words\n', undefined, 'no text column (such as text, tweet, sentence) among the columns [id, words]'],
  ['a.csv', 'id,words\n', 'word', "no column 'word' among the columns [id, words]; name it with --text-column"],
  ['a.csv', '', undefined, 'a.csv: is empty; it needs a header line and texts'],
  ['a.csv', 'text\n"open\n', undefined, 'a.csv: a quote (") is opened and never closed; close it'],
  ['a.pdf', '', undefined, 'a.pdf: expected a .txt, .csv, .tsv or .jsonl file'],
])('refuses %s with %j', async (name, content, column, message) => {
  await expect(read(name, content, column)).rejects.toThrow(message);
});

it('says when there is no such file', async () => {
  await expect(fileTexts('nowhere.txt', undefined).next()).rejects.toThrow('nowhere.txt: no such file; check the path');
});
