import { DataError } from '../core/errors.ts';

/** The longest line of text, or record of a table, in bytes: one that never ends must not take all memory. */
export const longestRecord = 1 << 26;

const newline = 0x0a;
const byteOrderMark = '\ufeff';

/**
 * The lines of UTF-8 bytes, those that end in one piece at a time: what is held is a piece and a line. A `\r` before the
 * end of a line is no part of it, nor is a byte order mark at the start; bytes that are not UTF-8 become U+FFFD.
 *
 * @param name of what is read, for the error.
 * @throws DataError if a line is longer than 64 MiB, naming it.
 */
export async function* textLines(
  pieces: AsyncIterable<Uint8Array>,
  name: string,
): AsyncGenerator<readonly string[], void> {
  let count = 0; // of whole lines before
  let open: Buffer[] = []; // the line that has not ended yet
  let openBytes = 0;
  const lengthen = (bytes: Buffer): void => {
    open.push(bytes);
    openBytes += bytes.length;
    if (openBytes > longestRecord)
      throw new DataError(
        `${name}: line ${count + 1} is longer than ${longestRecord >> 20} MiB; put a line end after every text or record`,
      );
  };
  const close = (): string => {
    const line = textOf(open.length === 1 ? open[0]! : Buffer.concat(open, openBytes));
    [open, openBytes] = [[], 0];
    return count++ === 0 && line.startsWith(byteOrderMark) ? line.slice(1) : line;
  };
  for await (const piece of pieces) {
    const bytes = Buffer.from(piece.buffer, piece.byteOffset, piece.length);
    const lines: string[] = [];
    let from = 0;
    for (let to = bytes.indexOf(newline); to >= 0; to = bytes.indexOf(newline, from)) {
      lengthen(bytes.subarray(from, to));
      lines.push(close());
      from = to + 1;
    }
    if (from < bytes.length) lengthen(bytes.subarray(from));
    if (lines.length > 0) yield lines;
  }
  if (openBytes > 0) yield [close()];
}

function textOf(line: Buffer): string {
  const end = line[line.length - 1] === 0x0d ? line.length - 1 : line.length;
  return line.toString('utf8', 0, end);
}
