/** Writing scripts that are told apart; letters of rarer ones count as `Other`. Names of the Unicode property Script. */
const scripts =
  'Latin Arabic Cyrillic Han Hiragana Katakana Hangul Devanagari Bengali Gurmukhi Gujarati Oriya Tamil Telugu Kannada Malayalam Sinhala Thai Lao Tibetan Myanmar Khmer Greek Hebrew Armenian Georgian Ethiopic Mongolian Syriac Thaana Cherokee Canadian_Aboriginal Nko Tifinagh Javanese Balinese Bopomofo Yi'.split(
    ' ',
  );
const other = scripts.length;
const noLetter = other + 1;
const notYetSeen = 255;

/** How much is written in one script. */
export interface ScriptShare {
  readonly script: string;
  /** Texts that have more letters of it than of any other; for `none`, texts without letters. */
  readonly texts: number;
  readonly letters: number;
}

/**
 * Counts letters by the Unicode property Script, and texts by the script of most of their letters.
 *
 * @see Unicode Standard Annex 24, Unicode Script Property.
 */
export class ScriptTally {
  readonly #patterns = scripts.map((name) => new RegExp(`^\\p{Script=${name}}$`, 'u'));
  readonly #scriptOf = new Uint8Array(0x110000).fill(notYetSeen);
  readonly #texts = new Float64Array(noLetter + 1);
  readonly #letters = new Float64Array(noLetter + 1);
  readonly #own = new Uint32Array(noLetter);

  take(text: string): void {
    const own = this.#own.fill(0);
    for (const character of text) {
      const script = this.#script(character);
      if (script !== noLetter) own[script]!++;
    }
    let most = noLetter;
    for (const [script, count] of own.entries()) {
      this.#letters[script]! += count;
      if (count > (own[most] ?? 0)) most = script;
    }
    this.#texts[most]!++;
  }

  #script(character: string): number {
    const code = character.codePointAt(0)!;
    const known = this.#scriptOf[code]!;
    if (known !== notYetSeen) return known;
    const found = /^\p{L}$/u.test(character)
      ? this.#patterns.findIndex((pattern) => pattern.test(character))
      : noLetter;
    this.#scriptOf[code] = found < 0 ? other : found;
    return this.#scriptOf[code];
  }

  /** The scripts there are, those of most texts first. */
  shares(): ScriptShare[] {
    return [...scripts, 'Other', 'none']
      .map((script, s) => ({ script, texts: this.#texts[s]!, letters: this.#letters[s]! }))
      .filter(({ texts, letters }) => texts > 0 || letters > 0)
      .sort((a, b) => b.texts - a.texts || b.letters - a.letters);
  }
}
