import { expect, test } from 'vitest';
import { random } from '../../core/random.ts';
import { grad } from '../grad.ts';
import { Graph } from '../graph.ts';
import { interpret } from '../interpret.ts';
import type { NdArray } from '../op.ts';
import { int8Product, reshape, sum } from './index.ts';

const array = (shape: readonly number[], data: readonly number[]): NdArray => ({
  shape,
  data: Float64Array.from(data),
});
const draw = (count: number, seed: number) => {
  const rng = random(seed);
  return Array.from({ length: count }, () => rng.normal());
};

/** Weights of powers of two, so that both roundings are exact: W [2, 3] stored as its columns and as its rows. */
const W = [1, -2, 4, 2, 1, -1];
const feeds = {
  'w.int8.forward': array([3, 2], [1, 2, -2, 1, 4, -1]),
  'w.scale.forward': array([2], [1, 1]),
  'w.int8.backward': array([2, 3], W),
  'w.scale.backward': array([3], [1, 1, 1]),
};

function build(rows: number) {
  const graph = new Graph();
  const x = graph.input('x', 'float32', [rows, 3]);
  return { x, y: int8Product(x, { weight: 'w', orientation: 'forward', in: 3, out: 2 }) };
}

test('is x Wᵀ as far as 8 bits of each row tell x', () => {
  const { x, y } = build(4);
  const data = draw(12, 1);
  const [got] = interpret(x.graph, [y], { ...feeds, x: array([4, 3], data) });
  for (let n = 0; n < 4; n++) {
    const row = data.slice(3 * n, 3 * n + 3);
    const step = Math.max(...row.map(Math.abs)) / 127;
    for (let m = 0; m < 2; m++) {
      const weights = W.slice(3 * m, 3 * m + 3);
      const exact = row.reduce((total, v, c) => total + v * weights[c]!, 0);
      const bound = (step / 2) * weights.reduce((total, w) => total + Math.abs(w), 0) + 1e-12;
      expect(Math.abs(got!.data[2 * n + m]! - exact)).toBeLessThanOrEqual(bound);
    }
  }
});

test('a row is rounded by its own largest value, whatever is beside it', () => {
  const row = [0.1, -0.2, 0.3];
  const ofRows = (count: number, data: number[]) => {
    const { x, y } = build(count);
    return Array.from(interpret(x.graph, [y], { ...feeds, x: array([count, 3], data) })[0]!.data);
  };
  expect(ofRows(2, [...row, 1e6, 1, -1e6]).slice(0, 2)).toEqual(ofRows(1, row));
  expect(ofRows(1, [0, 0, 0])).toEqual([0, 0]);
});

test('the gradient is dy W, rounded as dy allows: rounding counts as the identity', () => {
  const { x, y } = build(2);
  const loss = reshape(sum(y, [0, 1]), []);
  const [dx] = interpret(x.graph, grad(loss, [x]), { ...feeds, x: array([2, 3], draw(6, 2)) });
  // dy is all ones, which 8 bits hold.
  expect(Array.from(dx!.data)).toEqual([3, -1, 3, 3, -1, 3].map((v) => expect.closeTo(v, 6)));
});
