import { afterAll, describe, expect, test } from 'vitest';
import { float32 } from '../core/tensor.ts';
import { emitOnnx } from '../onnx/emit.ts';
import { Device } from '../runtime/device.ts';
import { adamw } from './adamw.ts';
import type { Optimizer } from './optimizer.ts';
import { sgd } from './sgd.ts';
import { updateGraph } from './update.ts';

const device = new Device({ threads: 1 });
afterAll(() => device.close());

/** Three steps on gradients that do not change. */
async function trained(optimizer: Optimizer, learningRate: number, rates?: readonly number[]): Promise<number[]> {
  const gradient = float32([0.5, -2]);
  const graph = updateGraph(optimizer, 2, { rates: rates !== undefined });
  const session = await device.load(
    emitOnnx(graph, () => expect.fail()),
    'update',
  );
  let state = Object.fromEntries(['parameters', ...optimizer.state].map((name) => [name, float32([0, 0])]));
  state.parameters = float32([1, -3]);
  for (let t = 1; t <= 3; t++) {
    const scalars = Object.entries({ ...optimizer.scalars(t), learningRate });
    const feeds = Object.fromEntries(scalars.map(([name, value]) => [name, float32([value], [])]));
    const { tensors } = await session.run({
      ...feeds,
      ...state,
      gradient,
      ...(rates ? { rates: float32(rates) } : {}),
    });
    state = { ...tensors } as typeof state;
  }
  return Array.from(state.parameters!.data);
}

describe.each<readonly [string, Optimizer]>([
  ['adamw', adamw({ betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0.1 })],
  ['sgd', sgd({ momentum: 0.9, weightDecay: 0.1 })],
])('%s with rates', (_, optimizer) => {
  test('moves each value as its own learning rate would', async () => {
    const [slow, fast] = [await trained(optimizer, 0.01), await trained(optimizer, 0.04)];
    const both = await trained(optimizer, 0.01, [1, 4]);
    expect(both[0]).toBeCloseTo(slow[0]!, 6);
    expect(both[1]).toBeCloseTo(fast[1]!, 6);
    expect(both[1]).not.toBeCloseTo(slow[1]!, 3);
  });
});
