import type { Task } from '../core/task.ts';

/** One text with its labels. */
export interface Example {
  /** Unique within a dataset. */
  readonly id: string;
  readonly text: string;
  /** One number per label: 1 where the label holds (single-label: one-hot), 0 elsewhere; for regression the values. */
  readonly target: readonly number[];
  /** What else the source says about the text: the columns that are neither text, label, id nor split. */
  readonly meta?: Readonly<Record<string, unknown>>;
}

export const splitNames = ['train', 'validation', 'test'] as const;
export type SplitName = (typeof splitNames)[number];

/** A value per split. */
export type PerSplit<T> = Readonly<Record<SplitName, T>>;

/** Splits as they come from a source: some may be missing. */
export type SomeSplits = Readonly<Partial<Record<SplitName, readonly Example[]>>>;

/** The value of `make` for each split. */
export function perSplit<T>(make: (name: SplitName) => T): PerSplit<T> {
  return { train: make('train'), validation: make('validation'), test: make('test') };
}

/** Each split there is, replaced. */
export function mapSplits(
  splits: SomeSplits,
  change: (examples: readonly Example[], name: SplitName) => readonly Example[],
): SomeSplits {
  const present = splitNames.filter((name) => splits[name] !== undefined);
  return Object.fromEntries(present.map((name) => [name, change(splits[name]!, name)]));
}

/** Texts ready to train on: cleaned, split, with a fixed order of labels. */
export interface Dataset {
  readonly name: string;
  readonly task: Task;
  /** `labels[k]` names `target[k]`. */
  readonly labels: readonly string[];
  readonly splits: PerSplit<readonly Example[]>;
  readonly licence?: string;
}

/** The names of the labels that hold for `target`. */
export const heldLabels = (target: readonly number[], labels: readonly string[]): string[] =>
  labels.filter((_, k) => target[k] === 1);

/** How many of `examples` hold each of `size` labels. */
export function countLabels(examples: readonly Example[], size: number): number[] {
  const counts = new Array<number>(size).fill(0);
  for (const { target } of examples) for (let k = 0; k < size; k++) counts[k]! += target[k] === 1 ? 1 : 0;
  return counts;
}

/**
 * `wanted`, or the first of `wanted#2`, `wanted#3`, … that `taken` does not hold; the result is added to `taken`.
 * Keeps ids unique when a source repeats them and when oversampling repeats examples.
 */
export function uniqueId(wanted: string, taken: Set<string>): string {
  let id = wanted;
  for (let n = 2; taken.has(id); n++) id = `${wanted}#${n}`;
  taken.add(id);
  return id;
}
