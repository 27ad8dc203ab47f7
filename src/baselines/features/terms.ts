/** What a text is cut into. */
export interface TermRule {
  /** `word`: runs of two or more letters, digits and `_`; `char_wb`: characters inside words, a space at either end. */
  readonly analyzer: 'word' | 'char_wb';
  /** The shortest and the longest n-gram. */
  readonly ngrams: readonly [shortest: number, longest: number];
}

/** Python's `\w`, of which marks are none: `(?u)\b\w\w+\b` finds the same words. */
const words = /[\p{L}\p{N}_]{2,}/gu;
/** Where Python's `str.split()` splits, but for U+001C to U+001F, which cleaning removes. */
const spaces = /\p{White_Space}+/u;

/**
 * The terms of a text in lower case, repeats included, by scikit-learn's definitions of the two analyzers.
 *
 * @see CountVectorizer of scikit-learn. Pinned by vectorizer.test.ts
 */
export function termsOf(text: string, { analyzer, ngrams }: TermRule): string[] {
  const lower = text.toLowerCase();
  return analyzer === 'word' ? wordTerms(lower.match(words) ?? [], ngrams) : characterTerms(lower, ngrams);
}

function wordTerms(found: string[], [shortest, longest]: TermRule['ngrams']): string[] {
  if (shortest === 1 && longest === 1) return found;
  const terms: string[] = [];
  for (let n = shortest; n <= longest; n++)
    for (let at = 0; at + n <= found.length; at++) terms.push(found.slice(at, at + n).join(' '));
  return terms;
}

/** A word that is shorter than the n-grams counts once. */
function characterTerms(text: string, [shortest, longest]: TermRule['ngrams']): string[] {
  const terms: string[] = [];
  for (const word of text.split(spaces)) {
    if (word === '') continue;
    const characters = [' ', ...word, ' '];
    for (let n = shortest; n <= longest; n++) {
      for (let at = 0; at === 0 || at + n <= characters.length; at++) terms.push(characters.slice(at, at + n).join(''));
      if (n >= characters.length) break;
    }
  }
  return terms;
}

/** Orders texts by their code points, as Python does; UTF-16 order differs where characters above U+FFFF occur. */
export function byCodePoint(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let at = 0; at < length; at++) {
    const [x, y] = [a.charCodeAt(at), b.charCodeAt(at)];
    if (x !== y) return isSurrogate(x) === isSurrogate(y) ? x - y : isSurrogate(x) ? 1 : -1;
  }
  return a.length - b.length;
}

const isSurrogate = (unit: number): boolean => unit >= 0xd800 && unit <= 0xdfff;
