/**
 * What two texts share when they say the same up to look: NFKC, lower case, white space collapsed to one space.
 * Texts with equal keys are near duplicates: they are audited, removed and split together. Idempotent.
 *
 * NFKC runs again after lowering because the lower case of a normalised text need not be normalised.
 */
export function textKey(text: string): string {
  return text.normalize('NFKC').toLowerCase().normalize('NFKC').replace(/\s+/g, ' ').trim();
}
