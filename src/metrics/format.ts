/** Evaluations and comparisons as plain text. */
import { textTable } from '../core/text-table.ts';
import type { ConfusionMatrix } from './classification.ts';
import type { Comparison } from './compare.ts';
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

/** An aligned table for a terminal: every metric of both systems, the difference, its interval and p; then McNemar's test. */
export function formatComparison({ n, metrics, mcnemar, bootstrap, randomization }: Comparison): string[] {
  const rows = Object.entries(metrics).map(([name, { a, b, difference, low, high, p }]) => [
    name,
    decimal(a),
    decimal(b),
    signed(difference),
    `${signed(low)} to ${signed(high)}`,
    chance(p),
  ]);
  return [
    `A against B, ${n} examples (intervals: ${bootstrap.draws} paired bootstrap draws; p: ${randomization.draws} random swaps)`,
    '',
    ...textTable([['metric', 'A', 'B', 'A - B', '95 % interval', 'p'], ...rows]),
    ...(mcnemar
      ? [
          '',
          `right in A alone ${mcnemar.onlyA}, in B alone ${mcnemar.onlyB}: McNemar's test (${mcnemar.test}) p ${chance(mcnemar.p)}`,
        ]
      : []),
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

const signed = (value: number | null): string => `${value !== null && value >= 0 ? '+' : ''}${decimal(value)}`;
const chance = (p: number | null): string => (p !== null && p < 1e-4 ? '<0.0001' : decimal(p));
