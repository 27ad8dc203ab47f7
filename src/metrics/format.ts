/** An evaluation as plain text. */
import { textTable } from '../core/text-table.ts';
import type { ConfusionMatrix } from './classification.ts';
import type { Evaluation } from './evaluate.ts';

const maxColumns = 100;
const maxPairs = 10;

/** Aligned tables for a terminal: metrics with their intervals, one row per label, the confusion matrix. */
export function formatEvaluation(evaluation: Evaluation): string[] {
  const { task, n, metrics, perLabel, confusion, bootstrap } = evaluation;
  const metricRows = Object.entries(metrics).map(([name, { value, low, high }]) => [
    name,
    decimal(value),
    ...(low === undefined || high === undefined ? [] : [`${decimal(low)} to ${decimal(high)}`]),
  ]);
  const heading = bootstrap ? ['metric', 'value', '95 % interval'] : ['metric', 'value'];
  const columns = Object.keys(perLabel[0]?.scores ?? {});
  const labelRows = perLabel.map(({ label, scores }) => [
    label,
    ...columns.map((name) => (name === 'support' ? String(scores[name]) : decimal(scores[name] ?? null))),
  ]);
  const labels = perLabel.map(({ label }) => label);
  return [
    `${task}, ${n} examples${bootstrap ? ` (intervals: ${bootstrap.draws} bootstrap draws)` : ''}`,
    '',
    ...textTable([heading, ...metricRows]),
    '',
    ...textTable([['label', ...columns], ...labelRows]),
    ...(confusion ? ['', ...formatConfusion(confusion, labels)] : []),
  ];
}

/** The matrix where it fits the width, else its largest entries off the diagonal. */
function formatConfusion(confusion: ConfusionMatrix, labels: readonly string[]): string[] {
  const lines = textTable([
    ['true \\ predicted', ...labels],
    ...confusion.map((row, k) => [labels[k]!, ...row.map(String)]),
  ]);
  if (lines.every((line) => line.length <= maxColumns)) return lines;
  const pairs = confusion
    .flatMap((row, t) => row.map((count, p) => ({ count, t, p })))
    .filter(({ count, t, p }) => t !== p && count > 0)
    .sort((a, b) => b.count - a.count)
    .slice(0, maxPairs);
  return textTable([
    ['most often confused: true', 'predicted', 'examples'],
    ...pairs.map(({ count, t, p }) => [labels[t]!, labels[p]!, String(count)]),
  ]);
}

const decimal = (value: number | null): string => (value === null ? 'n/a' : value.toFixed(4));
