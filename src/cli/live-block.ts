import type { WriteStream } from 'node:tty';
import { columnsOf, displayWidth } from './terminal.ts';

const hideCursor = '\x1b[?25l';
const showCursor = '\x1b[?25h';
const eraseToEnd = '\x1b[0J';

/** Lines at the end of a terminal's output that can be drawn again. */
export interface LiveBlock {
  /** Replaces the block. */
  draw(lines: readonly string[]): void;
  /** Writes lines above the block, to stay. */
  print(lines: readonly string[]): void;
  /** Leaves the block as it is and gives the cursor back. */
  close(): void;
}

export function openLiveBlock(stream: WriteStream): LiveBlock {
  let drawn: readonly string[] = [];
  const erase = (): string => {
    const rows = rowsOf(drawn, columnsOf(stream));
    return rows === 0 ? '' : `\x1b[${rows}A\r${eraseToEnd}`;
  };
  const text = (lines: readonly string[]): string => lines.map((line) => `${line}\n`).join('');
  const close = () => {
    process.off('exit', close);
    stream.write(showCursor);
  };
  process.on('exit', close);
  stream.write(hideCursor);
  return {
    draw(lines) {
      stream.write(erase() + text(lines));
      drawn = lines;
    },
    print: (lines) => stream.write(erase() + text(lines) + text(drawn)),
    close,
  };
}

/** Rows that lines take at a width: after a resize, the terminal may have wrapped them. */
const rowsOf = (lines: readonly string[], columns: number): number =>
  lines.reduce((rows, line) => rows + Math.max(1, Math.ceil(displayWidth(line) / columns)), 0);
