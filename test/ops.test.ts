import { afterAll, describe, expect, test } from 'vitest';
import { random } from '../src/core/random.ts';
import { float32, int32, type Tensor, uint32 } from '../src/core/tensor.ts';
import { grad } from '../src/graph/grad.ts';
import { Graph, type Value } from '../src/graph/graph.ts';
import { interpret } from '../src/graph/interpret.ts';
import type { NdArray } from '../src/graph/op.ts';
import * as g from '../src/graph/ops/index.ts';
import { type OpName, ops } from '../src/graph/ops/index.ts';
import { verify } from '../src/graph/verify.ts';
import { graphCost } from '../src/onnx/cost.ts';
import { emitOnnx } from '../src/onnx/emit.ts';
import { Device } from '../src/runtime/device.ts';
import { lackingOperators } from '../src/runtime/provider.ts';

/** One way to use an op: float inputs by shape, built into a result. `positive` draws inputs from (0.5, 2). */
interface Row {
  readonly shapes: readonly (readonly number[])[];
  readonly build: (...inputs: Value[]) => Value;
  readonly positive?: true;
  readonly constantGradient?: true;
}

const ints = (v: Value, data: number[], shape = [data.length]) => v.graph.constant(data, { dtype: 'int32', shape });
const slots = (v: Value) => ints(v, [0, 1, 2, 3, 5, 5, 4, 5, 5], [3, 3]);
const places = (v: Value) => ints(v, [0, 1, 2, 3, 6]);

/** What the gradient of y gives of a cotangent. */
const backThrough = (y: Value, x: Value, dy: Value) => {
  const weighted = g.mul(y, dy);
  return g.add(grad(g.reshape(g.sum(weighted, [0, 1]), []), [x])[0]!, x);
};
const signs = (v: Value, width: number) =>
  v.graph.constant(
    Array.from({ length: width }, (_, i) => (i % 3) - 1),
    { shape: [1, width] },
  );

/** Every op in every mode that has its own code. */
const rows: { readonly [K in OpName]: readonly Row[] } = {
  input: [{ shapes: [[2, 3]], build: (x) => g.neg(x) }],
  parameter: [{ shapes: [[2, 3]], build: (x) => g.mul(x, x.graph.parameter('w', [3])) }],
  constant: [{ shapes: [[2, 2]], build: (x) => g.add(x, x.graph.constant([1, 2, 3, 4], { shape: [2, 2] })) }],
  filled: [
    {
      shapes: [[3, 2]],
      build: (x) => g.mul(x, g.cast(g.filled(x.graph, 'S', { value: 7, dtype: 'uint8' }), 'float32')),
    },
  ],
  iota: [{ shapes: [[3, 2]], build: (x) => g.mul(x, g.cast(g.iota(x.graph, 'S'), 'float32')) }],
  add: [
    { shapes: [[2, 3], [3]], build: g.add },
    {
      shapes: [
        [2, 1],
        [1, 3],
      ],
      build: g.add,
    },
  ],
  sub: [{ shapes: [[2, 3], []], build: g.sub }],
  mul: [
    {
      shapes: [
        [2, 3],
        [2, 1],
      ],
      build: g.mul,
    },
    { shapes: [[4], [4]], build: g.mul },
  ],
  div: [{ shapes: [[2, 3], [3]], build: g.div, positive: true }],
  neg: [{ shapes: [[5]], build: g.neg }],
  exp: [{ shapes: [[5]], build: g.exp }],
  log: [{ shapes: [[5]], build: g.log, positive: true }],
  sqrt: [{ shapes: [[5]], build: g.sqrt, positive: true }],
  reciprocal: [{ shapes: [[5]], build: g.reciprocal, positive: true }],
  sin: [{ shapes: [[5]], build: g.sin }],
  cos: [{ shapes: [[5]], build: g.cos }],
  square: [{ shapes: [[2, 3]], build: g.square }],
  sigmoid: [{ shapes: [[5]], build: g.sigmoid }],
  softplus: [
    { shapes: [[5]], build: (x) => g.softplus(g.scale(x, 40)) },
    { shapes: [[5]], build: g.softplus },
  ],
  detach: [{ shapes: [[4]], build: (x) => g.mul(x, g.detach(x)), constantGradient: true }],
  lessEqual: [{ shapes: [[2, 3], [3]], build: (a, b) => g.mul(a, g.cast(g.lessEqual(a, b), 'float32')) }],
  equal: [
    { shapes: [[3]], build: (x) => g.mul(x, g.cast(g.equal(ints(x, [0, 1, 2]), ints(x, [2, 1, 0])), 'float32')) },
  ],
  where: [{ shapes: [[2, 3], [3], [2, 1]], build: (a, b, c) => g.where(g.lessEqual(a, b), b, c) }],
  cast: [{ shapes: [[3]], build: (x) => g.mul(x, g.cast(ints(x, [7, 8, 9]), 'float32')) }],
  sum: [
    { shapes: [[2, 3, 4]], build: (x) => g.sum(x, [0, 2]) },
    { shapes: [[2, 3]], build: g.meanLast },
  ],
  softmax: [{ shapes: [[2, 5]], build: g.softmax }],
  logSoftmax: [{ shapes: [[2, 5]], build: g.logSoftmax }],
  matmul: [
    ...[false, true].flatMap((transA) =>
      [false, true].map((transB) => ({
        shapes: [transA ? [3, 2] : [2, 3], transB ? [4, 3] : [3, 4]],
        build: (a: Value, b: Value) => g.matmul(a, b, { transA, transB, scale: 0.5 }),
      })),
    ),
    {
      shapes: [
        [2, 3, 4, 5],
        [2, 1, 5, 2],
      ],
      build: (a, b) => g.matmul(a, b),
    },
    {
      shapes: [
        [2, 3, 4, 5],
        [2, 1, 2, 5],
      ],
      build: (a, b) => g.matmul(a, b, { transB: true, scale: 2 }),
    },
    {
      shapes: [
        [2, 5, 4],
        [2, 5, 3],
      ],
      build: (a, b) => g.matmul(a, b, { transA: true }),
    },
    { shapes: [[2, 3], [3, 4], [4]], build: (a, b, c) => g.add(g.matmul(a, b), c) },
    {
      shapes: [
        [2, 3],
        [3, 4],
        [2, 4],
      ],
      build: (a, b, c) => g.add(c, g.matmul(a, b, { scale: 3 })),
    },
  ],
  reshape: [{ shapes: [[2, 6]], build: (x) => g.reshape(x, [3, 4]) }],
  transpose: [{ shapes: [[2, 3, 4]], build: (x) => g.transpose(x, [2, 0, 1]) }],
  expand: [
    {
      shapes: [
        [2, 1],
        [2, 3],
      ],
      build: (x, like) => g.expandLike(x, g.detach(like)),
      constantGradient: true,
    },
    {
      shapes: [
        [2, 1],
        [2, 3],
      ],
      build: (x, y) => g.mul(g.expandLike(x, y), y),
    },
  ],
  concat: [
    {
      shapes: [
        [2, 1],
        [2, 3],
      ],
      build: (a, b) => g.concat([a, b], 1),
    },
  ],
  slice: [{ shapes: [[2, 5]], build: (x) => g.slice(x, { axis: 1, start: 1, end: 4 }) }],
  pad: [{ shapes: [[2, 3]], build: (x) => g.pad(x, { axis: 0, before: 1, after: 2 }) }],
  rotateHalf: [{ shapes: [[2, 3, 6]], build: g.rotateHalf }],
  gather: [{ shapes: [[4, 3]], build: (x) => g.gather(x, ints(x, [2, 0, 2])) }],
  scatterAdd: [
    {
      shapes: [
        [3, 2],
        [4, 2],
      ],
      build: (x, like) => g.scatterAddLike(x, ints(x, [2, 0, 2]), g.detach(like)),
      constantGradient: true,
    },
  ],
  padRows: [{ shapes: [[5, 2]], build: (x) => g.padRows(x, slots(x), places(x)) }],
  unpadRows: [{ shapes: [[3, 3, 2]], build: (x) => g.unpadRows(x, slots(x), places(x)) }],
  checkpoint: [{ shapes: [[2, 3]], build: (x) => g.mul(x, g.checkpoint(x)) }],
  after: [
    {
      shapes: [
        [2, 3],
        [2, 2],
      ],
      build: (x, y) => g.mul(g.sum(y, [0, 1]), g.mul(x, g.after(x, y))),
    },
    {
      shapes: [[3], [1, 1, 1]],
      build: (x, y) => g.mul(x, g.cast(g.after(g.cast(ints(x, [7, 8, 9]), 'uint32'), y), 'float32')),
      constantGradient: true,
    },
  ],
  rowScales: [{ shapes: [[3, 4]], build: g.rowScales, constantGradient: true }],
  quantizeRows: [
    {
      shapes: [[3, 4]],
      build: (x) => g.cast(g.quantizeRows(x, g.rowScales(x)), 'float32'),
      constantGradient: true,
    },
  ],
  int8Product: [
    {
      shapes: [[2, 3]],
      build: (x) => g.int8Product(x, { weight: 'v', orientation: 'forward', in: 3, out: 4 }),
      constantGradient: true,
    },
  ],
  halfProduct: [
    {
      shapes: [[2, 3]],
      build: (x) => g.halfProduct(x, { weight: 'h', in: 3, out: 2 }),
    },
  ],
  int4Product: [
    {
      // Each row is a number times the same signs: the 8 bits that the engine rounds activations to hold it exactly.
      shapes: [[2, 1]],
      build: (x) => g.int4Product(g.matmul(x, signs(x, 32)), { weight: 'q', in: 32, out: 3 }),
    },
  ],
  int4WrittenOut: [
    { shapes: [[2, 32]], build: (x) => g.int4ProductWrittenOut(x, { weight: 'q', in: 32, out: 3 }) },
    {
      shapes: [
        [2, 32],
        [2, 3],
      ],
      build: (x, y) => backThrough(g.int4ProductWrittenOut(x, { weight: 'q', in: 32, out: 3 }), x, y),
    },
  ],
  uniform: [
    {
      shapes: [[2, 4]],
      build: (x) => g.mul(x, g.uniform(x.graph.input('a', 'uint32', [2, 1]), x.graph.input('b', 'uint32', [4]))),
    },
  ],
};

const nibbles = Array.from({ length: 96 }, (_, i) => (i * 7) % 16);
const integerFeeds = {
  'h.float16': float32([1, -2, 0.5, 4, 0.25, -1], [2, 3]),
  'q.int4': int32(nibbles, [3, 32]),
  'q.int4.blocks': int32(
    Array.from({ length: 48 }, (_, i) => nibbles[2 * i]! + 16 * nibbles[2 * i + 1]!),
    [3, 1, 16],
  ),
  'q.int4.scale': float32([0.5, -0.25, 2], [3, 1]),
  'v.int8.forward': int32([1, -127, 3, 127, 5, -6, 7, 8, -9, 10, 11, -12], [3, 4]),
  'v.scale.forward': float32([0.5, 0.25, 2, 1]),
  a: uint32([7, 0xfffffff0], [2, 1]),
  b: uint32([0, 1, 2, 0x80000000]),
};

function draw(row: Row, seed: number): Record<string, Tensor> {
  const rng = random(seed);
  const one = () => (row.positive ? 0.5 + 1.5 * rng.uniform() : rng.normal());
  const tensor = (shape: readonly number[]) =>
    float32(Array.from({ length: shape.reduce((n, d) => n * d, 1) }, one), shape);
  return {
    ...Object.fromEntries(row.shapes.map((shape, i) => [`x${i}`, tensor(shape)])),
    'op.w': tensor([3]),
    ...integerFeeds,
  };
}

function build(row: Row) {
  const graph = new Graph();
  const inputs = row.shapes.map((shape, i) =>
    graph.input(`x${i}`, 'float32', row === rows.iota[0] || row === rows.filled[0] ? [shape[0]!, 'S'] : shape),
  );
  const y = graph.scope('op', () => row.build(...inputs));
  return { graph, inputs, y };
}

const wide = (t: Record<string, Tensor>): Record<string, NdArray> =>
  Object.fromEntries(
    Object.entries(t).map(([name, { shape, data }]) => [name, { shape, data: Float64Array.from(data) }]),
  );

const cases = Object.entries(rows).flatMap(([name, list]) => list.map((row, i) => ({ name: `${name} ${i}`, row })));
const device = new Device({ threads: 1 });
afterAll(() => device.close());

/** The runtime against the interpreter, with the operators that some device lacks written by others. */
async function checkRuntime(row: Row, lacking: ReadonlySet<string>): Promise<readonly string[]> {
  const { graph, y } = build(row);
  graph.output('y', y);
  verify(graph);
  const feeds = draw(row, 1);
  const model = emitOnnx(graph, (name) => ({ kind: 'inline', tensor: feeds[name]! }), lacking);
  const session = await device.load(model, 'op');
  const { tensors } = await session.run(feeds);
  const [expected] = interpret(graph, [y], wide(feeds));
  expect(tensors.y!.shape).toEqual(expected!.shape);
  for (const [i, v] of expected!.data.entries()) expect(tensors.y!.data[i]).toBeCloseTo(v, 4);
  return model.nodes.map((n) => n.opType);
}

describe('interpreter = runtime', () => {
  test.each(cases)('$name', async ({ row }) => {
    expect(await checkRuntime(row, new Set())).not.toEqual([]);
  });
});

describe('the same where an operator is lacking', () => {
  test.each(rows.matmul.map((row, i) => ({ name: `matmul ${i}`, row })))('$name', async ({ row }) =>
    expect(await checkRuntime(row, lackingOperators.webgpu)).not.toContain('FusedMatMul'),
  );
});

describe('cost counts the nodes that are written', () => {
  test.each(cases)('$name', ({ row }) => {
    const { graph, y } = build(row);
    graph.output('y', y);
    const feeds = draw(row, 1);
    const { nodes: written } = emitOnnx(graph, (name) => ({ kind: 'inline', tensor: feeds[name]! }));
    const { nodes, flops, bytes, peakBytes } = graphCost(graph, { S: 3 });
    expect(nodes).toBe(written.length - graph.outputs.size);
    for (const count of [flops, bytes, peakBytes]) expect(count).toBeGreaterThanOrEqual(0);
  });
});

/** d/dt f(x + t·v) by central differences against ⟨vjp, v⟩, with f(x) = ⟨op(x), random weights⟩: all of it in float64. */
describe('gradient = finite differences', () => {
  test.each(cases.filter(({ row }) => !row.constantGradient))('$name', ({ row }) => {
    const { graph, inputs, y } = build(row);
    const weights = random(5);
    const size = y.shape.map((d) => (typeof d === 'number' ? d : 2));
    const weighted = g.mul(y, graph.input('weights', 'float32', y.shape));
    const loss = g.reshape(
      g.sum(
        weighted,
        weighted.shape.map((_, i) => i),
      ),
      [],
    );
    const gradients = grad(loss, inputs);
    const at = {
      ...wide(draw(row, 2)),
      weights: {
        shape: size,
        data: Float64Array.from({ length: size.reduce((n, d) => n * d, 1) }, () => weights.normal()),
      },
    };
    const direction = wide(draw(row, 3));
    const moved = (t: number) => {
      const shift = (name: string, x: NdArray): NdArray =>
        name.startsWith('x') ? { ...x, data: x.data.map((v, i) => v + t * direction[name]!.data[i]!) } : x;
      return interpret(
        graph,
        [loss],
        Object.fromEntries(Object.entries(at).map(([name, x]) => [name, shift(name, x)])),
      )[0]!.data[0]!;
    };
    const h = 1e-5;
    const numeric = (moved(h) - moved(-h)) / (2 * h);
    const analytic = interpret(graph, gradients, at).reduce(
      (total, d, i) => total + d.data.reduce((s, v, k) => s + v * direction[`x${i}`]!.data[k]!, 0),
      0,
    );
    expect(Math.abs(analytic - numeric)).toBeLessThan(1e-6 * Math.max(1, Math.abs(numeric)));
    expect(Math.abs(numeric)).toBeGreaterThan(1e-8);
  });
});

test('every op has a row', () => expect(Object.keys(rows).sort()).toEqual(Object.keys(ops).sort()));
test('detach stops gradients', () => {
  const { graph, inputs, y } = build(rows.detach[0]!);
  const [dx] = interpret(graph, grad(g.reshape(g.sum(y, [0]), []), inputs), wide(draw(rows.detach[0]!, 1)));
  expect(Array.from(dx!.data)).toEqual(Array.from(draw(rows.detach[0]!, 1).x0!.data));
});

test('scatterAdd adds every row where an index repeats, on several threads', async () => {
  const [count, width, rows] = [20_000, 64, 10];
  const graph = new Graph();
  const places = graph.input('places', 'int32', ['M']);
  const like = graph.input('like', 'float32', [rows, width]);
  graph.output('y', g.scatterAddLike(graph.input('x', 'float32', ['M', width]), places, like));
  const parallel = new Device({ threads: 2 });
  const session = await parallel.load(
    emitOnnx(graph, () => expect.fail()),
    'scatter',
  );
  const { tensors } = await session.run({
    x: float32(new Float32Array(count * width).fill(1), [count, width]),
    places: int32(Array.from({ length: count }, (_, i) => i % rows)),
    like: float32(new Float32Array(rows * width), [rows, width]),
  });
  await parallel.close();
  expect(tensors.y!.data.every((v) => v === count / rows)).toBe(true);
});
