import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import type { Random } from '../core/random.ts';
import { float32, sizeOf, type Tensor } from '../core/tensor.ts';
import { readWeight } from '../models/weights.ts';
import type { FlatLayout } from '../optim/flat.ts';
import { pissaNameOf } from './pissa.ts';

export interface InitialOptions {
  readonly checkpoint: Checkpoint;
  readonly random: Random;
  /** Standard deviation of a new classification head. */
  readonly headStd: number;
  /** PiSSA's factors by their names, where A and B start from them. */
  readonly pissa?: ReadonlyMap<string, Tensor> | undefined;
  /** Values that are there already, by their names. */
  readonly start?: ReadonlyMap<string, Tensor> | undefined;
}

/**
 * The trained tensors at step 0: the adapted model equals its base.
 *
 *     A ~ U(−1/√in, 1/√in), Kaiming-uniform with a = √5        B = 0        m = row norms of W
 *     PiSSA: A = A₀, B = B₀
 *
 * The head is the checkpoint's where it has one of that shape, else N(0, headStd²). Each tensor draws from a generator of
 * its own name, so that adding one moves no other.
 */
export async function initialTensors(
  layout: FlatLayout,
  options: InitialOptions,
): Promise<ReadonlyMap<string, Tensor>> {
  const tensors = new Map<string, Tensor>();
  for (const [name, { shape }] of layout.parts) tensors.set(name, await initialTensor(name, shape, options));
  return tensors;
}

async function initialTensor(
  name: string,
  shape: readonly number[],
  { checkpoint, random, headStd, pissa, start }: InitialOptions,
): Promise<Tensor> {
  const given = start?.get(name) ?? pissa?.get(pissaNameOf(name));
  if (given) return given;
  const rng = random.fork(name);
  const fill = (draw: () => number) => float32(Float32Array.from({ length: sizeOf(shape) }, draw), shape);
  if (name.endsWith('.lora_A.weight')) return fill(() => (2 * rng.uniform() - 1) / Math.sqrt(shape[1]!));
  if (name.endsWith('.lora_B.weight')) return fill(() => 0);
  if (name.endsWith('.lora_magnitude_vector'))
    return rowNorms(await readWeight(checkpoint, name.replace(/lora_magnitude_vector$/, 'weight')));
  if (checkpoint.tensors.get(name)?.shape.join() === shape.join()) return readWeight(checkpoint, name);
  return fill(() => headStd * rng.normal());
}

/** ‖W‖ of each row. [out, in] → [out] */
function rowNorms({ data, shape }: Tensor): Tensor {
  const [rows, width] = shape as [number, number];
  const norm = (row: number) => Math.hypot(...data.subarray(row * width, (row + 1) * width));
  return float32(Float32Array.from({ length: rows }, (_, row) => norm(row)));
}
