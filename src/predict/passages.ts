import { DataError } from '../core/errors.ts';
import { cleanText, cleanTurns } from '../data/clean.ts';
import type { Passage } from '../text/encoder.ts';

/**
 * Texts cleaned as those of training are, with the turns before them.
 *
 * @throws DataError naming the first text that is empty.
 */
export function cleanPassages(texts: readonly (string | Passage)[]): Passage[] {
  const passages = texts.map(cleanPassage);
  const empty = passages.findIndex(({ text }) => text === '');
  if (empty >= 0) throw new DataError(`text ${empty} of ${texts.length} is empty: there is nothing to classify`);
  return passages;
}

function cleanPassage(given: string | Passage): Passage {
  const { text, context = [] } = typeof given === 'string' ? { text: given } : given;
  return { text: cleanText(text).text, context: cleanTurns(context) };
}
