import { countWords } from '../../text/words.ts';
import { openWorkFolder } from '../disk/work-folder.ts';
import { type Dataset, type Example, type PerSplit, perSplit, splitNames } from '../example.ts';
import { quantiles } from '../summary.ts';
import { type GroupCounts, GroupTally } from './groups.ts';
import { NearDuplicateScan, type NearDuplicates } from './near-duplicates.ts';
import { type ScriptShare, ScriptTally } from './scripts.ts';

/** What a look at every text of a dataset finds, beside what its report says. */
export interface Inspection {
  readonly splits: PerSplit<SplitInspection>;
  /**
   * Multi-label: `together[a][b]` examples, of all splits, hold both label a and label b, in the order of the labels;
   * `together[a][a]` hold a.
   */
  readonly together?: readonly (readonly number[])[];
  readonly nearDuplicates: NearDuplicates;
}

/** A split as it is handed out. What its data does not have is absent. */
export interface SplitInspection {
  /** Text lengths in words, what white space separates, at {@link lengthQuantiles}. */
  readonly words: readonly number[];
  readonly scripts: readonly ScriptShare[];
  /** Ordinal tasks: how many examples have level 0, 1, … of each label. */
  readonly levels?: readonly (readonly number[])[];
  readonly groups?: GroupCounts;
  readonly weights?: { readonly examples: number; readonly mean: number; readonly min: number; readonly max: number };
  /** Examples with turns of a conversation before them, and how many turns. */
  readonly contexts?: { readonly examples: number; readonly meanTurns: number; readonly maxTurns: number };
}

/**
 * Reads every example of a dataset once, and near duplicates again. Memory: typed arrays of 5 bytes an example; what is
 * compared lies in a working folder among the system's temporary files meanwhile.
 */
export async function inspectDataset(dataset: Dataset): Promise<Inspection> {
  const work = await openWorkFolder();
  try {
    const near = new NearDuplicateScan(work);
    const groups = new GroupTally(work);
    const together = new TogetherTally(dataset.labels.length);
    const tallies = perSplit(() => new SplitTally(dataset));
    for (const name of splitNames)
      for await (const example of dataset.splits[name]) {
        tallies[name].take(example);
        near.add(example);
        together.take(example.target);
        if (example.group !== undefined) groups.take(example.group, name);
      }
    const grouped = await groups.counts();
    return {
      splits: perSplit((name) => ({
        ...tallies[name].result(),
        ...(grouped[name].groups === 0 ? {} : { groups: grouped[name] }),
      })),
      ...(dataset.task === 'multi_label_classification' ? { together: together.rows() } : {}),
      nearDuplicates: await near.result(dataset),
    };
  } finally {
    await work.close();
  }
}

/** Counts pairs of labels. */
class TogetherTally {
  readonly #size: number;
  readonly #counts: Float64Array;

  constructor(size: number) {
    this.#size = size;
    this.#counts = new Float64Array(size * size);
  }

  take(target: readonly number[]): void {
    for (let a = 0; a < this.#size; a++)
      if (target[a] === 1)
        for (let b = 0; b < this.#size; b++) if (target[b] === 1) this.#counts[a * this.#size + b]!++;
  }

  rows(): number[][] {
    return Array.from({ length: this.#size }, (_, a) => [
      ...this.#counts.subarray(a * this.#size, (a + 1) * this.#size),
    ]);
  }
}

class SplitTally {
  readonly #levels: number[][] | undefined;
  readonly #words = new Map<number, number>();
  readonly #scripts = new ScriptTally();
  readonly #weights = new RangeTally();
  readonly #turns = new RangeTally();
  #size = 0;

  constructor({ task, labels }: Pick<Dataset, 'task' | 'labels'>) {
    this.#levels = task === 'ordinal_regression' ? labels.map(() => []) : undefined;
  }

  take({ text, target, weight, context = [] }: Example): void {
    const words = countWords(text);
    this.#words.set(words, (this.#words.get(words) ?? 0) + 1);
    this.#scripts.take(text);
    this.#size++;
    this.#levels?.forEach((counts, k) => {
      for (let level = counts.length; level <= target[k]!; level++) counts.push(0);
      counts[target[k]!]!++;
    });
    if (weight !== undefined) this.#weights.take(weight);
    if (context.length > 0) this.#turns.take(context.length);
  }

  result(): SplitInspection {
    const [weights, turns] = [this.#weights.result(), this.#turns.result()];
    return {
      words: quantiles(this.#words, this.#size),
      scripts: this.#scripts.shares(),
      ...(this.#levels && this.#size > 0 ? { levels: this.#levels } : {}),
      ...(weights && { weights }),
      ...(turns && { contexts: { examples: turns.examples, meanTurns: turns.mean, maxTurns: turns.max } }),
    };
  }
}

class RangeTally {
  #count = 0;
  #sum = 0;
  #min = Number.POSITIVE_INFINITY;
  #max = Number.NEGATIVE_INFINITY;

  take(value: number): void {
    this.#count++;
    this.#sum += value;
    this.#min = Math.min(this.#min, value);
    this.#max = Math.max(this.#max, value);
  }

  /** Undefined where nothing was taken. */
  result() {
    if (this.#count === 0) return undefined;
    return { examples: this.#count, mean: this.#sum / this.#count, min: this.#min, max: this.#max };
  }
}
