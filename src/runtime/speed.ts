import { internal } from '../core/errors.ts';
import { random } from '../core/random.ts';
import { float32, type Tensor } from '../core/tensor.ts';
import { Graph, type Value } from '../graph/graph.ts';
import { add, halfProduct, int8Product, matmul, mul } from '../graph/ops/index.ts';
import { type GraphCost, graphCost } from '../onnx/cost.ts';
import { emitOnnx } from '../onnx/emit.ts';
import type { Device } from './device.ts';

/**
 * How fast the engine is on this machine, in the six numbers that explain the time of a graph:
 *
 *     seconds = flops / F + int8 operations / I + operations in half precision / H₁₆ + bytes of products / G + bytes of passes / H + nodes · o
 *
 * Products pay for arithmetic and for moving their operands; so a rank-16 product is slow for its arithmetic.
 */
export interface MachineSpeed {
  /** F: arithmetic of matrix products of floats. */
  readonly flopsPerSecond: number;
  /** I: of those of whole numbers. */
  readonly int8OpsPerSecond: number;
  /** H₁₆: of those in half precision; 0 where the device has none. */
  readonly halfFlopsPerSecond: number;
  /** G: what matrix products read, repack and write. */
  readonly productBytesPerSecond: number;
  /** H: what everything else reads and writes. */
  readonly passBytesPerSecond: number;
  /** o: what a node costs however small. */
  readonly nodeSeconds: number;
}

/** Where the time of a run of a graph goes. */
export interface RunTime {
  readonly seconds: number;
  /** Arithmetic of matrix products; the rest moves memory or is overhead. */
  readonly arithmeticSeconds: number;
  readonly memorySeconds: number;
  readonly overheadSeconds: number;
}

/** The time that a graph of that cost takes. */
export function runTime(
  { products, int8Products, halfProducts, passes, nodes }: GraphCost,
  speed: MachineSpeed,
): RunTime {
  const halfSeconds = halfProducts.flops === 0 ? 0 : halfProducts.flops / speed.halfFlopsPerSecond;
  const arithmeticSeconds =
    products.flops / speed.flopsPerSecond + int8Products.flops / speed.int8OpsPerSecond + halfSeconds;
  const productBytes = products.bytes + int8Products.bytes + halfProducts.bytes;
  const memorySeconds = productBytes / speed.productBytesPerSecond + passes.bytes / speed.passBytesPerSecond;
  const overheadSeconds = nodes * speed.nodeSeconds;
  return {
    seconds: arithmeticSeconds + memorySeconds + overheadSeconds,
    arithmeticSeconds,
    memorySeconds,
    overheadSeconds,
  };
}

/** Floating-point operations per second in a matrix product, as `doctor` shows it: of 512 × 1024 by 1024 × 1024. */
export const gemmFlopsPerSecond = ({ flopsPerSecond: f, productBytesPerSecond: g }: MachineSpeed): number => {
  const [m, k, n] = [512, 1024, 1024];
  const flops = 2 * m * k * n;
  return flops / (flops / f + (4 * (m * k + k * n + m * n)) / g);
};

/** Measures the engine with six small graphs, about half a second. Of several runs of each the median counts: what a run gets beside what else the machine does. */
export async function measureSpeed(device: Device): Promise<MachineSpeed> {
  const tiny = await measured(device, tinyNodes());
  const nodeSeconds = tiny.seconds / tiny.work.nodes;
  const own = ({ seconds, work }: Measurement) => Math.max(seconds - work.nodes * nodeSeconds, seconds / 10);
  const pass = await measured(device, elementwisePasses());
  const large = await measured(device, largeProducts());
  const thin = await measured(device, thinProducts());
  const { flopsPerSecond, productBytesPerSecond } = solve(
    { work: large.work, seconds: own(large) },
    { work: thin.work, seconds: own(thin) },
  );
  const passBytesPerSecond = pass.work.bytes / own(pass);
  const known = {
    flopsPerSecond,
    int8OpsPerSecond: Number.POSITIVE_INFINITY,
    halfFlopsPerSecond: Number.POSITIVE_INFINITY,
    productBytesPerSecond,
    passBytesPerSecond,
    nodeSeconds,
  };
  const rest = ({ seconds, work }: Measurement) => Math.max(seconds - runTime(work, known).seconds, seconds / 10);
  const int8 = await measured(device, int8Products());
  // A GPU whose driver has no half precision refuses them.
  const half = await measured(device, halfProducts()).catch(() => undefined);
  return {
    ...known,
    int8OpsPerSecond: int8.work.int8Products.flops / rest(int8),
    halfFlopsPerSecond: half ? half.work.halfProducts.flops / rest(half) : 0,
  };
}

interface Measurement {
  readonly work: GraphCost;
  readonly seconds: number;
}

/** Both kinds of products take flops / F + bytes / G; where noise leaves no positive solution, all is one or the other. */
function solve(large: Measurement, thin: Measurement) {
  const [f1, b1, t1] = [large.work.flops, large.work.bytes, large.seconds];
  const [f2, b2, t2] = [thin.work.flops, thin.work.bytes, thin.seconds];
  const determinant = f1 * b2 - f2 * b1;
  const perFlop = Math.max((t1 * b2 - t2 * b1) / determinant, (0.5 * t1) / f1);
  const perByte = Math.max((f1 * t2 - f2 * t1) / determinant, (0.1 * t2) / b2);
  return { flopsPerSecond: 1 / perFlop, productBytesPerSecond: 1 / perByte };
}

const rows = 512;
const width = 1024;
const rank = 16;

/** A frozen layer, forward and backward: the weight is known to the engine beforehand, as in training. */
function largeProducts(): Graph {
  const graph = new Graph();
  const x = graph.input('x', 'float32', [rows, width]);
  const weight = graph.parameter('weight', [width, width]);
  graph.output('y', matmul(matmul(x, weight, { transB: true }), weight));
  return graph;
}

/** As {@link largeProducts}, forward alone, in whole numbers. */
function int8Products(): Graph {
  const graph = new Graph();
  const x = graph.input('x', 'float32', [rows, width]);
  graph.output('y', int8Product(x, { weight: 'weight', orientation: 'forward', in: width, out: width }));
  return graph;
}

/** As {@link largeProducts}, forward alone, in half precision. */
function halfProducts(): Graph {
  const graph = new Graph();
  const x = graph.input('x', 'float32', [rows, width]);
  graph.output('y', halfProduct(x, { weight: 'weight', in: width, out: width }));
  return graph;
}

/** The products that LoRA adds to a layer, forward and backward, for several layers. */
function thinProducts(): Graph {
  const graph = new Graph();
  const x = graph.input('x', 'float32', [rows, width]);
  for (let layer = 0; layer < 6; layer++) {
    const a = graph.input(`a${layer}`, 'float32', [rank, width]);
    const b = graph.input(`b${layer}`, 'float32', [width, rank]);
    const t = matmul(x, a, { transB: true });
    const up = matmul(t, b, { transB: true });
    const dt = matmul(up, b);
    graph.output(`db${layer}`, matmul(up, t, { transA: true }));
    graph.output(`da${layer}`, matmul(dt, x, { transA: true }));
    graph.output(`dx${layer}`, matmul(dt, a));
  }
  return graph;
}

function elementwisePasses(): Graph {
  const graph = new Graph();
  const x = graph.input('x', 'float32', [rows, 2 * width]);
  const y = graph.input('y', 'float32', [rows, 2 * width]);
  graph.output('z', chain(x, y, 10));
  return graph;
}

function tinyNodes(): Graph {
  const graph = new Graph();
  graph.output('z', chain(graph.input('x', 'float32', [rank]), graph.input('y', 'float32', [rank]), 1000));
  return graph;
}

/** Products and sums in turn, none of which the engine can merge: values stay below 2. */
function chain(x: Value, y: Value, length: number): Value {
  let z = x;
  for (let i = 0; i < length; i++) z = i % 2 === 0 ? mul(z, y) : add(z, y);
  return z;
}

const repeats = 9;
/** A device as slow as a driver in software is measured less often. */
const mostMs = 1000;

async function measured(device: Device, graph: Graph): Promise<Measurement> {
  const generator = random(0);
  const tensor = (shape: readonly number[]): Tensor =>
    float32(
      Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => generator.uniform() / 2),
      shape,
    );
  const model = emitOnnx(graph, (name) => ({
    kind: 'inline',
    tensor: tensor((graph.parameters.get(name) ?? internal(`no parameter ${name}`)).shape.map(Number)),
  }));
  const session = await device.load(model, 'measuring the machine');
  const feeds = Object.fromEntries(
    await Promise.all(
      [...graph.inputs].map(async ([name, { shape }]) => [name, await device.put(tensor(shape.map(Number)))] as const),
    ),
  );
  const seconds: number[] = [];
  const began = performance.now();
  for (let run = 0; run < repeats && (run === 0 || performance.now() - began < mostMs); run++) {
    const from = performance.now();
    const { buffers } = await session.run(feeds, [...graph.outputs.keys()]);
    seconds.push((performance.now() - from) / 1000);
    for (const buffer of Object.values(buffers)) buffer.free();
  }
  for (const feed of Object.values(feeds)) feed.free();
  await session.release();
  return { work: graphCost(graph, {}), seconds: seconds.sort((a, b) => a - b)[seconds.length >> 1]! };
}
