/** Which of two systems is better on the same examples, and whether that may be chance. */
import type { Task } from '../core/task.ts';
import type { BootstrapOptions } from './bootstrap.ts';
import { type Answers, measureAnswers, orNull, type Rows } from './evaluate.ts';
import { type McNemar, mcnemar, pairedBootstrap, randomizationTest } from './significance.ts';

/** A metric of both systems, null where it is not defined. */
export interface ComparedMetric {
  readonly a: number | null;
  readonly b: number | null;
  /** a - b, which low and high enclose with 95 % confidence. */
  readonly difference: number | null;
  readonly low: number | null;
  readonly high: number | null;
  /** How often chance makes a difference as large, by approximate randomisation. */
  readonly p: number | null;
}

/** Survives JSON unchanged. */
export interface Comparison {
  readonly task: Task;
  readonly n: number;
  readonly metrics: Readonly<Record<string, ComparedMetric>>;
  /** Only in classification; right is an example with the right class, or exactly the right labels. */
  readonly mcnemar?: McNemar;
  readonly bootstrap: Required<BootstrapOptions>;
  readonly randomization: Required<BootstrapOptions>;
}

export interface CompareOptions {
  /** Of the intervals; default seed 0, 1000 draws. */
  readonly bootstrap?: Partial<BootstrapOptions>;
  /** Of the test; default seed 0, 10,000 draws. */
  readonly randomization?: Partial<BootstrapOptions>;
}

/**
 * Compares two systems by every metric of the task: paired bootstrap intervals of the differences, the paired randomisation
 * test, and McNemar's test. Scores and targets are as in {@link evaluate}; each system may have its own thresholds.
 *
 * Shapes: targets [N, K], scores of a and b [N, K], labels [K]
 *
 * @throws as {@link evaluate}.
 * @see Dror et al. 2018, The Hitchhiker's Guide to Testing Statistical Significance in NLP, ACL.
 */
export function compare(
  task: Task,
  labels: readonly string[],
  { targets, a, b }: { readonly targets: Rows; readonly a: Answers; readonly b: Answers },
  options: CompareOptions = {},
): Comparison {
  const n = targets.length;
  const bootstrap = { seed: 0, draws: 1000, ...options.bootstrap };
  const randomization = { seed: 0, draws: 10_000, ...options.randomization };
  const measured = measureAnswers(task, labels, targets, [a, b]);
  const intervals = pairedBootstrap(n, measured.metrics, bootstrap);
  const pValues = randomizationTest(n, measured.metrics, randomization);
  const ofA = measured.metrics(new Float64Array(2 * n).fill(1, 0, n));
  const ofB = measured.metrics(new Float64Array(2 * n).fill(1, n));
  const metrics = Object.keys(ofA).map((name): [string, ComparedMetric] => {
    const [inA, inB, interval, p] = [ofA[name]!, ofB[name]!, intervals[name]!, pValues[name]!];
    const ends = { low: orNull(interval.low), high: orNull(interval.high) };
    return [name, { a: orNull(inA), b: orNull(inB), difference: orNull(inA - inB), ...ends, p: orNull(p) }];
  });
  const { right } = measured;
  return {
    task,
    n,
    metrics: Object.fromEntries(metrics),
    ...(right && { mcnemar: mcnemarOf(right.slice(0, n), right.slice(n)) }),
    bootstrap,
    randomization,
  };
}

function mcnemarOf(a: readonly boolean[], b: readonly boolean[]): McNemar {
  const onlyIn = (one: readonly boolean[], other: readonly boolean[]) =>
    one.filter((right, i) => right && !other[i]).length;
  return mcnemar(onlyIn(a, b), onlyIn(b, a));
}
