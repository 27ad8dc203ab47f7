import {
  type Example,
  mapSplits,
  type PerSplit,
  perSplit,
  type SomeSplits,
  type SplitName,
  splitNames,
} from './example.ts';
import { groupBy } from './group.ts';
import { textKey } from './text-key.ts';

/** Texts of `from` that are also in `into`. */
export interface Leak {
  readonly from: SplitName;
  readonly into: SplitName;
  /** Distinct texts that are the same character by character. */
  readonly exact: number;
  /** Distinct texts that are the same up to look ({@link textKey}); includes the exact ones. */
  readonly normalised: number;
}

/** Texts with the same key that do not have the same target. */
export interface Conflicts {
  readonly texts: number;
  readonly examples: number;
  /** Up to three ids of each of the first five texts. */
  readonly first: readonly (readonly string[])[];
}

/** What {@link audit} finds; nothing is changed. */
export interface Audit {
  /** Examples whose exact text came before in the same split. */
  readonly duplicates: PerSplit<number>;
  /** Examples whose text came before in the same split up to look; includes the exact ones. */
  readonly nearDuplicates: PerSplit<number>;
  /** Over all splits together. */
  readonly conflicts: Conflicts;
  /** One per pair of splits that share a text. */
  readonly leaks: readonly Leak[];
}

/**
 * Finds duplicates within splits, texts in several splits, and equal texts with different targets.
 * Equal means exactly, or by {@link textKey}.
 */
export function audit(splits: SomeSplits): Audit {
  const texts = perSplit((name) => (splits[name] ?? []).map(({ text }) => text));
  const keys = perSplit((name) => texts[name].map(textKey));
  return {
    duplicates: perSplit((name) => texts[name].length - new Set(texts[name]).size),
    nearDuplicates: perSplit((name) => keys[name].length - new Set(keys[name]).size),
    conflicts: findConflicts(splitNames.flatMap((name) => splits[name] ?? [])),
    leaks: findLeaks(texts, keys),
  };
}

function findConflicts(examples: readonly Example[]): Conflicts {
  const groups = [...groupBy(examples, ({ text }) => textKey(text)).values()].filter(
    (group) => new Set(group.map(({ target }) => target.join())).size > 1,
  );
  return {
    texts: groups.length,
    examples: groups.reduce((n, group) => n + group.length, 0),
    first: groups.slice(0, 5).map((group) => group.slice(0, 3).map(({ id }) => id)),
  };
}

const pairs = [
  { from: 'validation', into: 'train' },
  { from: 'test', into: 'train' },
  { from: 'test', into: 'validation' },
] as const;

function findLeaks(texts: PerSplit<readonly string[]>, keys: PerSplit<readonly string[]>): Leak[] {
  return pairs
    .map(({ from, into }) => ({
      from,
      into,
      exact: shared(texts[from], texts[into]),
      normalised: shared(keys[from], keys[into]),
    }))
    .filter(({ normalised }) => normalised > 0);
}

function shared(a: readonly string[], b: readonly string[]): number {
  const other = new Set(b);
  return [...new Set(a)].filter((item) => other.has(item)).length;
}

/**
 * Without examples that repeat an earlier one: same {@link textKey} and same target. Equal texts with different
 * targets all stay: which label is right is for a person to say ({@link audit} lists them).
 */
export function removeDuplicates(examples: readonly Example[]): readonly Example[] {
  const seen = new Set<string>();
  return examples.filter(({ text, target }) => {
    const key = `${target.join()}\n${textKey(text)}`;
    return !seen.has(key) && seen.add(key);
  });
}

/**
 * Removes from train every text that is in validation or test, and from validation every text that is in test, by
 * {@link textKey}. Test stays as it is, so that scores compare with those of others.
 */
export function removeLeaks(splits: SomeSplits): SomeSplits {
  const keys = perSplit((name) => new Set((splits[name] ?? []).map(({ text }) => textKey(text))));
  const later: PerSplit<readonly SplitName[]> = { train: ['validation', 'test'], validation: ['test'], test: [] };
  return mapSplits(splits, (examples, name) =>
    examples.filter(({ text }) => !later[name].some((other) => keys[other].has(textKey(text)))),
  );
}
