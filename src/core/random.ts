/** Seeded randomness: every random choice takes one of these explicitly, so a seed reproduces a run. */
export interface Random {
  /** The next 32 random bits, an integer in [0, 2³²). */
  bits(): number;
  /** Uniform in [0, 1), with 53 random bits. */
  uniform(): number;
  /** Standard normal (Box-Muller). */
  normal(): number;
  /** Uniform integer in [0, n). */
  integer(n: number): number;
  /** A shuffled copy (Fisher-Yates). */
  shuffle<T>(items: readonly T[]): T[];
  /** Shuffles numbers where they are (Fisher-Yates); returns them. */
  shuffleInPlace(items: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer>;
  /** The numbers from 0 to n − 1 in random order, 4 bytes each. */
  permutation(n: number): Uint32Array<ArrayBuffer>;
  /** An independent generator for the named purpose: drawing from it does not move this one. */
  fork(purpose: string | number): Random;
}

/**
 * 32-bit finaliser of MurmurHash3: a bijection on uint32 whose output bits each depend on every input bit.
 * The dropout masks inside the graph use the same function (graph/ops/random.ts).
 */
export function mix32(x: number): number {
  let h = x >>> 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** Hash of a string or of several integers to uint32, order-sensitive. */
export function hash32(...parts: readonly (string | number)[]): number {
  let h = 0x9e3779b9;
  for (const part of parts) {
    if (typeof part === 'number') h = mix32(Math.imul(h, 31) + part);
    else for (let i = 0; i < part.length; i++) h = mix32(Math.imul(h, 31) + part.charCodeAt(i));
  }
  return h >>> 0;
}

/** Two times 32 bits: what {@link hash64} fills, high word first. */
export type Hash64 = Uint32Array<ArrayBuffer>;

/**
 * Hash of a string to 64 bits, written to `into` from place `at`: two lanes like {@link hash32}'s that start and
 * multiply differently. Of n strings, some two share a hash with a probability of about n² / 2⁶⁵: 3 · 10⁻⁶ for ten
 * million.
 */
export function hash64(text: string, into: Hash64, at = 0): void {
  let high = 0x9e3779b9;
  let low = 0x7f4a7c15;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    high = mix32(Math.imul(high, 31) + code);
    low = mix32(Math.imul(low, 0x01000193) ^ code);
  }
  into[at] = high;
  into[at + 1] = low;
}

/** A generator from a seed: sfc32 (Doty-Humphrey, PractRand), state expanded from the seed by {@link mix32}. */
export function random(seed: number): Random {
  let a = mix32(seed ^ 0x9e3779b9);
  let b = mix32(a + 0x7f4a7c15);
  let c = mix32(b + (seed >>> 0));
  let counter = 1;
  let spare: number | undefined;
  const bits = (): number => {
    const t = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + t;
    c |= 0;
    return t >>> 0;
  };
  for (let i = 0; i < 12; i++) bits();
  const uniform = (): number => ((bits() >>> 5) * 67108864 + (bits() >>> 6)) / 9007199254740992;
  const integer = (n: number): number => Math.floor(uniform() * n);
  const shuffleInPlace = (items: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> => {
    for (let i = items.length - 1; i > 0; i--) {
      const j = integer(i + 1);
      const item = items[i]!;
      items[i] = items[j]!;
      items[j] = item;
    }
    return items;
  };
  return {
    bits,
    uniform,
    integer,
    normal() {
      if (spare !== undefined) {
        const z = spare;
        spare = undefined;
        return z;
      }
      const r = Math.sqrt(-2 * Math.log(1 - uniform()));
      const angle = 2 * Math.PI * uniform();
      spare = r * Math.sin(angle);
      return r * Math.cos(angle);
    },
    shuffle(items) {
      const out = [...items];
      for (let i = out.length - 1; i > 0; i--) {
        const j = integer(i + 1);
        [out[i], out[j]] = [out[j]!, out[i]!];
      }
      return out;
    },
    shuffleInPlace,
    permutation(n) {
      const numbers = new Uint32Array(n);
      for (let i = 0; i < n; i++) numbers[i] = i;
      return shuffleInPlace(numbers);
    },
    fork: (purpose) => random(hash32(seed, purpose)),
  };
}
