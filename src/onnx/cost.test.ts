import { describe, expect, test } from 'vitest';
import { Graph } from '../graph/graph.ts';
import { add, expandLike, matmul, mul, padRows, reshape, softmax, sum } from '../graph/ops/index.ts';
import { graphCost } from './cost.ts';

/** The cost of what is built over x [N, 6], at N = 5. */
function costOf(build: (x: ReturnType<Graph['input']>) => ReturnType<Graph['input']>) {
  const graph = new Graph();
  graph.output('y', build(graph.input('x', 'float32', ['N', 6])));
  return graphCost(graph, { N: 5, B: 2, T: 4 }, (name) => name === 'trained');
}
const float = (n: number) => 4 * n;

describe('graphCost', () => {
  test('counts a product as 2 M K N, and its matrices', () =>
    expect(costOf((x) => matmul(x, x.graph.parameter('w', [7, 6]), { transB: true }))).toMatchObject({
      nodes: 1,
      flops: 2 * 5 * 6 * 7,
      bytes: float(5 * 6 + 7 * 6 + 5 * 7),
      products: { nodes: 1, flops: 420 },
      passes: { nodes: 0, flops: 0, bytes: 0 },
      peakBytes: float(5 * 7),
      outputBytes: float(5 * 7),
    }));

  test('a transposed first operand has K rows', () =>
    expect(costOf((x) => matmul(x, x, { transA: true })).flops).toBe(2 * 6 * 5 * 6));

  test('an addend that fits into a product is no pass of its own', () =>
    expect(costOf((x) => add(matmul(x, x.graph.parameter('w', [6, 6])), x))).toMatchObject({
      nodes: 1,
      flops: 2 * 5 * 36 + 30,
      bytes: float(30 + 36 + 30) + float(60),
    }));

  test('an elementwise op reads through an expansion', () => {
    const { nodes, bytes } = costOf((x) => mul(x, expandLike(sum(x, [1]), x)));
    expect(nodes).toBe(2);
    expect(bytes).toBe(float(30 + 5) + float(30 + 5 + 30));
  });

  test('a view moves and holds nothing', () =>
    expect(costOf((x) => softmax(reshape(x, ['N', 2, 3])))).toMatchObject({
      nodes: 2,
      flops: 5 * 30,
      bytes: float(60),
      peakBytes: float(30),
    }));

  test('a trained parameter is copied out of the flat vector', () => {
    const frozen = costOf((x) => mul(x, x.graph.parameter('w', [6])));
    const trained = costOf((x) => mul(x, x.graph.parameter('trained', [6])));
    expect(trained.nodes - frozen.nodes).toBe(2);
    expect(trained.bytes - frozen.bytes).toBe(float(12));
    expect(trained.peakBytes - frozen.peakBytes).toBe(float(6));
  });

  test('padding goes over a copy with a row of zeros', () => {
    const { nodes, peakBytes } = costOf((x) =>
      padRows(x, x.graph.input('slots', 'int32', ['B', 'T']), x.graph.input('places', 'int32', ['N'])),
    );
    expect({ nodes, peakBytes }).toEqual({ nodes: 2, peakBytes: float(2 * 4 * 6 + 5 * 6) });
  });

  test('a symbol without a size is a mistake of ours', () => {
    const graph = new Graph();
    graph.output('y', mul(graph.input('x', 'float32', ['Q']), graph.constant(2)));
    expect(() => graphCost(graph, {})).toThrow('internal: no size is given for dimension Q');
  });
});
