import type { Turn } from '../text/prompt.ts';
import { withoutC1 } from './windows-1252.ts';

/** What {@link cleanText} can change, in the order it does. */
export const cleaningSteps = [
  'lineEndings',
  'misreadCharacters',
  'controlCharacters',
  'loneSurrogates',
  'outerWhiteSpace',
] as const;
export type CleaningStep = (typeof cleaningSteps)[number];

/** The number of texts that each step changed. */
export type CleaningCounts = Readonly<Record<CleaningStep, number>>;

const steps: Readonly<Record<CleaningStep, (text: string) => string>> = {
  lineEndings: (text) => text.replace(/\r\n?/g, '\n'),
  misreadCharacters: withoutC1,
  // \p{Cc} without \n and \t, and without the C1 codes that Windows-1252 has no character for
  controlCharacters: (text) => text.replace(/[^\P{Cc}\n\t\u0080-\u009f]/gu, ''),
  loneSurrogates: (text) => text.replace(/\p{Surrogate}/gu, '\ufffd'),
  outerWhiteSpace: (text) => text.trim(),
};

/**
 * Removes from a text what carries no meaning and breaks tokenizers; case, emoji, hashtags, masks and inner white
 * space stay. In this order: `\r\n` and `\r` become `\n`; Windows-1252 characters that were read as Latin-1 are
 * restored, see {@link withoutC1}; C0 control characters other than `\n` and `\t`, and DEL, are removed; a lone surrogate
 * becomes U+FFFD; white space at both ends goes. Idempotent.
 *
 * @returns the text, and the steps that changed it. A text of white space only comes back empty.
 */
export function cleanText(text: string): { readonly text: string; readonly changed: readonly CleaningStep[] } {
  let current = text;
  const changed: CleaningStep[] = [];
  for (const step of cleaningSteps) {
    const next = steps[step](current);
    if (next !== current) changed.push(step);
    current = next;
  }
  return { text: current, changed };
}

/** The turns before a text, cleaned as texts are; those that come out empty say nothing. */
export const cleanTurns = (turns: readonly Turn[]): Turn[] =>
  turns.map((turn) => ({ ...turn, text: cleanText(turn.text).text })).filter(({ text }) => text !== '');
