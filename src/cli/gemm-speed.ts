import { internal } from '../core/errors.ts';
import { random } from '../core/random.ts';
import { float32 } from '../core/tensor.ts';
import { Graph } from '../graph/graph.ts';
import { matmul } from '../graph/ops/index.ts';
import { emitOnnx } from '../onnx/emit.ts';
import { Device } from '../runtime/device.ts';

/** Sides of the matrices: about a step of a small model. */
const size = 1024;
const runs = 5;

/** Floating-point operations per second of the engine in a matrix product, the fastest of a few. Takes about a second. */
export async function gemmSpeed(): Promise<number> {
  const graph = new Graph();
  const [a, b] = ['a', 'b'].map((name) => graph.input(name, 'float32', [size, size]));
  graph.output('product', matmul(a!, b!));
  const device = new Device();
  try {
    const session = await device.load(
      emitOnnx(graph, (name) => internal(`no parameter ${name} in a product of inputs`)),
      'matrix product',
    );
    const generator = random(0);
    const matrix = () =>
      float32(
        Float32Array.from({ length: size * size }, () => generator.uniform()),
        [size, size],
      );
    const feeds = { a: await device.put(matrix()), b: await device.put(matrix()) };
    let seconds = Number.POSITIVE_INFINITY;
    for (let run = 0; run < runs; run++) {
      const from = performance.now();
      const { buffers } = await session.run(feeds, ['product']);
      seconds = Math.min(seconds, (performance.now() - from) / 1000);
      buffers.product.free();
    }
    return (2 * size ** 3) / seconds;
  } finally {
    await device.close();
  }
}
