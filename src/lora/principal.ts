import { internal } from '../core/errors.ts';
import type { Random } from '../core/random.ts';
import { float32, type Tensor } from '../core/tensor.ts';
import { Graph } from '../graph/graph.ts';
import { matmul } from '../graph/ops/index.ts';
import { emitOnnx } from '../onnx/emit.ts';
import type { Device, DeviceBuffer, Session } from '../runtime/device.ts';
import { orthonormalise, product, type Svd, svd, transpose, type Vectors, vectors, withSigns } from './svd.ts';

/** Up to this smaller side the decomposition is exact: rotations are then as fast as products. */
const EXACT_SIDE = 64;
/** Vectors the iteration carries for `rank` wanted ones: the more there are, the sooner the last wanted one settles. */
const carried = (rank: number): number => rank + Math.max(16, 2 * rank);
/** Passes over W and Wᵀ. */
const ITERATIONS = 4;

/** The largest singular triplets of matrices. */
export interface PrincipalParts {
  /** The `rank` largest triplets of W [out, in]. `random` decides the start, and so the last digits. */
  of(weight: Tensor, options: { readonly rank: number; readonly random: Random }): Promise<Svd>;
  release(): Promise<void>;
}

/**
 * Prepares the device to find singular triplets: exactly for small matrices, else by randomised subspace iteration, whose
 * products with the matrix run in the engine.
 *
 *     Q ← orth(Ω Wᵀ),  Ω [k, in] normal;   Z ← orth(Q W),  Q ← orth(Z Wᵀ),  ITERATIONS times;   Z ← orth(Q W)
 *     Q W Zᵀ = Ûᵀ Σ V̂ exactly,   U = Û Q,   V = V̂ Z        (vectors are rows)
 *
 * The error of the last singular value is of the relative order (σₖ₊₁ / σᵣ)^(4 · ITERATIONS + 2); docs/log.md has measurements.
 *
 * @see Halko, Martinsson & Tropp 2011, arXiv:0909.4061, algorithms 4.4 and 5.1
 */
export async function openPrincipalParts(device: Device): Promise<PrincipalParts> {
  const right = await device.load(productGraph('right'), 'vectors · W');
  const left = await device.load(productGraph('left'), 'vectors · Wᵀ');
  const times = async (session: Session, rows: Vectors, weight: DeviceBuffer): Promise<Vectors> => {
    const { tensors } = await session.run({ rows: toTensor(rows), weight });
    return fromTensor(tensors.product!);
  };
  return {
    async of(weight, { rank, random }) {
      const [rows, columns] = weight.shape as [number, number];
      const side = Math.min(rows, columns);
      if (rank > side) internal(`${rank} singular triplets of a matrix [${rows}, ${columns}]`);
      if (side <= EXACT_SIDE) return largest(svd(fromTensor(weight)), rank);
      const held = await device.put(weight);
      const orthonormal = async (session: Session, rows: Vectors) => orthonormalise(await times(session, rows, held));
      try {
        let q = await orthonormal(left, normal(Math.min(side, carried(rank)), columns, random));
        for (let pass = 0; pass < ITERATIONS; pass++) q = await orthonormal(left, await orthonormal(right, q));
        const projected = await times(right, q, held);
        const z = orthonormalise({ ...projected, data: projected.data.slice() });
        const { u, sigma, v } = largest(svd(product(projected, transpose(z))), rank);
        return withSigns({ u: product(u, q), sigma, v: product(v, z) });
      } finally {
        held.free();
      }
    },
    async release() {
      await right.release();
      await left.release();
    },
  };
}

/** rows · W: [K, out] → [K, in], or rows · Wᵀ: [K, in] → [K, out]. */
function productGraph(side: 'left' | 'right') {
  const graph = new Graph();
  const weight = graph.input('weight', 'float32', ['out', 'in']);
  const rows = graph.input('rows', 'float32', ['K', side === 'right' ? 'out' : 'in']);
  graph.output('product', matmul(rows, weight, { transB: side === 'left' }));
  return emitOnnx(graph, (name) => internal(`a product has no parameter ${name}`));
}

function normal(count: number, length: number, random: Random): Vectors {
  const out = vectors(count, length);
  for (let i = 0; i < out.data.length; i++) out.data[i] = random.normal();
  return out;
}

const largest = ({ u, sigma, v }: Svd, count: number): Svd => ({
  u: first(u, count),
  sigma: sigma.slice(0, count),
  v: first(v, count),
});

const first = (from: Vectors, count: number): Vectors => ({
  ...from,
  count,
  data: from.data.subarray(0, count * from.length),
});

const toTensor = ({ count, length, data }: Vectors): Tensor => float32(Float32Array.from(data), [count, length]);

function fromTensor({ shape, data }: Tensor): Vectors {
  const [count, length] = shape as [number, number];
  return { count, length, data: Float64Array.from(data) };
}
