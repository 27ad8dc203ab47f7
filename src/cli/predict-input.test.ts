import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { parquetFile } from '../data/testing/parquet-file.ts';
import { fileTexts, type Input, type InputForm } from './predict-input.ts';

const folder = mkdtempSync(join(tmpdir(), 'emotune-input-'));
afterAll(() => rmSync(folder, { recursive: true }));

async function read(name: string, content: string | Uint8Array, columns?: InputForm): Promise<Input[]> {
  const path = join(folder, name);
  writeFileSync(path, content);
  return readFile(path, columns);
}

async function readFile(path: string, columns?: InputForm): Promise<Input[]> {
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

it('reads a table of another form', async () => {
  expect(await read('a.csv', 'id;text\n1;a,b\n', { delimiter: ';' })).toEqual([{ text: 'a,b' }]);
  expect(await read('a.txt', 'id\ttext\n1\ta\n', { delimiter: '\t' })).toEqual([{ text: 'a' }]);
  expect(await read('a.tsv', 'text\n"a\n', { quoting: false })).toEqual([{ text: '"a' }]);
});

it('reads a file in another encoding', async () => {
  expect(await read('a.csv', Buffer.from('\ufefftext\né\n', 'utf16le'))).toEqual([{ text: 'é' }]);
  const encoding = 'windows-1252';
  expect(await read('a.csv', Buffer.from('text\ncaf\xe9 \x93a\x94\n', 'latin1'), { encoding })).toEqual([
    { text: 'café “a”' },
  ]);
  expect(await read('a.txt', Buffer.from('caf\xe9', 'latin1'), { encoding })).toEqual([{ text: 'café' }]);
  expect(await read('a.jsonl', Buffer.from('{"text":"\xe9"}', 'latin1'), { encoding })).toEqual([{ text: 'é' }]);
});

it('reads the text field of JSON Lines', async () => {
  expect(await read('a.jsonl', '{"text":"one"}\n\n{"text":2}\n[\n')).toEqual([
    { text: 'one' },
    { text: '', error: "no text in 'text'" },
    { text: '', error: 'not a JSON object' },
  ]);
});

it('reads the text column of Parquet', async () => {
  const path = parquetFile([
    { name: 'Tweet', data: ['one', null, 'three'], type: 'STRING' },
    { name: 'before', data: [[], ['a'], ['b']] },
  ]);
  expect(await readFile(path, { context: 'before' })).toEqual([
    { text: 'one' },
    { text: '', error: "no text in 'Tweet'" },
    { text: 'three', context: [{ text: 'b' }] },
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

it.each<[string, string | Uint8Array, InputForm | undefined, string]>([
  ['a.csv', 'id,words\n', undefined, 'no text column (such as text, tweet, sentence) among the columns [id, words]'],
  [
    'a.csv',
    'id,words\n',
    { text: 'word' },
    "no column 'word' among the columns [id, words]; name it with --text-column",
  ],
  ['a.csv', '', undefined, 'a.csv: is empty; it needs a header line and texts'],
  ['a.csv', 'text\n"open\n', undefined, 'a.csv: a quote (") opened in the record at line 2 is never closed; close it'],
  ['a.csv', `text\n"${'x'.repeat(1 << 26)}`, undefined, 'a.csv: a quote (") opened in the record at line 2'],
  ['a.csv', 'text,text\n', undefined, "a.csv: two columns are called 'text' in [text, text]; rename one"],
  ['a.csv', Buffer.from('text\ncaf\xe9\n', 'latin1'), undefined, 'a.csv: byte 0xe9 at offset 8 (line 2) is not UTF-8'],
  ...['a.csv', 'a.jsonl', 'a.txt'].map((name): [string, Uint8Array, undefined, string] => [
    name,
    Buffer.from('text\na\n', 'utf16le'),
    undefined,
    `${name}: is UTF-16 without a byte order mark; set encoding: utf-16le`,
  ]),
  ['a.jsonl', `{"text":"a"}\n${'x'.repeat((1 << 26) + 1)}`, undefined, 'a.jsonl: line 2 is longer than 64 MiB'],
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
    "a.txt: a .txt file has no column 'text', a line is a text; use .csv, .tsv, .jsonl or .parquet",
  ],
  ['a.pdf', '', undefined, 'a.pdf: expected a .txt, .csv, .tsv, .jsonl or .parquet file'],
])('refuses %s: %#', async (name, content, columns, message) => {
  await expect(read(name, content, columns)).rejects.toThrow(message);
});

it('says when there is no such file', async () => {
  await expect(fileTexts('nowhere.txt').next()).rejects.toThrow('nowhere.txt: no such file; check the path');
});

it.each(['a.csv', 'a.jsonl', 'a.txt'])('says that %s is a folder', async (name) => {
  const path = join(mkdtempSync(join(folder, 'in-')), name);
  mkdirSync(path);
  await expect(fileTexts(path).next()).rejects.toThrow(`${name}: cannot be read (EISDIR)`);
});

/** How far this process has read into an open file; undefined if it is not open. */
function readingAt(path: string): number | undefined {
  const open = readdirSync('/proc/self/fd').find((fd) => {
    const link = join('/proc/self/fd', fd);
    return existsSync(link) && readlinkSync(link) === path;
  });
  return open === undefined
    ? undefined
    : Number(/^pos:\s*(\d+)/.exec(readFileSync(join('/proc/self/fdinfo', open), 'utf8'))?.[1]);
}

it.skipIf(!existsSync('/proc/self/fdinfo')).each([
  ['long.csv', 'text\n'],
  ['long.jsonl', ''],
  ['long.txt', ''],
])('reads no more of %s than is asked for, and closes it at an early end', async (name, header) => {
  const path = join(folder, name);
  writeFileSync(path, header + '{"text":"a"}\n'.repeat(1 << 16));
  const texts = fileTexts(path);
  for (let i = 0; i < 10; i++) expect((await texts.next()).done).toBe(false);
  expect(readingAt(path)).toBe(1 << 16);
  await texts.return();
  expect(readingAt(path)).toBeUndefined();
});

it('takes an empty .txt for no texts', async () => expect(await read('empty.txt', '')).toEqual([]));
