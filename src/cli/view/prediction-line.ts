/** A prediction as a line for people. */
import type { Task } from '../../core/task.ts';
import { cutTo, type Style } from '../terminal.ts';

interface Scored {
  readonly labels: readonly string[];
  readonly scores: Readonly<Record<string, number>>;
}

export interface LineOptions {
  readonly task: Task;
  /** How many labels to show, the most probable first; default: those the text is given. */
  readonly top?: number | undefined;
  /** Columns of the line; default: no limit. */
  readonly width?: number | undefined;
  readonly style: Style;
}

/** `joy 0.93       What a lovely surprise!` */
export function predictionLine(text: string, scored: Scored, { task, top, width, style }: LineOptions): string {
  const names = Object.keys(scored.scores);
  const column = Math.max(...names.map((name) => name.length)) + ' 0.00'.length;
  const cells = shown(scored, task, top).map(([label, score]) => `${label} ${score.toFixed(2)}`);
  const verdict = cells.length === 0 ? '(none)' : cells.map((cell) => cell.padEnd(column)).join('  ');
  return `${style.cyan(verdict.padEnd(column))}  ${oneLine(text, width === undefined ? undefined : width - Math.max(column, verdict.length) - 2)}`;
}

/** `(empty)`, or why there is nothing to classify. */
export const refusedLine = (error: string, style: Style): string =>
  style.yellow(error === 'empty text' ? '(empty)' : `(${error})`);

/** Labels with their scores, best first; all values, in their order, for regression. */
function shown({ labels, scores }: Scored, task: Task, top: number | undefined): (readonly [string, number])[] {
  const all = Object.entries(scores);
  if (task === 'regression') return all.slice(0, top);
  const ranked = all.sort(([, a], [, b]) => b - a);
  return top === undefined ? ranked.filter(([label]) => labels.includes(label)) : ranked.slice(0, top);
}

function oneLine(text: string, width: number | undefined): string {
  const line = text.replace(/\s+/g, ' ').trim();
  return width === undefined ? line : cutTo(line, Math.max(10, width));
}
