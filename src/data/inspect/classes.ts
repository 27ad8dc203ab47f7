import type { DataReport } from '../report.ts';
import type { SplitSummary } from '../summary.ts';

/** How even the classes of a split are. */
export interface ClassBalance {
  /** Labels that no example of the split holds. */
  readonly empty: readonly string[];
  /** Those that fewest and most examples hold, among the labels that any holds, and how often. */
  readonly fewest: readonly [label: string, count: number];
  readonly most: readonly [label: string, count: number];
  /** The count of the most frequent over that of the rarest. */
  readonly ratio: number;
}

/** Undefined for values, and for a split without labels. */
export function classBalance(
  { labels }: Pick<DataReport, 'labels'>,
  { counts }: SplitSummary,
): ClassBalance | undefined {
  const named = counts.map((count, k) => [labels[k]!, count] as const);
  const held = named.filter(([, count]) => count > 0).sort(([, a], [, b]) => a - b);
  const [fewest, most] = [held[0], held.at(-1)];
  if (!fewest || !most) return undefined;
  const empty = named.filter(([, count]) => count === 0).map(([label]) => label);
  return { empty, fewest, most, ratio: most[1] / fewest[1] };
}

/** Two labels that the same examples hold. */
export interface LabelPair {
  readonly a: number;
  readonly b: number;
  readonly count: number;
  /** The count over that expected of independent labels: N · N_ab / (N_a · N_b). */
  readonly lift: number;
}

/** The pairs of labels that are held together, most often first. `n`: all examples. */
export function labelPairs(together: readonly (readonly number[])[], n: number): LabelPair[] {
  return together
    .flatMap((row, a) =>
      row.map((count, b) => ({ a, b, count, lift: (n * count) / (together[a]![a]! * together[b]![b]!) })),
    )
    .filter(({ a, b, count }) => a < b && count > 0)
    .sort((x, y) => y.count - x.count);
}
