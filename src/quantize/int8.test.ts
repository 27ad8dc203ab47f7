import { expect, test } from 'vitest';
import { random } from '../core/random.ts';
import { float32 } from '../core/tensor.ts';
import { quantizeInt8 } from './int8.ts';

const [rows, columns] = [70, 130];
const draw = random(3);
const weight = Float32Array.from({ length: rows * columns }, (_, i) => draw.normal() * (i % columns === 5 ? 50 : 1));
const { forward, backward } = quantizeInt8(float32(weight, [rows, columns]));

test('no value is off by more than half the scale of its output, in either direction', () => {
  for (let o = 0; o < rows; o++)
    for (let i = 0; i < columns; i++) {
      const w = weight[o * columns + i]!;
      const there = forward.values[i * rows + o]! * forward.scales[o]!;
      const back = backward.values[o * columns + i]! * backward.scales[i]!;
      expect(Math.abs(there - w)).toBeLessThanOrEqual(0.5001 * forward.scales[o]!);
      expect(Math.abs(back - w)).toBeLessThanOrEqual(0.5001 * backward.scales[i]!);
    }
});

test('the largest value of each output uses the whole range, and the shapes are those of the products', () => {
  for (let o = 0; o < rows; o++)
    expect(Math.max(...Array.from({ length: columns }, (_, i) => Math.abs(forward.values[i * rows + o]!)))).toBe(127);
  expect(forward.shape).toEqual([columns, rows]);
  expect(backward.shape).toEqual([rows, columns]);
});

test('zeros stay zeros', () => {
  const { forward: zero } = quantizeInt8(float32(new Float32Array(6), [2, 3]));
  expect([...zero.values, ...zero.scales]).toEqual(new Array(8).fill(0));
});
