import { DataError } from '../core/errors.ts';
import { type Encoding, textChunks } from './text-file.ts';
import { textLines } from './text-lines.ts';

/**
 * The lines of several files side by side: one line of each, then the next of each. Empty lines count.
 *
 * @param files by the names of their columns.
 * @throws DataError if the files have different numbers of lines, naming all of them.
 */
export async function* sideBySide(
  files: Readonly<Record<string, string>>,
  encoding?: Encoding,
): AsyncGenerator<Readonly<Record<string, string>>, void> {
  const columns = Object.entries(files).map(([name, file]) => ({ name, file, lines: eachLine(file, encoding) }));
  try {
    for (let line = 0; ; line++) {
      const next = await Promise.all(columns.map(({ lines }) => lines.next()));
      if (next.every(({ done }) => done)) return;
      if (next.some(({ done }) => done)) {
        const counts = columns.map(async ({ lines }, i) => line + (next[i]!.done ? 0 : 1 + (await countOf(lines))));
        throw differ(Object.values(files), await Promise.all(counts));
      }
      yield Object.fromEntries(columns.map(({ name }, i) => [name, next[i]!.value as string]));
    }
  } finally {
    for (const { lines } of columns) await lines.return();
  }
}

async function* eachLine(file: string, encoding: Encoding | undefined): AsyncGenerator<string, void> {
  for await (const lines of textLines(textChunks(file, encoding), file)) yield* lines;
}

async function countOf(lines: AsyncIterable<string>): Promise<number> {
  let count = 0;
  for await (const _ of lines) count++;
  return count;
}

function differ(files: readonly string[], counts: readonly number[]): DataError {
  const each = files.map((file, i) => `${file} has ${counts[i]}`).join(', ');
  return new DataError(
    `${each} lines, where each line of one belongs to the same line of the other; get them again, all from one place`,
  );
}
