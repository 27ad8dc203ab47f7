import { describe, expect, test } from 'vitest';
import { random } from '../core/random.ts';
import { orthonormalise, product, type Svd, svd, type Vectors, vector } from './svd.ts';

const matrix = (rows: readonly (readonly number[])[]): Vectors => ({
  count: rows.length,
  length: rows[0]!.length,
  data: Float64Array.from(rows.flat()),
});
function normal(count: number, length: number, seed: number): Vectors {
  const rng = random(seed);
  return { count, length, data: Float64Array.from({ length: count * length }, () => rng.normal()) };
}
const dot = (a: Float64Array, b: Float64Array) => a.reduce((sum, x, i) => sum + x * b[i]!, 0);

function reconstructed({ u, sigma, v }: Svd): number[] {
  const at = (i: number, j: number) =>
    sigma.reduce((sum, s, k) => sum + s * u.data[k * u.length + i]! * v.data[k * v.length + j]!, 0);
  return Array.from({ length: u.length * v.length }, (_, n) => at(Math.floor(n / v.length), n % v.length));
}
const maxDifference = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Math.max(...Array.from(a, (x, i) => Math.abs(x - b[i]!)));

function farFromOrthonormal(basis: Vectors): number {
  const pairs = Array.from({ length: basis.count ** 2 }, (_, n) => [Math.floor(n / basis.count), n % basis.count]);
  return Math.max(...pairs.map(([i, j]) => Math.abs(dot(vector(basis, i!), vector(basis, j!)) - Number(i === j))));
}

describe('the singular value decomposition', () => {
  test('of a known matrix: [[3, 0], [4, 5]] has √45 and √5', () => {
    const { u, sigma, v } = svd(
      matrix([
        [3, 0],
        [4, 5],
      ]),
    );
    expect(maxDifference(sigma, [Math.sqrt(45), Math.sqrt(5)])).toBeLessThan(1e-14);
    expect(
      maxDifference(
        v.data,
        [1, 1, 1, -1].map((x) => x * Math.SQRT1_2),
      ),
    ).toBeLessThan(1e-14);
    expect(
      maxDifference(
        u.data,
        [1, 3, 3, -1].map((x) => x / Math.sqrt(10)),
      ),
    ).toBeLessThan(1e-14);
  });

  test.each([
    [7, 7],
    [4, 9],
    [9, 4],
    [1, 5],
    [5, 1],
  ])('of a %d × %d matrix: orthonormal vectors, largest first, that give it again', (rows, columns) => {
    const w = normal(rows, columns, 3);
    const { u, sigma, v } = svd(w);
    expect(sigma).toEqual([...sigma].sort((a, b) => b - a));
    expect(farFromOrthonormal(u)).toBeLessThan(1e-11);
    expect(farFromOrthonormal(v)).toBeLessThan(1e-11);
    expect(maxDifference(reconstructed({ u, sigma, v }), w.data)).toBeLessThan(1e-13);
  });

  test('of one that lacks rank, equal rows and zeros included', () => {
    const w = matrix([
      [1, 2, 3],
      [1, 2, 3],
      [0, 0, 0],
    ]);
    const { u, sigma, v } = svd(w);
    expect(sigma[0]).toBeCloseTo(Math.sqrt(28), 12);
    expect(maxDifference(sigma.slice(1), [0, 0])).toBeLessThan(1e-14);
    expect(maxDifference(reconstructed({ u, sigma, v }), w.data)).toBeLessThan(1e-14);
    expect(svd(matrix([[0, 0]])).sigma).toEqual([0]);
  });

  test('makes the largest entry of each right vector positive, whichever sign the matrix has', () => {
    const w = normal(5, 8, 4);
    const turned = svd({ ...w, data: w.data.map((x) => -x) });
    const { u, v } = svd(w);
    expect(maxDifference(turned.v.data, v.data)).toBeLessThan(1e-12);
    expect(
      maxDifference(
        turned.u.data,
        u.data.map((x) => -x),
      ),
    ).toBeLessThan(1e-12);
    for (let i = 0; i < v.count; i++) {
      const own = Array.from(vector(v, i));
      expect(Math.max(...own)).toBeCloseTo(Math.max(...own.map(Math.abs)), 14);
    }
  });
});

describe('orthonormal vectors', () => {
  test('span what they were made of', () => {
    const given = normal(4, 10, 5);
    const basis = { ...given, data: given.data.slice() };
    orthonormalise(basis);
    expect(farFromOrthonormal(basis)).toBeLessThan(1e-14);
    const transposed = matrix(Array.from({ length: 10 }, (_, j) => [0, 1, 2, 3].map((i) => basis.data[i * 10 + j]!)));
    expect(maxDifference(product(product(given, transposed), basis).data, given.data)).toBeLessThan(1e-13);
  });

  test('are zero where one depends on those before it', () => {
    const basis = matrix([
      [3, 4],
      [6, 8],
    ]);
    orthonormalise(basis);
    expect(maxDifference(basis.data, [0.6, 0.8, 0, 0])).toBeLessThan(1e-15);
  });
});
