import { expect, test } from 'vitest';
import { random } from '../core/random.ts';
import { float32 } from '../core/tensor.ts';
import { dequantizeInt4, int4Rounding, quantizeInt4 } from './int4.ts';

const shape = [6, 128] as const;
const draw = random(3);
const weight = float32(
  Float32Array.from({ length: 6 * 128 }, (_, i) => draw.normal() * (i % 100 === 5 ? 50 : 1)),
  shape,
);
const matrix = quantizeInt4(weight);
const rounded = dequantizeInt4(matrix, shape);

test('no value is off by more than half the scale of its block, and the largest is exact', () => {
  for (let at = 0; at < weight.data.length; at += 128) {
    const block = Array.from(weight.data.subarray(at, at + 128));
    const errors = block.map((w, i) => Math.abs(rounded.data[at + i]! - w));
    const largest = block.reduce((a, b) => (Math.abs(b) > Math.abs(a) ? b : a));
    const scale = Math.abs(largest) / 8;
    block.forEach((w, i) => {
      // On the other side of zero the values end one scale earlier.
      const isBeyond = w * Math.sign(largest) < -7.5 * scale;
      expect(errors[i]).toBeLessThanOrEqual((isBeyond ? 1.0001 : 0.5001) * scale);
    });
    expect(errors[block.indexOf(largest)]).toBeLessThan(1e-6 * Math.abs(largest));
  }
});

test('zeros stay zeros', () => {
  const zeros = float32(new Float32Array(64), [1, 64]);
  const { blocks, scales } = quantizeInt4(zeros);
  expect([...scales]).toEqual([0]);
  expect(Array.from(dequantizeInt4({ blocks, scales }, [1, 64]).data)).toEqual(Array.from(zeros.data));
});

test.each([
  [384, [2, 3, 64]],
  [192, [2, 3, 32]],
  [96, [2, 3, 16]],
  [48, [2, 3, 8]],
])('rows of %i values are cut into the largest blocks that divide them', (into, blocks) => {
  const parts = int4Rounding.parts([2, into]);
  expect(parts.map((part) => part.shape)).toEqual([blocks, blocks.slice(0, 2)]);
  const bytes = int4Rounding.round(float32(new Float32Array(2 * into).fill(1), [2, into]));
  expect(bytes.map(({ length }) => length)).toEqual([into, 4 * 2 * blocks[1]!]);
});

test('other rows are refused', () =>
  expect(() => int4Rounding.parts([2, 24])).toThrow(/rows of 24 values cannot be cut into blocks of 128, 64, 32, 16/));
