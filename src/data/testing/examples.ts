import fc from 'fast-check';

import type { Example } from '../example.ts';

/** An example from its text and target; the id is the text unless told. */
export const example = (text: string, target: readonly number[], id = text): Example => ({ id, text, target });

/** The target of class `k` of `size`. */
export const oneHot = (k: number, size: number): number[] => Array.from({ length: size }, (_, i) => (i === k ? 1 : 0));

/** Examples with distinct texts, one per target. */
export const withTargets = (targets: readonly (readonly number[])[]): Example[] =>
  targets.map((target, i) => example(`text ${i}`, target));

/** Examples of `counts[k]` texts per class k, in any order. */
export const examplesPerClass = (counts: readonly number[]): Example[] =>
  withTargets(counts.flatMap((count, k) => Array.from({ length: count }, () => oneHot(k, counts.length))));

/** How many of `examples` hold each of `size` labels. */
export function countHeld(examples: readonly Example[], size: number): number[] {
  return Array.from({ length: size }, (_, k) => examples.filter(({ target }) => target[k] === 1).length);
}

/** Texts of which some are equal, some equal up to case and white space, and some of odd characters. */
export const texts: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom('a b', 'A  B', 'a\tb', 'ａ b', 'c', 'C', 'ﬁ', 'fi', 'İ', 'ΑΣ', 'ß'),
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.string({ unit: 'grapheme', maxLength: 12 }),
);
