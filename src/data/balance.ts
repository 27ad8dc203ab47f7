import { ConfigError, DataError } from '../core/errors.ts';
import { random } from '../core/random.ts';
import type { Task } from '../core/task.ts';
import { countLabels, type Example, uniqueId } from './example.ts';
import { groupBy } from './group.ts';

/**
 * A weight per class that makes all classes count the same in the loss.
 *
 *     w_k = n / (K · n_k)
 *
 * with n examples, K classes and n_k examples of class k: what scikit-learn calls `balanced`.
 *
 * @throws DataError if a class has no example.
 */
export function classWeights(examples: readonly Example[], labels: readonly string[]): number[] {
  const counts = countHeld(examples, labels, 'class weights');
  return counts.map((count) => examples.length / (labels.length * count));
}

/**
 * A weight per label for the positive term of a binary cross-entropy: negatives / positives, at most `cap`, because a
 * label with a handful of positives would otherwise drown the others.
 *
 *     w_k = min(cap, (n − n_k) / n_k), and 1 for a label that always holds
 *
 * @throws DataError if a label has no positive example.
 */
export function posWeights(
  examples: readonly Example[],
  labels: readonly string[],
  { cap = 20 }: { readonly cap?: number } = {},
): number[] {
  const counts = countHeld(examples, labels, 'pos weights');
  return counts.map((count) => Math.min(cap, (examples.length - count) / count) || 1);
}

function countHeld(examples: readonly Example[], labels: readonly string[], what: string): readonly number[] {
  const counts = countLabels(examples, labels.length);
  const without = labels.filter((_, k) => counts[k] === 0);
  if (without.length > 0)
    throw new DataError(
      `${what}: no train example of ${without.join(', ')} among ${examples.length}; ` +
        'add examples, leave the label out, or train without weights',
    );
  return counts;
}

export interface BalanceOptions {
  readonly task: Task;
  readonly seed: number;
}

/**
 * All examples, and repeats of those of smaller classes until every class is as large as the largest. Each example of
 * a class is repeated as often as any other, up to one. Repeats get ids such as `x#2` and come last, shuffled.
 *
 * @throws ConfigError if the task is not single-label.
 */
export function oversample(examples: readonly Example[], options: BalanceOptions): readonly Example[] {
  const classes = classesOf(examples, 'oversample', options);
  const rng = random(options.seed).fork('oversample');
  const largest = Math.max(0, ...classes.map((group) => group.length));
  const taken = new Set(examples.map(({ id }) => id));
  const repeats = classes.flatMap((group) => {
    const order = rng.shuffle(group);
    return Array.from({ length: largest - group.length }, (_, i) => order[i % order.length]!);
  });
  return [...examples, ...rng.shuffle(repeats).map((example) => ({ ...example, id: uniqueId(example.id, taken) }))];
}

/**
 * As many examples of every class as the smallest has, chosen at random, in their order.
 *
 * @throws ConfigError if the task is not single-label.
 */
export function undersample(examples: readonly Example[], options: BalanceOptions): readonly Example[] {
  const classes = classesOf(examples, 'undersample', options);
  const rng = random(options.seed).fork('undersample');
  const smallest = Math.min(...classes.map((group) => group.length));
  const kept = new Set(classes.flatMap((group) => rng.shuffle(group).slice(0, smallest)));
  return examples.filter((example) => kept.has(example));
}

function classesOf(examples: readonly Example[], what: string, { task }: BalanceOptions): readonly Example[][] {
  const wayOut: Readonly<Record<Task, string | undefined>> = {
    single_label_classification: undefined,
    multi_label_classification: 'repeating a text for one of its labels repeats the others; use pos weights',
    regression: 'it has no classes; train without balancing',
  };
  if (wayOut[task] !== undefined)
    throw new ConfigError(`${what}: needs single_label_classification, the task is ${task}: ${wayOut[task]}`);
  return [...groupBy(examples, ({ target }) => target.indexOf(1)).values()];
}
