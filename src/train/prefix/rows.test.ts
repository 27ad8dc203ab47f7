import { expect, test } from 'vitest';
import { random } from '../../core/random.ts';
import { decodeRows, encodeRows } from './rows.ts';

const width = 24;

function there(states: Float32Array): Float32Array {
  const back = new Float32Array(states.length);
  decodeRows(encodeRows(states, width), back, width);
  return back;
}

test('states come back to 11 bits, whatever their size', () => {
  const draw = random(1);
  for (const size of [1e-30, 1e-6, 1, 60_000, 1e9, 3e38]) {
    const states = Float32Array.from({ length: 5 * width }, () => size * (2 * draw.uniform() - 1));
    const back = there(states);
    for (const [i, x] of states.entries()) {
      const row = states.subarray(i - (i % width), i - (i % width) + width);
      const top = Math.max(...row.map(Math.abs));
      expect(Math.abs(back[i]! - x)).toBeLessThanOrEqual(Math.max(Math.abs(x) * 2 ** -11, top * 2 ** -38));
    }
  }
});

test('a row of zeros, and a value that stands alone in its row', () => {
  const states = new Float32Array(2 * width);
  states[width + 3] = -123_456;
  expect([...there(states)].map((x) => x + 0)).toEqual(
    [...states.map((x) => Math.fround(x))].map((x, i) => (i === width + 3 ? -123_456 : x)),
  );
});

test.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])('a state of %s is refused', (bad) => {
  const states = new Float32Array(width).fill(1);
  states[7] = bad;
  expect(() => encodeRows(states, width)).toThrow(/no number to train on/);
});
