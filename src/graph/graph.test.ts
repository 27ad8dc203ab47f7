import { describe, expect, test } from 'vitest';
import { grad } from './grad.ts';
import { Graph } from './graph.ts';
import { interpret } from './interpret.ts';
import {
  add,
  concat,
  detach,
  gather,
  iota,
  matmul,
  mul,
  reshape,
  slice,
  softmax,
  square,
  sum,
  transpose,
} from './ops/index.ts';
import { printGraph } from './print.ts';
import { verify } from './verify.ts';

const float = (graph: Graph, name: string, shape: (number | string)[]) => graph.input(name, 'float32', shape);
const at = (place: string, build: (graph: Graph) => unknown) => () => {
  const graph = new Graph();
  return graph.scope(place, () => build(graph));
};

describe('shape errors name the op, the shapes and the place', () => {
  test.each<[string, (graph: Graph) => unknown, RegExp]>([
    [
      'matmul',
      (g) => matmul(float(g, 'a', [2, 3]), float(g, 'b', [4, 5])),
      /^matmul: inner dimensions differ, a \[2, 3\] · b \[4, 5\] \(3 ≠ 4\), at layers\.0\.q_proj\/matmul$/,
    ],
    [
      'matmul transposed',
      (g) => matmul(float(g, 'a', ['N', 3]), float(g, 'b', [5, 4]), { transB: true }),
      /a \[N, 3\] · b \[5, 4\]ᵀ \(3 ≠ 4\)/,
    ],
    [
      'add',
      (g) => add(float(g, 'a', [2, 3]), float(g, 'b', [2])),
      /^add: shapes do not broadcast, \[2, 3\] and \[2\] \(3 ≠ 2\)/,
    ],
    ['symbols', (g) => add(float(g, 'a', ['N']), float(g, 'b', ['B'])), /N ≠ B/],
    ['types', (g) => add(float(g, 'a', [2]), g.input('i', 'int32', [2])), /wants float32, got int32\[2\]/],
    [
      'reshape',
      (g) => reshape(float(g, 'a', ['N', 6]), ['N', 4]),
      /\[N, 6\] and \[N, 4\] hold different numbers of elements/,
    ],
    ['transpose', (g) => transpose(float(g, 'a', [2, 3]), [0, 0]), /\[0, 0\] is no order of the axes of \[2, 3\]/],
    ['concat', (g) => concat([float(g, 'a', [2, 3]), float(g, 'b', [3, 3])], 1), /differ beside axis 1/],
    ['slice', (g) => slice(float(g, 'a', [4]), { axis: 0, start: 2, end: 5 }), /2…5 is not within 0…4/],
    [
      'gather',
      (g) => gather(float(g, 'a', [4, 2]), float(g, 'i', [3])),
      /wants int32 indices of rank 1, got float32\[3\]/,
    ],
    ['axis', (g) => sum(float(g, 'a', [4]), [1]), /axis 1 does not exist in rank 1/],
    [
      'other graph',
      (g) => add(float(g, 'a', [1]), float(new Graph(), 'b', [1])),
      /b.* belongs to another graph|input belongs to another graph/,
    ],
  ])('%s', (_, build, message) => expect(at('layers.0.q_proj', build)).toThrow(message));
});

describe('a graph', () => {
  test('gives the same value for the same op on the same inputs', () => {
    const g = new Graph();
    const x = float(g, 'x', [2]);
    expect(add(x, x)).toBe(add(x, x));
    expect(g.constant(1)).toBe(g.constant(1));
    expect(softmax(x)).not.toBe(softmax(add(x, x)));
  });

  test('calls parameters by their scope, and knows them again', () => {
    const g = new Graph();
    const weight = () => g.scope('model', () => g.scope('layers.0', () => g.parameter('weight', [2, 2])));
    expect(weight()).toBe(weight());
    expect([...g.parameters.keys()]).toEqual(['model.layers.0.weight']);
    expect(() => g.parameter('model.layers.0.weight', [3])).toThrow(
      /'model.layers.0.weight' was float32\[2, 2\] and now is float32\[3\]/,
    );
  });

  test('prints itself', () => {
    const g = new Graph();
    const x = float(g, 'x', ['N', 2]);
    g.output(
      'y',
      g.scope('head', () => matmul(x, g.parameter('weight', [3, 2]), { transB: true })),
    );
    expect(printGraph(g)).toBe(
      [
        '%0 float32[N, 2] = input() {name: "x", dtype: "float32", shape: ["N",2]}   # input',
        '%1 float32[3, 2] = parameter() {name: "head.weight", shape: [3,2], dtype: "float32"}   # head/parameter',
        '%2 float32[N, 3] = matmul(%0, %1) {transA: false, transB: true, scale: 1}   # head/matmul',
        'return y: %2',
      ].join('\n'),
    );
  });

  test('is verified: an output it does not have, a value out of order, a type that is not inferred', () => {
    const g = new Graph();
    const y = square(float(g, 'x', [2]));
    expect(() => verify(g)).toThrow('internal: a graph without outputs');
    g.output('y', y);
    expect(() => verify(g)).not.toThrow();
    expect(() => g.output('y', y)).toThrow(/declared twice/);
    (g.values as unknown[])[1] = { ...y, shape: [3] };
    expect(() => verify(g)).toThrow(/^internal: square is float32\[3\], inferred float32\[2\]/);
  });
});

describe('gradients', () => {
  const numbers = (g: Graph, values: Parameters<typeof interpret>[1], x: number[]) =>
    interpret(g, values, { x: { shape: [x.length], data: Float64Array.from(x) } }).map((a) => Array.from(a.data));
  const scalar = (g: Graph) => ({
    x: float(g, 'x', [2]),
    total: (v: ReturnType<typeof square>) => reshape(sum(v, [0]), []),
  });

  test('add up over paths', () => {
    const g = new Graph();
    const { x, total } = scalar(g);
    expect(numbers(g, grad(total(add(mul(x, x), x)), [x]), [3, 5])).toEqual([[7, 11]]);
  });

  test('are zero where the loss does not depend on it', () => {
    const g = new Graph();
    const { x, total } = scalar(g);
    expect(numbers(g, grad(total(square(detach(x))), [x]), [3, 5])).toEqual([[0, 0]]);
  });

  test('make no nodes for what is not asked', () => {
    const g = new Graph();
    const { x, total } = scalar(g);
    const frozen = g.parameter('frozen', [2]);
    const loss = total(mul(square(frozen), x));
    const before = g.values.length;
    grad(loss, [x]);
    const added = g.values.slice(before);
    expect(added.some((v) => v.inputs.includes(frozen))).toBe(false);
  });

  test('are of a scalar', () => {
    const g = new Graph();
    const x = float(g, 'x', [2]);
    expect(() => grad(square(x), [x])).toThrow(/the loss must be a scalar, got \[2\] at square/);
  });
});

test('the interpreter says what it lacks', () => {
  const g = new Graph();
  const x = float(g, 'x', ['N']);
  expect(() => interpret(g, [x], {})).toThrow(/no array is given for 'x'/);
  expect(() => interpret(g, [iota(g, 'M')], { x: { shape: [1], data: new Float64Array(1) } })).toThrow(
    /'M' is bound by no input/,
  );
});
