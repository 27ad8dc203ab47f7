import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openSafetensors, readTensor } from '../../src/checkpoint/safetensors.ts';
import type { Task } from '../../src/core/task.ts';
import type { Tensor } from '../../src/core/tensor.ts';

/** The folder of what make_fixtures.py wrote. */
export const fixtures = join(dirname(fileURLToPath(import.meta.url)), '..', 'fixtures');

export const json = (...path: string[]) => JSON.parse(readFileSync(join(fixtures, ...path), 'utf8'));

/** Every tensor of a safetensors file. */
export async function tensorsOf(path: string): Promise<Map<string, Tensor>> {
  const file = await openSafetensors(path);
  return new Map(
    await Promise.all(Array.from(file.tensors.values(), async (e) => [e.name, await readTensor(e)] as const)),
  );
}

/** A text of a fixture's batch without its padding, and its target; for a language model the next tokens, -1 for none. */
export interface FixtureRow {
  readonly ids: readonly number[];
  readonly target: readonly number[];
}

/** The batch of a fixture with K labels. */
export async function rowsOf(name: string, problem: Task | null, K: number): Promise<FixtureRow[]> {
  const batch = await tensorsOf(join(fixtures, name, 'batch.safetensors'));
  const [ids, mask, labels] = ['input_ids', 'attention_mask', 'labels'].map((n) => batch.get(n)!) as [
    Tensor,
    Tensor,
    Tensor,
  ];
  const [B, T] = ids.shape as [number, number];
  return Array.from({ length: B }, (_, b) => {
    const real = Array.from({ length: T }, (_, t) => b * T + t).filter((at) => mask.data[at] === 1);
    const y = labels.data;
    const target =
      problem === null
        ? real.map((_, t) => (t + 1 < real.length ? y[real[t + 1]!]! : -1))
        : problem === 'single_label_classification'
          ? Array.from({ length: K }, (_, k) => Number(k === y[b]))
          : Array.from(y.slice(b * K, (b + 1) * K));
    return { ids: real.map((at) => ids.data[at]!), target };
  });
}

export const maxDifference = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Math.max(...Array.from(a, (v, i) => Math.abs(v - b[i]!)));
