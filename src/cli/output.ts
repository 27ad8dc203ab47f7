/** Writing results: no faster than they are read, and without complaint when the reader goes away. */
import { writeSync } from 'node:fs';
import { Socket } from 'node:net';
import type { Writable } from 'node:stream';
import { replaceFile } from '../checkpoint/atomic.ts';
import { placeOf } from '../checkpoint/place.ts';
import { ConfigError } from '../core/errors.ts';

/**
 * Writes lines to stdout; resolves when they are written.
 *
 * @throws ConfigError if they cannot be: the disk is full, the terminal is gone. A reader that left is no error.
 */
export async function printLines(lines: readonly string[]): Promise<void> {
  if (lines.length === 0) return;
  try {
    await write(process.stdout, lines.map((line) => `${line}\n`).join(''));
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code !== 'EPIPE') throw new ConfigError(`stdout cannot be written: ${message}`, { cause: error });
  }
}

/**
 * Makes sure that a file to be written is none of those that are read.
 *
 * @throws ConfigError naming the flag.
 */
export async function checkNotRead(
  flag: string,
  path: string | undefined,
  files: readonly string[] = [],
): Promise<void> {
  if (path === undefined) return;
  const places = await Promise.all(files.map(placeOf));
  if (places.includes(await placeOf(path)))
    throw new ConfigError(`${flag} ${path}: is the data itself, which would be lost; give another file`);
}

/**
 * Writes a file that a flag named: whole or not at all.
 *
 * @throws ConfigError if it cannot be written.
 */
export async function writeResult(path: string, pieces: Iterable<string> | AsyncIterable<string>): Promise<void> {
  try {
    await replaceFile(path, async (file) => {
      for await (const piece of pieces) await file.appendFile(piece);
    });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error; // what was to be written is at fault
    throw new ConfigError(`${path}: cannot be written: ${message}`, { cause: error });
  }
}

/** Into a file, Node.js writes once and takes a part for the whole (which is how a disk gets full); so that is done here. */
async function write(stream: Writable & { readonly fd: number }, text: string): Promise<void> {
  if (stream instanceof Socket)
    return new Promise((resolve, reject) => stream.write(text, (error) => (error ? reject(error) : resolve())));
  const bytes = Buffer.from(text);
  for (let done = 0; done < bytes.length; ) done += writeSync(stream.fd, bytes, done);
}

/**
 * For lines that matter less than the work they tell of: once stdout fails, stderr says so and where else it stands, and no
 * more is written, so that what is there has no gaps.
 */
export function openLog(elsewhere: string): (lines: readonly string[]) => Promise<void> {
  let failed = false;
  return async (lines) => {
    if (failed) return;
    try {
      await printLines(lines);
    } catch (error) {
      if (!failed) process.stderr.write(`warning: ${(error as Error).message}; ${elsewhere}\n`);
      failed = true;
    }
  };
}

/**
 * `emotune predict … | head`: a reader who has seen enough is no error. A command with something to finish first listens
 * to SIGPIPE. Other failures of stdout are thrown by {@link printLines}; what is only told on stderr may go unread
 * without ending the work.
 */
export function exitWhenReaderLeaves(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE' && !process.emit('SIGPIPE', 'SIGPIPE')) process.exit(0);
  });
  process.stderr.on('error', () => {});
}
