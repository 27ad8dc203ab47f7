/** Whether two systems that answered the same examples have been told apart. */
import { random } from '../core/random.ts';
import { type BootstrapOptions, bootstrap, type Interval } from './bootstrap.ts';
import type { Weights } from './weights.ts';

/**
 * The metrics of a system whose answers are chosen, for each of N examples, from those of two: `weights` [2N] says how often
 * each answer counts, first those of A, then those of B.
 */
export type PairedMeasure<Name extends string> = (weights: Weights) => Readonly<Record<Name, number>>;

/**
 * Paired approximate randomisation: if A and B are equally good, it does not matter who gave which answer. So they swap
 * their answers to each example with a probability of 1/2, n times, and of each metric
 *
 *     p = (r + 1) / (n + 1)        r: draws with |A' - B'| ≥ |A - B|
 *
 * two-sided. A draw in which a metric is not defined counts as one with such a difference; p is NaN if the difference itself
 * is not defined. Matches the exact test of SciPy (permutation_test): significance.test.ts
 *
 * @param options `draws` is n; default 10,000.
 * @see Noreen 1989, Computer-Intensive Methods for Testing Hypotheses; Yeh 2000, arXiv:cs/0008005.
 */
export function randomizationTest<Name extends string>(
  examples: number,
  measure: PairedMeasure<Name>,
  { seed, draws = 10_000 }: BootstrapOptions,
): Record<Name, number> {
  const generator = random(seed);
  const given = new Float64Array(2 * examples).fill(1, 0, examples);
  const others = given.map((weight) => 1 - weight);
  const [a, b] = [measure(given), measure(others)];
  const names = Object.keys(a) as Name[];
  const limits = names.map((name) => leastAsLarge(a[name], b[name]));
  const asLarge = names.map(() => 0);
  for (let draw = 0; draw < draws; draw++) {
    swap(generator.bits, given, others);
    const drawn = difference(measure(given), measure(others));
    names.forEach((name, m) => {
      if (!(Math.abs(drawn[name]) < limits[m]!)) asLarge[m]!++;
    });
  }
  const p = (m: number) => (Number.isNaN(limits[m]!) ? Number.NaN : (asLarge[m]! + 1) / (draws + 1));
  return Object.fromEntries(names.map((name, m) => [name, p(m)])) as Record<Name, number>;
}

/** What counts as a difference as large as a - b: a bit less, since equal differences are rounded differently. */
const leastAsLarge = (a: number, b: number): number => Math.abs(a - b) - 1e-12 * Math.max(1, Math.abs(a), Math.abs(b));

/** Each example's answer by A or by B, as a random bit says; the other one goes to the other system. */
function swap(bits: () => number, given: Weights, others: Weights): void {
  const examples = given.length / 2;
  let coins = 0;
  for (let i = 0; i < examples; i++) {
    if (i % 32 === 0) coins = bits();
    const coin = (coins >>> (i % 32)) & 1;
    given[i] = others[examples + i] = coin;
    others[i] = given[examples + i] = 1 - coin;
  }
}

/** 95 % intervals of A - B, the same examples drawn for both: see {@link bootstrap}. */
export function pairedBootstrap<Name extends string>(
  examples: number,
  measure: PairedMeasure<Name>,
  options: BootstrapOptions,
): Record<Name, Interval> {
  const a = new Float64Array(2 * examples);
  const b = new Float64Array(2 * examples);
  return bootstrap(
    examples,
    (weights) => {
      a.set(weights);
      b.set(weights, examples);
      return difference(measure(a), measure(b));
    },
    options,
  );
}

function difference<Name extends string>(
  a: Readonly<Record<Name, number>>,
  b: Readonly<Record<Name, number>>,
): Record<Name, number> {
  const names = Object.keys(a) as Name[];
  return Object.fromEntries(names.map((name) => [name, a[name] - b[name]])) as Record<Name, number>;
}

/** @see mcnemar */
export interface McNemar {
  /** Examples that A alone has right: b of the table. */
  readonly onlyA: number;
  /** Examples that B alone has right: c of the table. */
  readonly onlyB: number;
  readonly test: 'binomial' | 'chi-square';
  /** The smaller of the two counts, or χ². */
  readonly statistic: number;
  readonly p: number;
}

/**
 * McNemar's test of whether two systems are right equally often, from the examples that one alone has right. With n = b + c:
 *
 *     n < 25:  p = min(1, 2 Σ_{i ≤ min(b, c)} (n choose i) / 2ⁿ)                      exact binomial, two-sided
 *     else:    χ² = max(0, |b - c| - 1)² / n,  p = P(χ²₁ ≥ χ²) = erfc(√(χ² / 2))     continuity-corrected
 *
 * p is 1 where n is 0. Matches SciPy (binomtest, chi2): significance.test.ts
 *
 * @see McNemar 1947, Psychometrika 12(2); Edwards 1948, Psychometrika 13(3).
 */
export function mcnemar(onlyA: number, onlyB: number): McNemar {
  const n = onlyA + onlyB;
  if (n >= 25) {
    const statistic = Math.max(0, Math.abs(onlyA - onlyB) - 1) ** 2 / n;
    return { onlyA, onlyB, test: 'chi-square', statistic, p: erfc(Math.sqrt(statistic / 2)) };
  }
  const statistic = Math.min(onlyA, onlyB);
  let [ways, tail] = [1, 0];
  for (let i = 0; i <= statistic; i++) {
    tail += ways;
    ways *= (n - i) / (i + 1);
  }
  return { onlyA, onlyB, test: 'binomial', statistic, p: Math.min(1, (2 * tail) / 2 ** n) };
}

/**
 * Complementary error function of z ≥ 0, to 13 digits.
 *
 *     z < 2:  1 - 2/√π · e^(-z²) Σ_n 2ⁿ z^(2n+1) / (2n+1)!!
 *     else:   e^(-z²)/√π · 1/(z + (1/2)/(z + (2/2)/(z + (3/2)/(z + …))))
 *
 * @see Abramowitz & Stegun 1964, 7.1.6 and 7.1.14.
 */
function erfc(z: number): number {
  const scale = Math.exp(-z * z) / Math.sqrt(Math.PI);
  if (z < 2) {
    let [term, sum] = [z, 0];
    for (let n = 0; n < 50; n++) {
      sum += term;
      term *= (2 * z * z) / (2 * n + 3);
    }
    return 1 - 2 * scale * sum;
  }
  let fraction = z;
  for (let n = 100; n > 0; n--) fraction = z + n / 2 / fraction;
  return scale / fraction;
}
