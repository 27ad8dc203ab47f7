import { dirname, join } from 'node:path';

import { expect, it } from 'vitest';

import { sideBySide } from './line-columns.ts';
import { temporaryFile } from './testing/files.ts';

async function read(...contents: readonly string[]): Promise<(string | undefined)[][]> {
  const files = Object.fromEntries(contents.map((content, i) => [`c${i}`, temporaryFile(`${i}.txt`, content)]));
  const rows: (string | undefined)[][] = [];
  for await (const cells of sideBySide(files)) rows.push(Object.values(cells));
  return rows;
}

it('gives the same line of every file, empty ones too', async () =>
  expect(await read('a\n\nc', '\ufeff0\r\n1\r\n2\r\n')).toEqual([
    ['a', '0'],
    ['', '1'],
    ['c', '2'],
  ]));

it.each([
  ['a\nb\nc\nd\n', '0\n', 4, 1],
  ['a\n', '0\n1\n2\n', 1, 3],
  ['', '0\n1', 0, 2],
])('says how many lines there are where the numbers differ: %j, %j', async (texts, labels, first, second) =>
  expect(read(texts, labels)).rejects.toThrow(
    new RegExp(`0\\.txt has ${first}, .*1\\.txt has ${second} lines, where each line of one belongs to the same line`),
  ),
);

it('names a file that is missing', async () => {
  const text = temporaryFile('a.txt', 'a\n');
  const rows = sideBySide({ text, label: join(dirname(text), 'nowhere.txt') });
  await expect(rows.next()).rejects.toThrow('nowhere.txt: no such file');
});
