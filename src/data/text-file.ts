import { isUtf8 } from 'node:buffer';
import { type FileHandle, open } from 'node:fs/promises';

import { DataError } from '../core/errors.ts';
import { withoutC1 } from './windows-1252.ts';

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

/** How the characters of a text file may be written. */
export const encodings = ['utf-8', 'utf-16le', 'utf-16be', 'windows-1252'] as const;
export type Encoding = (typeof encodings)[number];

/**
 * A text file as UTF-8, without a byte order mark, in pieces cut between characters; line ends come back as `\n`.
 *
 * @param encoding of the file. A byte order mark in it says more. Default: UTF-8.
 * @throws DataError if the file is missing, looks like UTF-16 and has no mark, or has bytes that are not what they should
 *                   be (for UTF-8 naming the first of them, its offset and its line).
 */
export async function* textChunks(path: string, encoding?: Encoding): AsyncGenerator<Buffer, void> {
  let rest: Buffer = Buffer.alloc(0);
  let offset = 0; // of rest in the text
  for await (const bytes of utf8Chunks(path, encoding)) {
    const got = rest.length === 0 ? bytes : Buffer.concat([rest, bytes]);
    const whole = got.subarray(0, lastCut(got));
    rest = got.subarray(whole.length);
    yield* checked(path, whole, offset);
    offset += whole.length;
  }
  yield* checked(path, rest, offset);
}

async function* checked(path: string, whole: Buffer, offset: number): AsyncGenerator<Buffer, void> {
  if (!isUtf8(whole)) throw await notUtf8(path, whole, offset);
  const text = withoutCarriageReturns(whole.subarray(offset === 0 ? markLength(whole) : 0));
  if (text.length > 0) yield text;
}

/** What the byte order mark of a file says, if it has one. */
export async function markedEncoding(path: string): Promise<Encoding | undefined> {
  for await (const bytes of fileChunks(path)) return encodingOfMark(bytes);
  return undefined;
}

/** The bytes of a file made UTF-8, if they are known to be something else. */
async function* utf8Chunks(path: string, told: Encoding | undefined): AsyncGenerator<Buffer, void> {
  let decode: ((bytes?: Buffer) => string) | undefined;
  let first = true;
  for await (const bytes of fileChunks(path)) {
    if (first) decode = decoderFor(path, encodingOfMark(bytes) ?? told ?? assumed(path, bytes));
    first = false;
    yield decode ? Buffer.from(decode(bytes)) : bytes;
  }
  if (decode) yield Buffer.from(decode());
}

/** @throws DataError where the first character shows that the bytes are UTF-16. */
function assumed(path: string, bytes: Buffer): Encoding {
  const zero = bytes.subarray(0, 2).indexOf(0);
  if (zero < 0) return 'utf-8';
  throw new DataError(
    `${path}: is UTF-16 without a byte order mark; set encoding: ${zero === 1 ? 'utf-16le' : 'utf-16be'}`,
  );
}

/** Makes text of one piece after the other; what is cut waits for the next, and at the end there is none. */
function decoderFor(path: string, encoding: Encoding): ((bytes?: Buffer) => string) | undefined {
  if (encoding === 'utf-8') return undefined;
  if (encoding === 'windows-1252') return (bytes) => withoutC1(bytes?.toString('latin1') ?? '');
  const decoder = new TextDecoder(encoding, { fatal: true });
  return (bytes) => {
    try {
      return bytes === undefined ? decoder.decode() : decoder.decode(bytes, { stream: true });
    } catch {
      throw new DataError(
        `${path}: has bytes that are not ${encoding}; set encoding to what the file is, or get it again`,
      );
    }
  };
}

/** The bytes of a file, 64 KiB at a time. */
async function* fileChunks(path: string): AsyncGenerator<Buffer, void> {
  const file = await reading(path, open(path, 'r'));
  try {
    for (;;) {
      const bytes = Buffer.allocUnsafeSlow(chunkBytes);
      const { bytesRead } = await reading(path, file.read(bytes, 0, chunkBytes));
      if (bytesRead === 0) return;
      yield bytes.subarray(0, bytesRead);
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

function encodingOfMark([first, second, third]: Buffer): Encoding | undefined {
  if (first === 0xff && second === 0xfe) return 'utf-16le';
  if (first === 0xfe && second === 0xff) return 'utf-16be';
  return first === 0xef && second === 0xbb && third === 0xbf ? 'utf-8' : undefined;
}

const markLength = (bytes: Buffer): number => (encodingOfMark(bytes) === 'utf-8' ? 3 : 0);

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
      'if the file is Windows-1252, set encoding: windows-1252, or convert it with: iconv -f WINDOWS-1252 -t UTF-8 FILE > FILE.utf8',
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
