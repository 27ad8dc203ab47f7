import { isUtf8 } from 'node:buffer';
import { type FileHandle, open } from 'node:fs/promises';

import { DataError } from '../core/errors.ts';

const chunkBytes = 1 << 16;
const newline = 0x0a;
const carriageReturn = 0x0d;

/**
 * Reads a small text file whole; see {@link textChunks}.
 *
 * @throws DataError as {@link textChunks}, and if the file is empty.
 */
export async function readTextFile(path: string): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of textChunks(path)) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString('utf8');
  if (text.trim() === '') throw emptyFile(path);
  return text;
}

export const emptyFile = (path: string): DataError => new DataError(`${path}: is empty; it needs at least one row`);

/**
 * The bytes of a text file that must be UTF-8, with or without a byte order mark, in pieces cut between characters;
 * line ends come back as `\n`.
 *
 * @throws DataError if the file is missing, UTF-16, or has a byte that is not UTF-8 (naming its offset and line).
 */
export async function* textChunks(path: string): AsyncGenerator<Buffer, void> {
  const file = await reading(path, open(path, 'r'));
  try {
    let rest = Buffer.alloc(0);
    let offset = 0; // of rest in the file
    for (let end = false; !end; ) {
      const bytes = Buffer.allocUnsafeSlow(rest.length + chunkBytes);
      rest.copy(bytes);
      const { bytesRead } = await reading(path, file.read(bytes, rest.length, chunkBytes));
      end = bytesRead === 0;
      const got = bytes.subarray(0, rest.length + bytesRead);
      if (offset === 0 && isUtf16(got))
        throw new DataError(`${path}: is UTF-16; convert it with: iconv -f UTF-16 -t UTF-8 FILE > FILE.utf8`);
      const whole = got.subarray(0, end ? got.length : lastCut(got));
      if (!isUtf8(whole)) throw await notUtf8(path, whole, offset);
      rest = got.subarray(whole.length);
      const text = withoutCarriageReturns(whole.subarray(offset === 0 ? markLength(whole) : 0));
      offset += whole.length;
      if (text.length > 0) yield text;
    }
  } finally {
    await file.close();
  }
}

async function reading<T>(path: string, attempt: Promise<T>): Promise<T> {
  try {
    return await attempt;
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

const markLength = (bytes: Buffer): number => (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0);

/** Where the last whole character ends; a final `\r` waits for the `\n` that may follow. */
function lastCut(bytes: Buffer): number {
  let start = bytes.length;
  for (let back = 1; back <= Math.min(4, bytes.length); back++) {
    const byte = bytes[bytes.length - back]!;
    if ((byte & 0xc0) === 0x80) continue; // inside a character
    const size = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    if (size > back) start = bytes.length - back;
    break;
  }
  return bytes[start - 1] === carriageReturn ? start - 1 : start;
}

/** `\r\n` and `\r` become `\n`, in place. */
function withoutCarriageReturns(bytes: Buffer): Buffer {
  let from = bytes.indexOf(carriageReturn);
  if (from < 0) return bytes;
  let to = from;
  for (; from < bytes.length; from++) {
    const isReturn = bytes[from] === carriageReturn;
    if (isReturn && bytes[from + 1] === newline) continue;
    bytes[to++] = isReturn ? newline : bytes[from]!;
  }
  return bytes.subarray(0, to);
}

/** A lenient decoder writes U+FFFD where a byte is wrong; up to the first such place, its text has the file's bytes. */
async function notUtf8(path: string, bytes: Buffer, start: number): Promise<DataError> {
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
  let at = 0;
  for (const character of text) {
    const right = Buffer.from(character);
    if (!bytes.subarray(at, at + right.length).equals(right)) break;
    at += right.length;
  }
  const line = 1 + (await countNewlines(path, start + at));
  return new DataError(
    `${path}: byte 0x${bytes[at]!.toString(16)} at offset ${start + at} (line ${line}) is not UTF-8; ` +
      'if the file is Windows-1252, convert it with: iconv -f WINDOWS-1252 -t UTF-8 FILE > FILE.utf8',
  );
}

async function countNewlines(path: string, end: number): Promise<number> {
  const file: FileHandle = await open(path, 'r');
  try {
    const bytes = Buffer.allocUnsafe(chunkBytes);
    let count = 0;
    for (let at = 0; at < end; ) {
      const { bytesRead } = await file.read(bytes, 0, Math.min(chunkBytes, end - at), at);
      if (bytesRead === 0) break;
      for (let i = 0; i < bytesRead; i++) if (bytes[i] === newline) count++;
      at += bytesRead;
    }
    return count;
  } finally {
    await file.close();
  }
}
