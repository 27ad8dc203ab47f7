import { ConfigError, DataError } from '../core/errors.ts';
import { random } from '../core/random.ts';
import { hasValues, type Task } from '../core/task.ts';
import type { Examples } from './example.ts';

/** How many examples there are, and how many hold each label. */
export interface LabelCounts {
  readonly size: number;
  readonly held: readonly number[];
}

/**
 * Counts the labels of examples.
 *
 * @param places of the examples that count, each as often as it stands there. Default: all, once.
 */
export async function countLabels(examples: Examples, labels: number, places?: Uint32Array): Promise<LabelCounts> {
  const times = places && new Uint32Array(examples.length);
  if (times) for (const place of places) times[place]!++;
  const held = new Array<number>(labels).fill(0);
  let place = 0;
  for await (const target of examples.targets()) {
    const count = times ? times[place]! : 1;
    for (let k = 0; k < labels; k++) if (target[k] === 1) held[k]! += count;
    place++;
  }
  return { size: places?.length ?? examples.length, held };
}

/**
 * A weight per class that makes all classes count the same in the loss.
 *
 *     w_k = n / (K · n_k)
 *
 * with n examples, K classes and n_k examples of class k: what scikit-learn calls `balanced`.
 *
 * @throws DataError if a class has no example.
 */
export function classWeights(counts: LabelCounts, labels: readonly string[]): number[] {
  checkHeld(counts, labels, 'class weights');
  return counts.held.map((count) => counts.size / (labels.length * count));
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
  counts: LabelCounts,
  labels: readonly string[],
  { cap = 20 }: { readonly cap?: number } = {},
): number[] {
  checkHeld(counts, labels, 'pos weights');
  return counts.held.map((count) => Math.min(cap, (counts.size - count) / count) || 1);
}

function checkHeld({ size, held }: LabelCounts, labels: readonly string[], what: string): void {
  const without = labels.filter((_, k) => held[k] === 0);
  if (without.length > 0)
    throw new DataError(
      `${what}: no train example of ${without.join(', ')} among ${size}; ` +
        'add examples, leave the label out, or train without weights',
    );
}

export interface BalanceOptions {
  readonly task: Task;
  readonly seed: number;
  /** Only the first examples count, and are chosen from. Default: all. */
  readonly limit?: number | undefined;
}

/**
 * The places of all examples, and again of those of smaller classes until every class is as large as the largest. Each
 * example of a class is repeated as often as any other, up to one. Repeats come last, shuffled. An example with several
 * labels is of the class of its rarest label, one without any of a class of its own.
 *
 * @throws ConfigError if targets are values.
 */
export async function oversample(examples: Examples, options: BalanceOptions): Promise<Uint32Array> {
  const { classes, sizes } = await classesOf(examples, 'oversample', options);
  const rng = random(options.seed).fork('oversample');
  const largest = Math.max(0, ...sizes);
  const members = byClass(classes, sizes, rng.permutation(classes.length));
  const counts = sizes.map((size) => (size === 0 ? 0 : largest - size));
  const repeats = new Uint32Array(counts.reduce((n, count) => n + count, 0));
  let at = 0;
  for (const [k, count] of counts.entries())
    for (let i = 0; i < count; i++) repeats[at++] = members[k]![i % sizes[k]!]!;
  const places = new Uint32Array(classes.length + repeats.length);
  for (let place = 0; place < classes.length; place++) places[place] = place;
  for (const [i, from] of rng.permutation(repeats.length).entries()) places[classes.length + i] = repeats[from]!;
  return places;
}

/**
 * The places of as many examples of every class as the smallest has, chosen at random, in their order. Classes as in
 * {@link oversample}.
 *
 * @throws ConfigError if targets are values.
 */
export async function undersample(examples: Examples, options: BalanceOptions): Promise<Uint32Array> {
  const { classes, sizes } = await classesOf(examples, 'undersample', options);
  const rng = random(options.seed).fork('undersample');
  const present = sizes.filter((size) => size > 0);
  const smallest = Math.min(...present);
  const places = new Uint32Array(present.length * (present.length === 0 ? 0 : smallest));
  let at = 0;
  for (const members of byClass(classes, sizes, rng.permutation(classes.length))) {
    places.set(members.subarray(0, smallest), at);
    at += Math.min(smallest, members.length);
  }
  return places.sort();
}

/** The places of each class in the given order. */
function byClass(classes: Uint32Array, sizes: readonly number[], order: Uint32Array): Uint32Array[] {
  const members = sizes.map((size) => new Uint32Array(size));
  const next = sizes.map(() => 0);
  for (const place of order) {
    const k = classes[place]!;
    members[k]![next[k]!++] = place;
  }
  return members;
}

async function classesOf(
  examples: Examples,
  what: string,
  { task, limit = Number.POSITIVE_INFINITY }: BalanceOptions,
): Promise<{ readonly classes: Uint32Array; readonly sizes: number[] }> {
  if (hasValues(task))
    throw new ConfigError(`${what}: needs labels, the task is ${task}: it has no classes; train without balancing`);
  const size = Math.min(examples.length, limit);
  const rarest = task === 'multi_label_classification' ? await rarestLabel(examples, size) : undefined;
  const classes = new Uint32Array(size);
  const sizes: number[] = [];
  await eachTarget(examples, size, (target, place) => {
    const k = rarest?.(target) ?? target.indexOf(1);
    while (sizes.length <= k) sizes.push(0);
    classes[place] = k;
    sizes[k]!++;
  });
  return { classes, sizes };
}

/** Of a target's labels the one that the fewest examples hold, the first of equals; without labels a number of its own. */
async function rarestLabel(examples: Examples, size: number): Promise<(target: readonly number[]) => number> {
  const held: number[] = [];
  await eachTarget(examples, size, (target) => {
    for (const [k, value] of target.entries()) held[k] = (held[k] ?? 0) + value;
  });
  return (target) => {
    let rarest = target.length;
    for (let k = 0; k < target.length; k++)
      if (target[k] === 1 && (rarest === target.length || held[k]! < held[rarest]!)) rarest = k;
    return rarest;
  };
}

async function eachTarget(
  examples: Examples,
  size: number,
  visit: (target: readonly number[], place: number) => void,
): Promise<void> {
  let place = 0;
  for await (const target of examples.targets()) {
    if (place === size) break;
    visit(target, place++);
  }
}
