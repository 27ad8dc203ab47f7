import { expect, it } from 'vitest';

import { temporaryFile } from './testing/files.ts';
import { readTextFile } from './text-file.ts';

const read = (content: string | Uint8Array): Promise<string> => readTextFile(temporaryFile('posts.csv', content));
const bytes = (...parts: (string | number)[]): Buffer =>
  Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : Buffer.of(part))));

it('drops a byte order mark', async () => expect(await read('\ufefftext\n')).toBe('text\n'));

it('makes all line ends \\n', async () => expect(await read('a\r\nb\rc\n')).toBe('a\nb\nc\n'));

it('keeps a replacement character that is in the file', async () => expect(await read('a\ufffdb')).toBe('a\ufffdb'));

it.each([
  ['little-endian', bytes(0xff, 0xfe, 'a', 0)],
  ['big-endian', bytes(0xfe, 0xff, 0, 'a')],
  ['without a mark', bytes('a', 0, 'b', 0)],
])('refuses UTF-16, %s', (_, content) =>
  expect(read(content)).rejects.toThrow(/posts\.csv: is UTF-16; convert it with: iconv -f UTF-16/),
);

it.each([
  ['a stray byte', bytes('ok é\n', 'caf', 0xe9, ' x'), 'byte 0xe9 at offset 9 (line 2)'],
  ['a cut character', bytes('ab', 0xe2, 0x82), 'byte 0xe2 at offset 2 (line 1)'],
  ['after a byte order mark', bytes('\ufeffa', 0xff), 'byte 0xff at offset 4 (line 1)'],
])('refuses what is not UTF-8, naming the byte: %s', (_, content, where) =>
  expect(read(content)).rejects.toThrow(`${where} is not UTF-8; if the file is Windows-1252, convert it with: iconv`),
);

it('names a wrong byte far into a file', async () => {
  const line = `${'ü'.repeat(999)}\n`;
  await expect(read(bytes(line.repeat(100), 'ab', 0xff, 'c'))).rejects.toThrow(
    'byte 0xff at offset 199902 (line 101) is not UTF-8',
  );
});

it.each(['', '\n\n', '\ufeff'])('refuses an empty file: %j', (content) =>
  expect(read(content)).rejects.toThrow(/posts\.csv: is empty; it needs at least one row/),
);

it('names a missing file', () => expect(readTextFile('nowhere.csv')).rejects.toThrow('nowhere.csv: no such file'));

it('names what cannot be read', () => expect(readTextFile('.')).rejects.toThrow('.: cannot be read (EISDIR)'));
