/**
 * Other ways to write parts of a graph, each against how they are written: one product where inputs are shared, and the
 * engine's fused kernels. Forward passes at 512 tokens (16 texts of 32), medians of alternating runs.
 *
 *     node --import tsx bench/kernels.ts
 */

import { internal } from '../src/core/errors.ts';
import { random } from '../src/core/random.ts';
import { float32, int32, sizeOf, type Tensor } from '../src/core/tensor.ts';
import { Graph, type Value } from '../src/graph/graph.ts';
import type { OnnxAttribute, Op } from '../src/graph/op.ts';
import { add, int8Product, matmul, mul, reshape, sigmoid } from '../src/graph/ops/index.ts';
import type { Shape } from '../src/graph/shape.ts';
import { packTokens } from '../src/models/packing.ts';
import { causalAttention, joinHeads, splitHeads } from '../src/nn/attention.ts';
import { rmsNorm } from '../src/nn/norm.ts';
import { ropeFrequencies, rotary, rotate } from '../src/nn/rope.ts';
import { emitOnnx } from '../src/onnx/emit.ts';
import { Device, type DeviceBuffer } from '../src/runtime/device.ts';
import { median } from './versus-peft/job.ts';

const [B, T] = [16, 32];
const N = B * T;
const eps = 1e-5;
const rounds = 31;
const device = new Device({ threads: Number(process.env.THREADS ?? 2) });
const rng = random(1);

interface KernelOptions {
  readonly attributes?: Readonly<Record<string, OnnxAttribute>>;
  readonly domain?: string;
  /** Inputs that are left out after the third. */
  readonly absent?: number;
  /** A whole number that is the second input. */
  readonly second?: number;
}

/** An op that is one node of the engine's, for this file alone. */
function kernel(
  type: string,
  inputs: readonly Value[],
  shape: Shape,
  { attributes = {}, domain = 'com.microsoft', absent = 0, second }: KernelOptions = {},
): Value {
  const op: Op = {
    name: type,
    infer: () => ({ dtype: 'float32', shape }),
    vjp: 'not differentiable',
    onnx(emit, names) {
      const number = second === undefined ? [] : [emit.constant('int64', [second], [1])];
      const given = [names[0]!, ...number, ...names.slice(1, 3), ...Array(absent).fill(''), ...names.slice(3)];
      return emit.node(type, given, attributes, domain);
    },
    cost: (_, { bytes }) => ({ kind: 'pass', nodes: 1, flops: 0, bytes, scratchBytes: 0 }),
    interpret: () => internal(`${type} is only run by the engine`),
  };
  return inputs[0]!.graph.apply(op, inputs, {});
}

type Build = (graph: Graph) => Value | readonly Value[];

async function load(build: Build, label: string) {
  const graph = new Graph();
  for (const [i, y] of [build(graph)].flat().entries()) graph.output(`y${i}`, y as Value);
  const values = (shape: readonly number[], dtype: string): Tensor =>
    dtype === 'int8'
      ? int32(
          Int32Array.from({ length: sizeOf(shape) }, () => rng.integer(200) - 100),
          shape,
        )
      : float32(
          Float32Array.from({ length: sizeOf(shape) }, () => rng.normal()),
          shape,
        );
  const model = emitOnnx(graph, (name) => {
    const { shape, dtype } = graph.parameters.get(name)!;
    return { kind: 'inline', tensor: values(shape.map(Number), dtype) };
  });
  const session = await device.load(model, label);
  const bound: Readonly<Record<string, number>> = { N, B, T };
  const packing = packTokens(Array.from({ length: B }, () => new Int32Array(T))).feeds;
  const feeds: Record<string, Tensor | DeviceBuffer> = {};
  for (const [name, { shape, dtype }] of graph.inputs) {
    const sizes = shape.map((d) => (typeof d === 'number' ? d : bound[d]!));
    const known = (packing as Readonly<Record<string, Tensor>>)[name];
    feeds[name] = await device.put(
      known ?? (dtype === 'int32' ? int32(new Int32Array(sizeOf(sizes)).fill(T - 1), sizes) : values(sizes, dtype)),
    );
  }
  return async () => {
    const from = performance.now();
    const { buffers } = await session.run(feeds, [...graph.outputs.keys()]);
    const ms = performance.now() - from;
    for (const buffer of Object.values(buffers)) buffer.free();
    return ms;
  };
}

async function compare(what: string, ours: Build, other: Build): Promise<void> {
  try {
    const [a, b] = [await load(ours, what), await load(other, what)];
    const [times, others]: [number[], number[]] = [[], []];
    for (let round = 0; round < rounds; round++) {
      times.push(await a());
      others.push(await b());
    }
    const [x, y] = [median(times), median(others)];
    console.log(`| ${what} | ${x.toFixed(2)} | ${y.toFixed(2)} | ${(x / y).toFixed(2)} |`);
  } catch (error) {
    console.log(`| ${what} | – | – | ${(error as Error).message.slice(0, 200)} |`);
  }
}

const rows = (graph: Graph, name: string, width: number) => graph.input(name, 'float32', [N, width]);
const rank = 16;

/** What LoRA computes with its A's: forward, their gradients, and what they add to the input's. */
const loraA =
  (width: number, count: number): Build =>
  (graph) => {
    const x = rows(graph, 'x', width);
    let dx = rows(graph, 'dx', width);
    return Array.from({ length: count }, (_, i) => {
      const [a, dt] = [graph.input(`a${i}`, 'float32', [rank, width]), rows(graph, `dt${i}`, rank)];
      dx = add(matmul(dt, a), dx);
      return [matmul(x, a, { transB: true }), matmul(dt, x, { transA: true }), ...(i === count - 1 ? [dx] : [])];
    }).flat();
  };
const mergedLoraA =
  (width: number, count: number): Build =>
  (graph) => {
    const x = rows(graph, 'x', width);
    const [a, dt] = [graph.input('a', 'float32', [count * rank, width]), rows(graph, 'dt', count * rank)];
    const dx = add(matmul(dt, a), rows(graph, 'dx', width));
    return [matmul(x, a, { transB: true }), matmul(dt, x, { transA: true }), dx];
  };
const products =
  (width: number, outs: readonly number[]): Build =>
  (graph) =>
    outs.map((out, i) => matmul(rows(graph, 'x', width), graph.parameter(`w${i}`, [out, width]), { transB: true }));
const int8Products =
  (width: number, outs: readonly number[]): Build =>
  (graph) =>
    outs.map((out, i) =>
      int8Product(rows(graph, 'x', width), { weight: `w${i}`, orientation: 'forward', in: width, out }),
    );
const sum = (values: readonly number[]) => [values.reduce((a, b) => a + b, 0)];

console.log('| written as | ms | other way, ms | gain |\n| --- | --- | --- | --- |');
for (const { width, inner, heads, kvHeads, headDim } of [
  { width: 256, inner: 704, heads: 4, kvHeads: 1, headDim: 64 },
  { width: 768, inner: 2048, heads: 12, kvHeads: 4, headDim: 64 },
  { width: 2048, inner: 8192, heads: 32, kvHeads: 8, headDim: 64 },
]) {
  const qkv = [heads, kvHeads, kvHeads].map((n) => n * headDim);
  const name = (what: string) => `${width}: ${what}`;
  await compare(name('LoRA A of q, k, v, each → one product'), loraA(width, 3), mergedLoraA(width, 3));
  await compare(name('q, k, v in fp32 → one product'), products(width, qkv), products(width, sum(qkv)));
  await compare(name('q, k, v in int8 → one product'), int8Products(width, qkv), int8Products(width, sum(qkv)));
  await compare(
    name('gate, up in int8 → one product'),
    int8Products(width, [inner, inner]),
    int8Products(width, [2 * inner]),
  );
  await compare(
    name('rmsNorm → SimplifiedLayerNormalization'),
    (graph) => rmsNorm(rows(graph, 'x', width), eps),
    (graph) =>
      kernel(
        'SimplifiedLayerNormalization',
        [rows(graph, 'x', width), graph.parameter('weight', [width])],
        [N, width],
        { attributes: { axis: -1, epsilon: { float: eps } }, domain: '' },
      ),
  );
  await compare(
    name('add, rmsNorm → SkipSimplifiedLayerNormalization'),
    (graph) => rmsNorm(add(rows(graph, 'x', width), rows(graph, 'z', width)), eps),
    (graph) =>
      kernel(
        'SkipSimplifiedLayerNormalization',
        [rows(graph, 'x', width), rows(graph, 'z', width), graph.parameter('weight', [width])],
        [N, width],
        { attributes: { epsilon: { float: eps } } },
      ),
  );
  await compare(
    name('silu(gate) · up → QuickGelu'),
    (graph) => {
      const gate = rows(graph, 'g', inner);
      return mul(mul(gate, sigmoid(gate)), rows(graph, 'u', inner));
    },
    (graph) => {
      const gate = rows(graph, 'g', inner);
      const silu = kernel('QuickGelu', [gate], [N, inner], { attributes: { alpha: { float: 1 } } });
      return mul(silu, rows(graph, 'u', inner));
    },
  );
  const frequencies = ropeFrequencies({ theta: 500_000, headDim } as never);
  await compare(
    name('rotary positions → RotaryEmbedding'),
    (graph) => {
      const positions = graph.input('positions', 'int32', [N]);
      return joinHeads(rotate(splitHeads(rows(graph, 'x', heads * headDim), headDim), rotary(positions, frequencies)));
    },
    (graph) =>
      kernel(
        'RotaryEmbedding',
        [
          reshape(rows(graph, 'x', heads * headDim), [B, T, heads * headDim]),
          graph.parameter('cos', [T, headDim / 2]),
          graph.parameter('sin', [T, headDim / 2]),
        ],
        [B, T, heads * headDim],
        { second: 0 },
      ),
  );
  const size = { heads, kvHeads, headDim };
  await compare(
    name('attention → GroupQueryAttention'),
    (graph) => {
      const packing = {
        positions: graph.input('positions', 'int32', ['N']),
        slots: graph.input('slots', 'int32', ['B', 'T']),
        places: graph.input('places', 'int32', ['N']),
        last: graph.input('last', 'int32', ['B']),
      };
      const input = (n: string, count: number) => graph.input(n, 'float32', ['N', count * headDim]);
      const [q, k, v] = [input('q', heads), input('k', kvHeads), input('v', kvHeads)];
      return causalAttention(q, k, v, { ...size, packing, queries: 'all' });
    },
    (graph) => {
      const input = (n: string, count: number) => graph.input(n, 'float32', [B, T, count * headDim]);
      return kernel(
        'GroupQueryAttention',
        [
          input('q', heads),
          input('k', kvHeads),
          input('v', kvHeads),
          graph.input('lengths', 'int32', [B]),
          graph.constant([T], { dtype: 'int32', shape: [1] }),
        ],
        [B, T, heads * headDim],
        { attributes: { num_heads: heads, kv_num_heads: kvHeads }, absent: 2 },
      );
    },
  );
}
await device.close();
