import { type Checkpoint, requireTensors } from '../checkpoint/checkpoint.ts';
import type { Random } from '../core/random.ts';
import { float32, type Tensor } from '../core/tensor.ts';
import type { Graph, Value } from '../graph/graph.ts';
import { readWeight } from '../models/weights.ts';
import type { Device } from '../runtime/device.ts';
import { type LoraOptions, siteOf } from './options.ts';
import type { Adapter } from './peft.ts';
import { openPrincipalParts } from './principal.ts';
import { type Svd, vector } from './svd.ts';

/** The frozen factors of PiSSA: what A and B were at step 0. In a graph they stand beside `lora_A` and `lora_B`. */
export const isPissaParameter = (name: string): boolean => /\.pissa_[AB]\.weight$/.test(name);

/** The frozen factor that a trained one starts from. */
export const pissaNameOf = (loraName: string): string => loraName.replace(/\.lora_([AB])\.weight$/, '.pissa_$1.weight');

/**
 * PiSSA's factors of each module that has LoRA: the principal part of its weight, so that s·B₀A₀ is the best approximation
 * of that rank. The same on the same machine for the same `random`.
 *
 *     W ≈ U Σ V of rank r:   A₀ = √(Σ/s) V [r, in],   B₀ = Uᵀ √(Σ/s) [out, r],   s = alpha / rank
 *
 * @see Meng et al. 2024, arXiv:2404.02948. Matches peft's pissa_init: test/pissa.test.ts
 */
export async function pissaTensors(
  graph: Graph,
  options: LoraOptions,
  { checkpoint, device, random }: { checkpoint: Checkpoint; device: Device; random: Random },
): Promise<ReadonlyMap<string, Tensor>> {
  const sites = [...graph.parameters.keys()].flatMap((name) => /^(.*)\.pissa_A\.weight$/.exec(name)?.[1] ?? []);
  const shapeOf = (name: string) => graph.parameters.get(name)!.shape.map(Number);
  requireTensors(
    checkpoint,
    sites.map((path) => ({ name: `${path}.weight`, shape: shapeOf(`${path}.weight`) })),
  );
  const tensors = new Map<string, Tensor>();
  const parts = await openPrincipalParts(device);
  for (const path of sites) {
    const { rank, scale } = siteOf(path, options)!;
    const weight = await readWeight(checkpoint, `${path}.weight`);
    const { a, b } = balanced(await parts.of(weight, { rank, random: random.fork(path) }), scale);
    tensors.set(`${path}.pissa_A.weight`, a);
    tensors.set(`${path}.pissa_B.weight`, b);
  }
  await parts.release();
  return tensors;
}

/** The parameters of a graph that hold PiSSA's frozen factors. */
export const pissaParameters = ({ parameters }: Graph): Value[] =>
  [...parameters].filter(([name]) => isPissaParameter(name)).map(([, value]) => value);

/** Each singular value goes half into A and half into B. */
function balanced({ u, sigma, v }: Svd, scale: number): { readonly a: Tensor; readonly b: Tensor } {
  const [rank, rows] = [u.count, u.length];
  const a = new Float32Array(rank * v.length);
  const b = new Float32Array(rows * rank);
  for (const [k, s] of sigma.entries()) {
    const share = Math.sqrt(s / scale);
    for (const [i, x] of vector(v, k).entries()) a[k * v.length + i] = share * x;
    for (const [i, x] of vector(u, k).entries()) b[i * rank + k] = share * x;
  }
  return { a: float32(a, [rank, v.length]), b: float32(b, [rows, rank]) };
}

/**
 * A PiSSA adapter as plain LoRA on the untouched base, of twice the rank and the same scale:
 *
 *     s (B A − B₀ A₀) = s' B' A',   A' = [A; A₀] [2r, in],   B' = [B, −B₀] [out, 2r],   s' = s
 *
 * so alpha doubles, or with rsLoRA grows by √2. DoRA's magnitudes and the head stay as they are. As PEFT's conversion
 * (`path_initial_model_for_weight_conversion`), which refuses rsLoRA with patterns and leaves out the head.
 */
export function toPlainLora<A extends Pick<Adapter, 'options' | 'tensors'>>(
  adapter: A,
  initial: ReadonlyMap<string, Tensor>,
): A {
  const { init: _, ...options } = adapter.options;
  const alphaBy = options.rslora ? Math.SQRT2 : 2;
  const tensors = Array.from(adapter.tensors, ([name, tensor]): [string, Tensor] => {
    const before = initial.get(pissaNameOf(name));
    if (!before) return [name, tensor];
    return [name, name.endsWith('.lora_A.weight') ? below(tensor, before) : beside(tensor, before)];
  });
  return {
    ...adapter,
    options: {
      ...options,
      rank: 2 * options.rank,
      alpha: alphaBy * options.alpha,
      rankPattern: scaled(options.rankPattern, 2),
      alphaPattern: scaled(options.alphaPattern, alphaBy),
    },
    tensors: new Map(tensors),
  };
}

const scaled = (pattern: LoraOptions['rankPattern'] = {}, by: number): Record<string, number> =>
  Object.fromEntries(Object.entries(pattern).map(([key, value]) => [key, by * value]));

/** [A; A₀] */
function below(a: Tensor, a0: Tensor): Tensor {
  const [rank, width] = a.shape as [number, number];
  const data = new Float32Array(2 * rank * width);
  data.set(a.data);
  data.set(a0.data, rank * width);
  return float32(data, [2 * rank, width]);
}

/** [B, −B₀] */
function beside(b: Tensor, b0: Tensor): Tensor {
  const [rows, rank] = b.shape as [number, number];
  const data = new Float32Array(2 * rows * rank);
  for (let r = 0; r < rows; r++)
    for (let k = 0; k < rank; k++) {
      data[2 * r * rank + k] = b.data[r * rank + k]!;
      data[(2 * r + 1) * rank + k] = -b0.data[r * rank + k]!;
    }
  return float32(data, [rows, 2 * rank]);
}
