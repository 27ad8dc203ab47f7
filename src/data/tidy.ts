import { type Audit, audit, removeDuplicates, removeLeaks } from './audit.ts';
import { type CleaningCounts, type CleaningStep, cleanExamples, cleaningSteps } from './clean.ts';
import { mapSplits, type PerSplit, perSplit, type SomeSplits, type SplitName, splitNames } from './example.ts';

/** Splits without what should not be trained on, and what was found and changed on the way. */
export interface Tidied {
  readonly splits: SomeSplits;
  /** The number of texts each cleaning step changed. */
  readonly cleaned: CleaningCounts;
  /** Examples whose text came out of cleaning empty. */
  readonly dropped: number;
  /** Duplicates, conflicting labels and leaks of the cleaned texts, before any removal. */
  readonly audit: Audit;
  /** Examples removed because they repeat one of train, or because their text is in a later split. */
  readonly removed: { readonly duplicates: number; readonly leaks: PerSplit<number> };
}

/**
 * Cleans all texts, audits them, removes leaks from train and validation, and then the duplicates left in train.
 * Duplicates in validation and test stay, so that scores compare with those of others.
 */
export function tidy(splits: SomeSplits): Tidied {
  const parts = perSplit((name) => cleanExamples(splits[name] ?? []));
  const cleaned = mapSplits(splits, (_, name) => parts[name].kept);
  const unleaked = removeLeaks(cleaned);
  const distinct = mapSplits(unleaked, (examples, name) => (name === 'train' ? removeDuplicates(examples) : examples));
  const lost = (before: SomeSplits, after: SomeSplits, name: SplitName): number =>
    (before[name]?.length ?? 0) - (after[name]?.length ?? 0);
  const changed = (step: CleaningStep): number => splitNames.reduce((n, name) => n + parts[name].counts[step], 0);
  return {
    splits: distinct,
    cleaned: Object.fromEntries(cleaningSteps.map((step) => [step, changed(step)])) as CleaningCounts,
    dropped: splitNames.reduce((n, name) => n + parts[name].dropped.length, 0),
    audit: audit(cleaned),
    removed: {
      duplicates: lost(unleaked, distinct, 'train'),
      leaks: perSplit((name) => lost(cleaned, unleaked, name)),
    },
  };
}
