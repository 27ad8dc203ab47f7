import { afterAll, describe, expect, test } from 'vitest';
import { random } from '../src/core/random.ts';
import { float32, uint32 } from '../src/core/tensor.ts';
import { Graph } from '../src/graph/graph.ts';
import { cos, sin, uniform } from '../src/graph/ops/index.ts';
import { emitOnnx } from '../src/onnx/emit.ts';
import { Device } from '../src/runtime/device.ts';
import { hasWebgpu } from './support/webgpu.ts';

describe.skipIf(!(await hasWebgpu()))('WebGPU gives the bits of the processor for', () => {
  const devices = [{ provider: 'cpu' }, { provider: 'webgpu' }] as const;
  const [cpu, gpu] = devices.map((choice) => new Device({ choice, threads: 1 })) as [Device, Device];
  afterAll(() => Promise.all([cpu.close(), gpu.close()]));

  async function bothOf(graph: Graph, feeds: Parameters<Awaited<ReturnType<Device['load']>>['run']>[0]) {
    const model = emitOnnx(graph, () => expect.fail());
    const run = async (device: Device) => (await (await device.load(model, 'both')).run(feeds)).tensors;
    return [await run(cpu), await run(gpu)];
  }

  test('the masks of dropout', async () => {
    const graph = new Graph();
    graph.output('u', uniform(graph.input('keys', 'uint32', ['N', 1]), graph.input('features', 'uint32', ['C'])));
    const draw = random(7);
    const numbers = (count: number) => Array.from({ length: count }, () => draw.integer(0xffffffff));
    const [expected, given] = await bothOf(graph, {
      keys: uint32([0, 1, 0x80000000, 0xffffffff, ...numbers(60)], [64, 1]),
      features: uint32([0, 0xffffffff, ...numbers(62)], [64]),
    });
    expect(given).toEqual(expected);
  });

  test('the angles of positions far into a text', async () => {
    const graph = new Graph();
    const angles = graph.input('angles', 'float32', ['N']);
    graph.output('sin', sin(angles));
    graph.output('cos', cos(angles));
    const [expected, given] = await bothOf(graph, {
      angles: float32(Array.from({ length: 1000 }, (_, i) => i * 131.07)),
    });
    expect(given).toEqual(expected);
  });
});
