import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { random } from '../core/random.ts';
import { float32, type Tensor } from '../core/tensor.ts';
import { Device } from '../runtime/device.ts';
import { openPrincipalParts, type PrincipalParts } from './principal.ts';
import { orthonormalise, type Svd, svd, type Vectors, vector } from './svd.ts';

const device = new Device({ threads: 1 });
let parts: PrincipalParts;
beforeAll(async () => {
  parts = await openPrincipalParts(device);
});
afterAll(() => device.close());

function orthonormal(count: number, length: number, seed: number): Vectors {
  const rng = random(seed);
  const basis = { count, length, data: Float64Array.from({ length: count * length }, () => rng.normal()) };
  orthonormalise(basis);
  return basis;
}

/** A matrix of a known spectrum that falls by a tenth from one value to the next, as weights' do at first. */
function known(rows: number, columns: number): { readonly weight: Tensor; readonly sigma: readonly number[] } {
  const side = Math.min(rows, columns);
  const [u, v] = [orthonormal(side, rows, 1), orthonormal(side, columns, 2)];
  const sigma = Array.from({ length: side }, (_, k) => 10 * 0.9 ** k);
  const data = new Float32Array(rows * columns);
  for (const [k, s] of sigma.entries())
    for (let i = 0; i < rows; i++)
      for (let j = 0; j < columns; j++) data[i * columns + j]! += s * vector(u, k)[i]! * vector(v, k)[j]!;
  return { weight: float32(data, [rows, columns]), sigma };
}

/** ‖W − Σ σᵢ uᵢ vᵢᵀ‖ */
function distance({ data, shape }: Tensor, { u, sigma, v }: Svd): number {
  const [rows, columns] = shape as [number, number];
  let total = 0;
  for (let i = 0; i < rows; i++)
    for (let j = 0; j < columns; j++) {
      const part = sigma.reduce((sum, s, k) => sum + s * vector(u, k)[i]! * vector(v, k)[j]!, 0);
      total += (data[i * columns + j]! - part) ** 2;
    }
  return Math.sqrt(total);
}
const rank = 8;
const largest = (weight: Tensor, seed = 0) => parts.of(weight, { rank, random: random(seed) });

describe.each([
  [150, 90],
  [90, 150],
  [40, 120],
])('the largest singular triplets of a %d × %d matrix', (rows, columns) => {
  const { weight, sigma } = known(rows, columns);

  test('have its singular values and come as near to it as that rank can', async () => {
    const found = await largest(weight);
    for (const [k, s] of found.sigma.entries()) expect(Math.abs(s / sigma[k]! - 1)).toBeLessThan(1e-5);
    const tail = Math.hypot(...sigma.slice(rank));
    expect(Math.abs(distance(weight, found) / tail - 1)).toBeLessThan(1e-5);
  });

  test('are those of the exact decomposition', async () => {
    const found = await largest(weight);
    const exact = svd({ count: rows, length: columns, data: Float64Array.from(weight.data) });
    for (let k = 0; k < rank; k++) {
      const cosine = (a: Vectors, b: Vectors) => vector(a, k).reduce((sum, x, i) => sum + x * vector(b, k)[i]!, 0);
      expect(cosine(found.u, exact.u)).toBeGreaterThan(1 - 1e-5);
      expect(cosine(found.v, exact.v)).toBeGreaterThan(1 - 1e-5);
    }
  });

  test('are the same again for the same seed', async () =>
    expect(await largest(weight, 3)).toEqual(await largest(weight, 3)));
});

test('a matrix of a lower rank has zeros for the triplets it lacks', async () => {
  const [u, v] = [orthonormal(2, 100, 4), orthonormal(2, 120, 5)];
  const data = Float32Array.from({ length: 12_000 }, (_, n) => {
    const [i, j] = [Math.floor(n / 120), n % 120];
    return 3 * vector(u, 0)[i]! * vector(v, 0)[j]! + vector(u, 1)[i]! * vector(v, 1)[j]!;
  });
  const { sigma, ...triplets } = await largest(float32(data, [100, 120]));
  expect(sigma[0]).toBeCloseTo(3, 5);
  expect(sigma[1]).toBeCloseTo(1, 5);
  expect(Math.max(...sigma.slice(2))).toBeLessThan(1e-5);
  expect([...triplets.u.data, ...triplets.v.data].every(Number.isFinite)).toBe(true);
});
