import { describe, expect, it } from 'vitest';

import type { Malformed } from './malformed.ts';
import { type Row, type RowFormat, readRows } from './rows.ts';
import { temporaryFile } from './testing/files.ts';

async function read(path: string, format: RowFormat = {}) {
  const rows: Row[] = [];
  const malformed: Malformed[] = [];
  const columns = await readRows(path, format, {
    row: (row) => rows.push(row),
    malformed: (row) => malformed.push(row),
  });
  return { rows, malformed, columns };
}

async function cells(name: string, content: string, format: RowFormat = {}): Promise<unknown> {
  const { rows } = await read(temporaryFile(name, content), format);
  return rows.map((row) => Object.values(row.cells));
}

async function lines(name: string, content: string): Promise<number[]> {
  return (await read(temporaryFile(name, content))).rows.map(({ line }) => line);
}

describe('delimited files', () => {
  it('have commas in .csv and tabs in .tsv', async () => {
    expect(await cells('a.csv', 'x,y\n1,2')).toEqual([['1', '2']]);
    expect(await cells('a.tsv', 'x\ty\n1,0\t2')).toEqual([['1,0', '2']]);
  });

  it('can have another delimiter', async () =>
    expect(await cells('a.txt', 'x;y\n1;2', { delimiter: ';' })).toEqual([['1', '2']]));

  it('may quote cells, doubling the quotes inside', async () =>
    expect(await cells('a.tsv', 'x\ty\n"a ""b""\tc"\t2')).toEqual([['a "b"\tc', '2']]));

  it('may hold quotes inside an unquoted cell', async () =>
    expect(await cells('a.csv', 'x,y\na "b" c,"d"')).toEqual([['a "b" c', 'd']]));

  it('can do without quoting', async () =>
    expect(await cells('a.tsv', 'x\ty\n"a\t2\nb"\t3', { quoting: false })).toEqual([
      ['"a', '2'],
      ['b"', '3'],
    ]));

  it('may hold the delimiter in one column, which takes what is too much', async () => {
    const format = { columns: ['id', 'text', 'label'], delimiter: ';', spillColumn: 'text' };
    const { rows, malformed } = await read(temporaryFile('a.txt', '1;a;b;;joy\n2;;fear\n3;joy\n'), format);
    expect(rows.map(({ cells }) => Object.values(cells))).toEqual([
      ['1', 'a;b;', 'joy'],
      ['2', '', 'fear'],
    ]);
    expect(malformed.map(({ reason }) => reason)).toEqual(['2 fields where 3 are needed']);
  });

  it('that end inside a quote say where it opened', () =>
    expect(cells('a.csv', 'x,y\n1,"a\nb"\n2,"c\n3,d\n')).rejects.toThrow(
      /a\.csv: a quote \("\) opened in the record at line 4 is never closed; close it, or set quoting: false/,
    ));

  it('count lines inside quotes and blank ones', async () =>
    expect(await lines('a.csv', 'x,y\r\n\r\n"1\r\n2",3\r\n\r\n4,5\r\n')).toEqual([3, 6]));

  it('may have a byte order mark and nameless columns', async () => {
    const { columns } = await read(temporaryFile('a.csv', '\ufeff"text",\na,0\n'));
    expect(columns).toEqual(['text', 'column 2']);
  });

  it('may not repeat a column', () =>
    expect(cells('a.csv', 'x,y,x\n')).rejects.toThrow("two columns are called 'x' in [x, y, x]; rename one"));

  it('may hold long texts', async () => {
    const text = 'long '.repeat(100_000);
    expect(await cells('a.csv', `x,y\n"${text}",2`)).toEqual([[text, '2']]);
  });
});

describe('files longer than what is read at once', () => {
  const texts = Array.from({ length: 20_000 }, (_, i) => `é ${'😀'.repeat(i % 4)} "${i}"`);

  it.each(['\n', '\r\n', '\r'])('are read whole, whatever character or line end is cut: %j', async (end) => {
    const quoted = texts.map((text, i) => `${i},"${text.replaceAll('"', '""')}"`);
    const { rows, malformed } = await read(temporaryFile('a.csv', ['n,x', ...quoted, ''].join(end)));
    expect(malformed).toEqual([]);
    expect(rows.map(({ cells }) => cells.x)).toEqual(texts);
    expect(rows.at(-1)!.line).toBe(20_001);
  });

  it('are read whole as JSON Lines, with and without a last line end', async () => {
    const lines = texts.map((x) => JSON.stringify({ x }));
    for (const content of [lines.join('\n'), `${lines.join('\r\n')}\r\n`]) {
      const { rows } = await read(temporaryFile('a.jsonl', content));
      expect(rows.map(({ cells }) => cells.x)).toEqual(texts);
    }
  });
});

describe('JSON Lines', () => {
  it('keep the type of every value, and the columns of every row', async () => {
    const path = temporaryFile('a.jsonl', '{"x":1}\n\n{"x":["a"],"y":null}\n');
    const { rows, columns } = await read(path);
    expect(rows).toEqual([
      { file: path, line: 1, cells: { x: 1 } },
      { file: path, line: 3, cells: { x: ['a'], y: null } },
    ]);
    expect(columns).toEqual(['x', 'y']);
  });
});

it.each<[string, string, RowFormat?]>([
  ['a.csv', ''],
  ['a.csv', '\n\n'],
  ['a.csv', '\n', { columns: ['x'] }],
  ['a.jsonl', '\ufeff \n'],
])('%s is empty: %j', async (name, content, format) => {
  await expect(cells(name, content, format)).rejects.toThrow('is empty; it needs at least one row');
});

it.each([
  ['a.csv', 'x,y\n'],
  ['a.csv', '1\n2\n'],
  ['a.jsonl', '[\n'],
])('%s is not empty: %j', async (name, content) => {
  await expect(read(temporaryFile(name, content))).resolves.toBeDefined();
});

it('a record of JSON Lines has a longest length', () =>
  expect(cells('a.jsonl', `{}\n{"x":"${'x'.repeat(1 << 26)}`)).rejects.toThrow(
    /a\.jsonl: line 2 is longer than 64 MiB; put a line end after every text or record/,
  ));

it('an unknown kind of file is an error', () =>
  expect(read('a.xlsx')).rejects.toThrow(
    "a.xlsx: unknown kind of file '.xlsx'; use .csv, .tsv, .jsonl or .parquet, or set delimiter",
  ));
