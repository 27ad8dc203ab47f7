const shown = 80;

/** A value that someone else wrote, for a message: as JSON, cut to 80 characters, however long or deeply nested it is. */
export function quoted(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(cut(value));
  try {
    return cut(JSON.stringify(value) ?? String(value));
  } catch (error) {
    if (error instanceof RangeError) return Array.isArray(value) ? '[[…' : '{…'; // too deep to write down
    throw error;
  }
}

/** A text of at most 80 characters, with an ellipsis for what is left out. */
export function cut(text: string): string {
  if (text.length <= shown) return text;
  const characters = Array.from(text.slice(0, 2 * shown)); // no half of a surrogate pair
  return characters.length <= shown && text.length <= 2 * shown ? text : `${characters.slice(0, shown).join('')}…`;
}

/** The first of some names, and how many more there are. */
export const listed = (names: readonly string[], most: number): string =>
  names.slice(0, most).join(', ') + (names.length > most ? ` and ${names.length - most} more` : '');
