/** What is known about the place the output goes to. */
import type { WriteStream } from 'node:tty';
import { stripVTControlCharacters, styleText } from 'node:util';

/** Ways to emphasise text; without colours they leave it as it is. */
export interface Style {
  readonly bold: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly red: (text: string) => string;
  readonly green: (text: string) => string;
  readonly yellow: (text: string) => string;
  readonly cyan: (text: string) => string;
}

const inColour = (format: keyof Style) => (text: string) => styleText(format, text, { validateStream: false });
const asIs = (text: string): string => text;

export const coloured: Style = {
  bold: inColour('bold'),
  dim: inColour('dim'),
  red: inColour('red'),
  green: inColour('green'),
  yellow: inColour('yellow'),
  cyan: inColour('cyan'),
};

export const plain: Style = { bold: asIs, dim: asIs, red: asIs, green: asIs, yellow: asIs, cyan: asIs };

/** Colours on a terminal, unless NO_COLOR is set (no-color.org) or the terminal has none. */
export function styleFor(stream: { readonly isTTY?: boolean }): Style {
  const { NO_COLOR, TERM } = process.env;
  return stream.isTTY && !NO_COLOR && TERM !== 'dumb' ? coloured : plain;
}

/** Columns of the terminal; `fallback` where there is none. */
export const columnsOf = (stream: Partial<Pick<WriteStream, 'columns'>>, fallback = 80): number =>
  stream.columns && stream.columns > 0 ? stream.columns : fallback;

const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' });
const wide = /\p{Emoji_Presentation}|[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60]/u;

const widthOf = (grapheme: string): number => (wide.test(grapheme) ? 2 : 1);

/** Columns a text takes: escape sequences none, Chinese characters and emoji two. */
export function displayWidth(text: string): number {
  const visible = stripVTControlCharacters(text);
  let width = 0;
  for (const { segment } of graphemes.segment(visible)) width += widthOf(segment);
  return width;
}

/** A text without escape sequences cut to `width` columns; `…` marks the cut. */
export function cutTo(text: string, width: number): string {
  if (displayWidth(text) <= width) return text;
  let out = '';
  let used = 1;
  for (const { segment } of graphemes.segment(text)) {
    used += widthOf(segment);
    if (used > width) break;
    out += segment;
  }
  return `${out}…`;
}
