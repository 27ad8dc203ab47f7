import { readFile } from 'node:fs/promises';

import { DataError } from '../core/errors.ts';

/**
 * Reads a text file that must be UTF-8, with or without a byte order mark; line ends come back as `\n`.
 *
 * @throws DataError if the file is missing, empty, UTF-16, or has a byte that is not UTF-8 (naming its offset and line).
 */
export async function readTextFile(path: string): Promise<string> {
  const bytes = await readBytes(path);
  if (isUtf16(bytes))
    throw new DataError(`${path}: is UTF-16; convert it with: iconv -f UTF-16 -t UTF-8 FILE > FILE.utf8`);
  const text = new TextDecoder('utf-8').decode(bytes); // drops the byte order mark
  if (text.includes('\ufffd')) checkUtf8(path, bytes);
  if (text.trim() === '') throw new DataError(`${path}: is empty; it needs at least one row`);
  return text.replace(/\r\n?/g, '\n');
}

async function readBytes(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT') throw new DataError(`${path}: no such file; check the path`);
    throw new DataError(`${path}: cannot be read (${code}): ${(error as Error).message}`);
  }
}

/** A UTF-16 byte order mark, or none but a first character whose other byte is zero. */
function isUtf16(bytes: Buffer): boolean {
  const [first, second] = bytes;
  if (first === undefined || second === undefined) return false;
  return (first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff) || first === 0 || second === 0;
}

/** A lenient decoder writes U+FFFD where a byte is wrong; up to the first such place, its text has the file's bytes. */
function checkUtf8(path: string, bytes: Buffer): void {
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
  let offset = 0;
  let line = 1;
  for (const character of text) {
    const right = Buffer.from(character);
    if (!bytes.subarray(offset, offset + right.length).equals(right))
      throw new DataError(
        `${path}: byte 0x${bytes[offset]!.toString(16)} at offset ${offset} (line ${line}) is not UTF-8; ` +
          'if the file is Windows-1252, convert it with: iconv -f WINDOWS-1252 -t UTF-8 FILE > FILE.utf8',
      );
    offset += right.length;
    if (character === '\n') line++;
  }
}
