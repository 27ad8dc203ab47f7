import { internal } from '../core/errors.ts';

/** Vectors laid end to end, in float64: `count` of them, each of `length` values. */
export interface Vectors {
  readonly count: number;
  readonly length: number;
  readonly data: Float64Array<ArrayBuffer>;
}

/** Singular triplets, largest first: W = Σ σᵢ uᵢ vᵢᵀ. */
export interface Svd {
  /** [k, rows of W] */
  readonly u: Vectors;
  readonly sigma: readonly number[];
  /** [k, columns of W] */
  readonly v: Vectors;
}

export const vectors = (count: number, length: number): Vectors => ({
  count,
  length,
  data: new Float64Array(count * length),
});

export const vector = ({ data, length }: Vectors, i: number): Float64Array<ArrayBuffer> =>
  data.subarray(i * length, (i + 1) * length);

/** Rows with a cosine below this are orthogonal. */
const ORTHOGONAL = 1e-12;
/** What is this small beside the whole matrix is rounding. */
const NEGLIGIBLE = 1e-15;
/** It takes about ten, whatever the matrix. */
const MAX_SWEEPS = 60;

/**
 * The whole singular value decomposition of a matrix given by its rows, by Hestenes' one-sided Jacobi rotations: pairs of
 * rows are turned against each other until all are orthogonal. Exact to float64, O(d² D) a sweep for sides d ≤ D.
 *
 * Of each triplet, the largest entry of v is positive, so that equal matrices have equal vectors.
 *
 * @see Golub & Van Loan, Matrix Computations, 4th ed., § 8.6.3
 */
export function svd(w: Vectors): Svd {
  if (w.count > w.length) {
    const { u: v, v: u, sigma } = svd(transpose(w));
    return withSigns({ u, sigma, v });
  }
  const rows = { ...w, data: w.data.slice() };
  const turns = identity(w.count);
  orthogonalise(rows, turns);
  const lengths = Array.from({ length: rows.count }, (_, i) => norm(vector(rows, i)));
  const order = [...lengths.keys()].sort((i, j) => lengths[j]! - lengths[i]!);
  const sigma = order.map((i) => lengths[i]!);
  const v = pick(rows, order);
  for (const [i, s] of sigma.entries()) if (s > 0) multiply(vector(v, i), 1 / s);
  return withSigns({ u: pick(turns, order), sigma, v });
}

/** Turns pairs of rows, and of `turns` alike, until all rows are orthogonal. */
function orthogonalise(rows: Vectors, turns: Vectors): void {
  const negligible = (NEGLIGIBLE * norm(rows.data)) ** 2;
  for (let sweep = 0; sweep < MAX_SWEEPS; sweep++) {
    let turned = false;
    for (let p = 0; p < rows.count; p++)
      for (let q = p + 1; q < rows.count; q++) {
        const [a, b] = [vector(rows, p), vector(rows, q)];
        const [alpha, beta, gamma] = [dot(a, a), dot(b, b), dot(a, b)];
        if (Math.min(alpha, beta) <= negligible || Math.abs(gamma) <= ORTHOGONAL * Math.sqrt(alpha * beta)) continue;
        const zeta = (beta - alpha) / (2 * gamma);
        const tangent = (zeta < 0 ? -1 : 1) / (Math.abs(zeta) + Math.hypot(1, zeta));
        rotate(a, b, tangent);
        rotate(vector(turns, p), vector(turns, q), tangent);
        turned = true;
      }
    if (!turned) return;
  }
  internal(`the rotations of a [${rows.count}, ${rows.length}] matrix did not settle in ${MAX_SWEEPS} sweeps`);
}

/** (a, b) ← (c a − s b, s a + c b) */
function rotate(a: Float64Array, b: Float64Array, tangent: number): void {
  const c = 1 / Math.hypot(1, tangent);
  const s = c * tangent;
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [a[i]!, b[i]!];
    a[i] = c * x - s * y;
    b[i] = s * x + c * y;
  }
}

/**
 * Makes vectors orthonormal in place, each against those before it (modified Gram-Schmidt). One that depends on those
 * before it, to within 10⁻¹⁰ of its length, becomes zero.
 */
export function orthonormalise(basis: Vectors): Vectors {
  for (let i = 0; i < basis.count; i++) {
    const own = vector(basis, i);
    const before = norm(own);
    for (let j = 0; j < i; j++) addScaled(own, vector(basis, j), -dot(own, vector(basis, j)));
    const after = norm(own);
    multiply(own, after > 1e-10 * before ? 1 / after : 0);
  }
  return basis;
}

/** Rows of the product of two matrices given by their rows. a [i, j], b [j, k] → [i, k] */
export function product(a: Vectors, b: Vectors): Vectors {
  const out = vectors(a.count, b.length);
  for (let i = 0; i < a.count; i++)
    for (let j = 0; j < a.length; j++) addScaled(vector(out, i), vector(b, j), a.data[i * a.length + j]!);
  return out;
}

/** Both vectors of a triplet may change their sign together: the largest entry of v, the first of equals, is positive. */
export function withSigns(triplets: Svd): Svd {
  for (let i = 0; i < triplets.v.count; i++) {
    const v = vector(triplets.v, i);
    const largest = v.reduce((best, x) => (Math.abs(x) > Math.abs(best) ? x : best), 0);
    if (largest >= 0) continue;
    multiply(v, -1);
    multiply(vector(triplets.u, i), -1);
  }
  return triplets;
}

/** Columns as vectors. */
export function transpose({ count, length, data }: Vectors): Vectors {
  const out = vectors(length, count);
  for (let i = 0; i < count; i++) for (let j = 0; j < length; j++) out.data[j * count + i] = data[i * length + j]!;
  return out;
}

function identity(size: number): Vectors {
  const out = vectors(size, size);
  for (let i = 0; i < size; i++) out.data[i * size + i] = 1;
  return out;
}

function pick(from: Vectors, indices: readonly number[]): Vectors {
  const out = vectors(indices.length, from.length);
  for (const [i, index] of indices.entries()) vector(out, i).set(vector(from, index));
  return out;
}

function dot(a: Float64Array, b: Float64Array): number {
  let total = 0;
  for (let i = 0; i < a.length; i++) total += a[i]! * b[i]!;
  return total;
}

const norm = (a: Float64Array): number => Math.sqrt(dot(a, a));

function addScaled(to: Float64Array, by: Float64Array, factor: number): void {
  for (let i = 0; i < to.length; i++) to[i]! += factor * by[i]!;
}

function multiply(a: Float64Array, factor: number): void {
  for (let i = 0; i < a.length; i++) a[i]! *= factor;
}
