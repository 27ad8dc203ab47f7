import { type Hash64, mix32, random } from '../../core/random.ts';
import type { Example } from '../example.ts';
import { textKey } from '../text-key.ts';

/** UTF-16 units of a shingle. */
const shingleSize = 5;
/** Hashes of a band, and bands of a signature: of two texts, some band is equal with probability 1 − (1 − J⁵)¹⁶. */
const bandRows = 5;
export const bandCount = 16;

/** What an example is compared by: its text up to look, after the turns before it. */
export const comparedText = ({ text, context = [] }: Pick<Example, 'text' | 'context'>): string =>
  textKey([...context.map((turn) => turn.text), text].join('\n'));

/** The distinct runs of 5 characters (UTF-16 units) of a text; a shorter text is its only one. */
export function shinglesOf(text: string): ReadonlySet<string> {
  const shingles = new Set<string>();
  for (let i = 0; i === 0 || i + shingleSize <= text.length; i++) shingles.add(text.slice(i, i + shingleSize));
  return shingles;
}

/** Of two sets, the share of what is in either that is in both: |A ∩ B| / |A ∪ B|. */
export function jaccard(a: ReadonlySet<string>, b: ReadonlySet<string>): number {
  let both = 0;
  for (const item of a) if (b.has(item)) both++;
  return both / (a.size + b.size - both);
}

/**
 * Locality-sensitive hashes of texts: a text has a hash for each of 16 bands, and texts whose sets of shingles have
 * Jaccard similarity J share at least one with probability 1 − (1 − J⁵)¹⁶: 0.998 at 0.8, 0.4 at 0.5, 0.04 at 0.3.
 *
 * Each of the 80 hashes of a signature is the least of a text's shingles in an order of its own; two texts have the same
 * one with probability J.
 *
 * @see Broder 1997, On the resemblance and containment of documents; Leskovec, Rajaraman & Ullman 2014, Mining of
 * Massive Datasets, chapter 3.4.
 */
export class MinHash {
  readonly #seeds: Uint32Array;
  readonly #least = new Uint32Array(bandCount * bandRows);

  constructor() {
    const generator = random(0);
    this.#seeds = Uint32Array.from(this.#least, () => generator.bits());
  }

  /** Writes the hash of band b to words 2b and 2b + 1 of `into`. */
  bands(text: string, into: Hash64): void {
    const [seeds, least] = [this.#seeds, this.#least.fill(0xffffffff)];
    for (let i = 0; i === 0 || i + shingleSize <= text.length; i++) {
      const shingle = shingleHash(text, i);
      for (let s = 0; s < seeds.length; s++) {
        const hash = mix32(shingle ^ seeds[s]!);
        if (hash < least[s]!) least[s] = hash;
      }
    }
    for (let band = 0; band < bandCount; band++) {
      let [high, low] = [mix32(band), band];
      for (let s = band * bandRows; s < (band + 1) * bandRows; s++) {
        high = mix32(Math.imul(high, 31) + least[s]!);
        low = mix32(Math.imul(low, 0x01000193) ^ least[s]!);
      }
      into[2 * band] = high;
      into[2 * band + 1] = low;
    }
  }
}

function shingleHash(text: string, from: number): number {
  let hash = 0x9e3779b9;
  for (let i = from; i < Math.min(from + shingleSize, text.length); i++)
    hash = mix32(Math.imul(hash, 31) + text.charCodeAt(i));
  return hash;
}
