import { float32 } from '../../src/core/tensor.ts';
import { Graph } from '../../src/graph/graph.ts';
import { halfProduct } from '../../src/graph/ops/index.ts';
import { emitOnnx } from '../../src/onnx/emit.ts';
import { Device } from '../../src/runtime/device.ts';
import { probe } from '../../src/runtime/probe.ts';

/** Whether WebGPU finds a GPU or a driver in software; CI installs SwiftShader (scripts/webgpu-driver.mjs). */
export const hasWebgpu = async (): Promise<boolean> => 'flopsPerSecond' in (await probe('webgpu'));

/** Whether it computes in half precision: GPUs do, SwiftShader does not. */
export async function hasHalf(): Promise<boolean> {
  const graph = new Graph();
  graph.output('y', halfProduct(graph.input('x', 'float32', [1, 8]), { weight: 'w', in: 8, out: 8 }));
  const zeros = (rows: number) => float32(new Float32Array(8 * rows), [rows, 8]);
  const model = emitOnnx(graph, () => ({ kind: 'inline', tensor: zeros(8) }));
  const device = new Device({ choice: { provider: 'webgpu' } });
  try {
    await (await device.load(model, 'half')).run({ x: zeros(1) });
    return true;
  } catch {
    return false;
  } finally {
    await device.close();
  }
}
