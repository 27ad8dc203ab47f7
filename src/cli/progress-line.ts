import { columnsOf } from './terminal.ts';
import { progressBar } from './view/progress-bar.ts';

const everyMs = 100;
const eraseLine = '\r\x1b[K';

/** A line on stderr that says how far something is; none where stderr is no terminal. */
export interface ProgressLine {
  show(done: number, total: number): void;
  /** Removes it. */
  close(): void;
}

export function openProgressLine(describe: (done: number, total: number) => string): ProgressLine {
  const { stderr } = process;
  let shownAt = Number.NEGATIVE_INFINITY;
  return {
    show(done, total) {
      if (!stderr.isTTY || performance.now() - shownAt < everyMs) return;
      shownAt = performance.now();
      const text = ` ${describe(done, total)}`;
      const width = Math.min(40, columnsOf(stderr) - text.length - 1);
      stderr.write(`${eraseLine}${width > 3 ? progressBar(done / total, width) : ''}${text}`);
    },
    close() {
      if (stderr.isTTY) stderr.write(eraseLine);
    },
  };
}
