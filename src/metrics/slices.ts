/** How good a system is on parts of the examples. */
import type { Task } from '../core/task.ts';
import { quantile } from './bootstrap.ts';
import { type Answers, type EvaluateOptions, evaluate, type Metric, type Rows } from './evaluate.ts';

/** Something by which examples are told apart: a number or a name for each, or nothing. */
export interface SliceBy {
  readonly name: string;
  readonly values: readonly (string | number | undefined)[];
}

/** The examples of which something is true, and how good the answers to them are: {@link sliceMetric}. */
export interface Slice {
  readonly name: string;
  /** `travel`, or `12..20`. */
  readonly value: string;
  readonly n: number;
  readonly metric: Metric;
}

/**
 * What slices are compared by. Macro F1 would count classes that a slice does not hold as 0, and a correlation is small
 * where targets differ little.
 */
export const sliceMetric: Readonly<Record<Task, string>> = {
  single_label_classification: 'accuracy',
  multi_label_classification: 'microF1',
  regression: 'mae',
  ordinal_regression: 'mae',
};

/** Names that stand for themselves; what is rarer is taken together. */
const MOST_NAMES = 20;

/**
 * Scores of the parts of the examples: by each name, or by the quarters of numbers, with intervals.
 *
 * @throws as {@link evaluate}.
 */
export function slices(
  task: Task,
  labels: readonly string[],
  { targets, ...answers }: Answers & { readonly targets: Rows },
  by: readonly SliceBy[],
  options: Pick<EvaluateOptions, 'bootstrap'> = {},
): Slice[] {
  return by.flatMap(({ name, values }) => {
    const part = partOf(values);
    const parts = new Map<string, number[]>();
    for (const [place, value] of values.entries()) {
      const key = part.nameOf(value);
      const places = parts.get(key) ?? [];
      parts.set(key, places);
      places.push(place);
    }
    return [...parts].sort(part.order).map(([value, places]) => {
      const pick = (rows: Rows) => places.map((place) => rows[place]!);
      const rows = { targets: pick(targets), scores: pick(answers.scores) };
      const { metrics } = evaluate(task, labels, rows, { ...answers, ...options });
      return { name, value, n: places.length, metric: metrics[sliceMetric[task]]! };
    });
  });
}

interface Part {
  readonly nameOf: (value: string | number | undefined) => string;
  readonly order: (a: readonly [string, readonly number[]], b: readonly [string, readonly number[]]) => number;
}

const none = '(none)';
const other = '(other)';

function partOf(values: SliceBy['values']): Part {
  const numbers = values.filter((value) => typeof value === 'number');
  return numbers.length > 0 && numbers.length === values.filter((value) => value !== undefined).length
    ? quarters(numbers)
    : names(values);
}

/** Quarters between the quartiles; fewer where many numbers are equal. */
function quarters(numbers: readonly number[]): Part {
  const sorted = Float64Array.from(numbers).sort();
  const ends = [...new Set([0.25, 0.5, 0.75, 1].map((q) => quantile(sorted, q)))];
  const show = (x: number): string => String(Number(x.toPrecision(4)));
  const called = ends.map((end, i) => `${show(i === 0 ? sorted[0]! : ends[i - 1]!)}..${show(end)}`);
  const place = (name: string): number => (called.indexOf(name) + 1 || ends.length + 1) - 1;
  return {
    nameOf: (value) => (typeof value === 'number' ? called[ends.findIndex((end) => value <= end)]! : none),
    order: ([a], [b]) => place(a) - place(b),
  };
}

function names(values: SliceBy['values']): Part {
  const counts = new Map<string, number>();
  for (const value of values) if (value !== undefined) counts.set(String(value), (counts.get(String(value)) ?? 0) + 1);
  const frequent = new Set(
    [...counts]
      .sort(([, a], [, b]) => b - a)
      .slice(0, MOST_NAMES)
      .map(([name]) => name),
  );
  return {
    nameOf: (value) => (value === undefined ? none : frequent.has(String(value)) ? String(value) : other),
    order: ([, a], [, b]) => b.length - a.length,
  };
}
