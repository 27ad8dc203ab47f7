import type { Task } from '../core/task.ts';
import type { Turn } from '../text/prompt.ts';

/** One text with its labels. */
export interface Example {
  /** Unique within a dataset. */
  readonly id: string;
  readonly text: string;
  /** One number per label: 1 where the label holds (single-label: one-hot), 0 elsewhere; for regression the values. */
  readonly target: readonly number[];
  /** What else the source says about the text: the columns that are not used otherwise. */
  readonly meta?: Readonly<Record<string, unknown>>;
  /** Whom or what it belongs to, such as an author or a thread: no group is in two splits. */
  readonly group?: string;
  /** What it counts in training's loss; default 1. Evaluation counts every example alike. */
  readonly weight?: number;
  /** The turns of the conversation before the text, the oldest first. */
  readonly context?: readonly Turn[];
}

export const splitNames = ['train', 'validation', 'test'] as const;
export type SplitName = (typeof splitNames)[number];

/** A value per split. */
export type PerSplit<T> = Readonly<Record<SplitName, T>>;

/** The value of `make` for each split. */
export function perSplit<T>(make: (name: SplitName) => T): PerSplit<T> {
  return { train: make('train'), validation: make('validation'), test: make('test') };
}

/** Examples in their order that need not be in memory: those of a {@link Dataset} are read from disk when asked for. */
export interface Examples extends AsyncIterable<Example> {
  readonly length: number;
  /** The examples at `places` (from 0), in the order asked for. */
  read(places: ArrayLike<number>): Promise<Example[]>;
  /** The targets alone, in order, without reading texts. */
  targets(): AsyncIterable<readonly number[]>;
}

/** Examples that are in memory: to hand on what one made oneself. */
export function examplesOf(list: readonly Example[]): Examples {
  return {
    length: list.length,
    read: async (places) => Array.from(places, (place) => list[place]!),
    async *targets() {
      for (const { target } of list) yield target;
    },
    async *[Symbol.asyncIterator]() {
      yield* list;
    },
  };
}

/** The examples at `places`, in that order, at most `size` at a time. Default: all, once. */
export async function* inParts(examples: Examples, places?: Uint32Array, size = 2048): AsyncGenerator<Example[], void> {
  if (places !== undefined) {
    for (let at = 0; at < places.length; at += size) yield await examples.read(places.subarray(at, at + size));
    return;
  }
  let part: Example[] = [];
  for await (const example of examples) {
    part.push(example);
    if (part.length < size) continue;
    yield part;
    part = [];
  }
  if (part.length > 0) yield part;
}

/** The same one by one. */
export async function* readAt(examples: Examples, places?: Uint32Array): AsyncGenerator<Example, void> {
  for await (const part of inParts(examples, places)) yield* part;
}

/** The targets of the examples at `places`, each once, in the order of the examples. Default: of all. */
export async function* targetsAt(examples: Examples, places?: Uint32Array): AsyncGenerator<readonly number[], void> {
  const chosen = places && new Set(places);
  let place = 0;
  for await (const target of examples.targets()) if (chosen?.has(place++) ?? true) yield target;
}

/** Texts ready to train on: cleaned, split, with a fixed order of labels. */
export interface Dataset {
  readonly name: string;
  readonly task: Task;
  /** `labels[k]` names `target[k]`. */
  readonly labels: readonly string[];
  readonly splits: PerSplit<Examples>;
  readonly licence?: string;
  /** The files it was read from. */
  readonly files?: readonly string[];
  /** Removes the working files that the splits are read from; they cannot be read any more. */
  close(): Promise<void>;
}

/** The names of the labels that hold for `target`. */
export const heldLabels = (target: readonly number[], labels: readonly string[]): string[] =>
  labels.filter((_, k) => target[k] === 1);
