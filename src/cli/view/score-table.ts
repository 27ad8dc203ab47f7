/** Validation results, one line per epoch. */
import { type Evaluation, primaryMetric } from '../../metrics/evaluate.ts';
import type { EpochScore } from './train-state.ts';

/** Names and values of an evaluation's metrics, the one that a run is chosen by first. */
export function headlines({ task, metrics }: Evaluation): (readonly [name: string, value: string])[] {
  const primary = primaryMetric(task);
  return Object.entries(metrics)
    .map(([name, { value }]) => [name, value === null ? 'n/a' : value.toFixed(4)] as const)
    .sort(([a], [b]) => Number(b === primary) - Number(a === primary));
}

/** A heading and a line per epoch, as many metrics as fit the width; `*` marks the best epoch so far. */
export function scoreTable(scores: readonly EpochScore[], width: number): string[] {
  const [first] = scores;
  if (!first) return [];
  const best = scores.findLast((score) => score.best);
  const heading = columns(headlines(first.evaluation).map(([name]) => ({ name, cell: name })));
  const rows = scores.map((score) => {
    const cells = headlines(score.evaluation).map(([name, value]) => ({ name, cell: value }));
    return `${String(score.epoch).padStart(5)} ${score === best ? '*' : ' '}${columns(cells)}`;
  });
  return [`epoch  ${heading}`, ...rows].map((line) => line.slice(0, cutAt(headlines(first.evaluation), width)));
}

const cellWidth = (name: string): number => Math.max(name.length, 7) + 2;

const columns = (cells: readonly { readonly name: string; readonly cell: string }[]): string =>
  cells.map(({ name, cell }) => cell.padStart(cellWidth(name))).join('');

/** Where the last whole column ends that fits. */
function cutAt(metrics: readonly (readonly [name: string, value: string])[], width: number): number {
  let end = 7;
  for (const [name] of metrics) {
    if (end + cellWidth(name) > width) break;
    end += cellWidth(name);
  }
  return end;
}
