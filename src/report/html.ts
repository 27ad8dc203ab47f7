/** Markup that may stand in a page as it is. Made by {@link html} alone, so that no text becomes markup by oversight. */
export interface Html {
  readonly markup: string;
}

type Part = string | number | Html | undefined | readonly Part[];

/**
 * A template whose values are escaped, in content and in quoted attributes; markup, and lists of any of these, go in as
 * they are, undefined as nothing.
 *
 * @example html`<p title="${title}">${text}</p>`
 */
export const html = (template: TemplateStringsArray, ...parts: readonly Part[]): Html => ({
  markup: template.map((literal, i) => literal + (i < parts.length ? markupOf(parts[i]) : '')).join(''),
});

function markupOf(part: Part): string {
  if (part === undefined) return '';
  if (typeof part === 'string') return escaped(part);
  if (typeof part === 'number') return String(part);
  return 'markup' in part ? part.markup : part.map(markupOf).join('');
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Characters that a page may not hold become U+FFFD. */
const escaped = (text: string): string =>
  text
    .toWellFormed()
    .replace(/[^\P{Cc}\n\t]/gu, '\ufffd')
    .replace(/[&<>"']/g, (character) => entities[character]!);
