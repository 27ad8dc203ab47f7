import { describe, expect, it } from 'vitest';

import { temporaryFile } from './testing/files.ts';
import { type Encoding, readTextFile, textChunks } from './text-file.ts';

async function read(content: string | Uint8Array, encoding?: Encoding): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of textChunks(temporaryFile('posts.csv', content), encoding)) pieces.push(piece);
  return Buffer.concat(pieces).toString();
}
const bytes = (...parts: (string | number)[]): Buffer =>
  Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : Buffer.of(part))));

it('drops a byte order mark', async () => expect(await read('\ufefftext\n')).toBe('text\n'));

it('makes all line ends \\n', async () => expect(await read('a\r\nb\rc\n')).toBe('a\nb\nc\n'));

it('keeps a replacement character that is in the file', async () => expect(await read('a\ufffdb')).toBe('a\ufffdb'));

/** Text with two bytes a character. */
function utf16(text: string, order: 'le' | 'be'): Buffer {
  const written = Buffer.from(text, 'utf16le');
  return order === 'le' ? written : written.swap16();
}

describe.each(['le', 'be'] as const)('UTF-16 %s', (order) => {
  const text = `é 😀\r\n${'ü'.repeat(99)}\r`.repeat(1000);

  it('is decoded where a byte order mark says so, cut wherever it is', async () => {
    for (const shift of ['', 'x', 'xx', '😀'])
      expect(await read(utf16(`\ufeff${shift}${text}`, order))).toBe(shift + text.replace(/\r\n?/g, '\n'));
  });

  it('is decoded without a mark where it is told', async () =>
    expect(await read(utf16('té\n', order), `utf-16${order}`)).toBe('té\n'));

  it('is recognised without a mark, and not guessed', () =>
    expect(read(utf16('ab', order))).rejects.toThrow(
      `posts.csv: is UTF-16 without a byte order mark; set encoding: utf-16${order}`,
    ));

  it('that is cut inside a character is an error', () =>
    expect(read(utf16('\ufeffab', order).subarray(0, 5))).rejects.toThrow(
      `posts.csv: has bytes that are not utf-16${order}; set encoding to what the file is, or get it again`,
    ));
});

it('reads Windows-1252 where it is told', async () =>
  expect(await read(bytes('I', 0x92, 'm caf', 0xe9, ' ', 0x80, '5\r\n', 0x81), 'windows-1252')).toBe(
    'I’m café €5\n\u0081',
  ));

it('believes a byte order mark more than what is told', async () =>
  expect(await read('\ufeffé', 'windows-1252')).toBe('é'));

it.each([
  ['a stray byte', bytes('ok é\n', 'caf', 0xe9, ' x'), 'byte 0xe9 at offset 9 (line 2)'],
  ['a cut character', bytes('ab', 0xe2, 0x82), 'byte 0xe2 at offset 2 (line 1)'],
  ['after a byte order mark', bytes('\ufeffa', 0xff), 'byte 0xff at offset 4 (line 1)'],
])('refuses what is not UTF-8, naming the byte: %s', (_, content, where) =>
  expect(read(content)).rejects.toThrow(
    `${where} is not UTF-8; if the file is Windows-1252, set encoding: windows-1252, or convert`,
  ),
);

it('names a wrong byte far into a file', async () => {
  const line = `${'ü'.repeat(999)}\n`;
  await expect(read(bytes(line.repeat(100), 'ab', 0xff, 'c'))).rejects.toThrow(
    'byte 0xff at offset 199902 (line 101) is not UTF-8',
  );
});

it.each(['', '\n\n', '\ufeff'])('refuses an empty file: %j', (content) =>
  expect(readTextFile(temporaryFile('posts.csv', content))).rejects.toThrow(
    /posts\.csv: is empty; it needs at least one row/,
  ),
);

it('names a missing file', () => expect(readTextFile('nowhere.csv')).rejects.toThrow('nowhere.csv: no such file'));

it('names what cannot be read', () => expect(readTextFile('.')).rejects.toThrow('.: cannot be read (EISDIR)'));
