import { afterAll, describe, expect, test } from 'vitest';
import { float32 } from '../core/tensor.ts';
import { Graph } from '../graph/graph.ts';
import { add, matmul } from '../graph/ops/index.ts';
import { emitOnnx } from '../onnx/emit.ts';
import { Device } from './device.ts';
import { peakMemoryBytes } from './memory.ts';

const device = new Device({ threads: 1 });
afterAll(() => device.close());

function sumModel() {
  const graph = new Graph();
  graph.output('total', add(graph.input('a', 'float32', ['N']), graph.input('b', 'float32', ['N'])));
  return emitOnnx(graph, () => expect.fail());
}

describe('a session', () => {
  test('computes, and ignores feeds it does not read', async () => {
    const session = await device.load(sumModel(), 'sum');
    const { tensors } = await session.run({ a: float32([1, 2]), b: float32([3, 4]), c: float32([9]) });
    expect(tensors.total).toEqual(float32([4, 6]));
  });

  test('keeps outputs with the device and takes them as inputs', async () => {
    const session = await device.load(sumModel(), 'sum');
    let total = await device.put(float32([0, 1]));
    for (let i = 0; i < 3; i++) {
      const { buffers } = await session.run({ a: total, b: float32([1, 1]) }, ['total']);
      total.free();
      total = buffers.total;
    }
    expect(await total.read()).toEqual(float32([3, 4]));
  });

  test('says which input is missing', async () => {
    const session = await device.load(sumModel(), 'sum');
    await expect(session.run({ a: float32([1]) })).rejects.toThrow(/reads 'b', which is not given/);
  });

  test('names itself and the place where the runtime fails', async () => {
    const graph = new Graph();
    graph.output(
      'y',
      graph.scope('model.layers.0.q_proj', () =>
        matmul(graph.input('a', 'float32', ['M', 'K']), graph.input('b', 'float32', ['K', 'N'])),
      ),
    );
    const session = await device.load(
      emitOnnx(graph, () => expect.fail()),
      'gradient',
    );
    const wrong = session.run({ a: float32([1, 2], [1, 2]), b: float32([1, 2, 3], [3, 1]) });
    await expect(wrong).rejects.toThrow(/gradient:.*model\.layers\.0\.q_proj\/matmul/s);
  });

  test('that is no model is refused', async () => {
    await expect(
      device.load({ bytes: new Uint8Array(8), inputs: [], outputs: [], nodes: [] }, 'broken'),
    ).rejects.toThrow();
  });
});

test('a closed device refuses work', async () => {
  const closed = new Device({ threads: 1 });
  await closed.close();
  await expect(closed.put(float32([1]))).rejects.toThrow(/device is closed/);
});

test('closing a device ends what is under way', async () => {
  const busy = new Device({ threads: 1 });
  const pending = busy.load(sumModel(), 'sum');
  await busy.close();
  await expect(pending).rejects.toThrow(/closed/);
});

test('peak memory is what a process of this size has', () => {
  expect(peakMemoryBytes()).toBeGreaterThan(process.memoryUsage().rss / 2);
});
