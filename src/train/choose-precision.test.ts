import { expect, test } from 'vitest';
import type { Precision } from '../nn/linear.ts';
import { type Candidate, choosePrecision } from './choose-precision.ts';

const candidate = (precision: Precision, [step, bytes]: readonly [number, number]): Candidate =>
  ({
    precision,
    estimate: { time: { step }, memory: { bytes, availableBytes: 10e9 } },
  }) as Candidate;

test.each([
  ['the fastest of those that fit', [1, 8e9], [0.4, 4e9], [0.8, 2e9], 'int8'],
  ['the more exact of two that take about as long', [1, 8e9], [0.95, 4e9], [0.97, 2e9], 'fp32'],
  ['what fits though it is slower', [1, 30e9], [0.4, 16e9], [2, 9e9], 'int4'],
  ['the smallest where none fits', [1, 30e9], [0.4, 16e9], [2, 12e9], 'int4'],
] as const)('%s', (_, fp32, int8, int4, expected) => {
  const { precision, choice } = choosePrecision([
    candidate('fp32', fp32),
    candidate('int8', int8),
    candidate('int4', int4),
  ]);
  expect(precision).toBe(expected);
  expect(choice.name).toBe(expected);
});

test('says what it takes, and what the others would', () => {
  const { choice } = choosePrecision([candidate('fp32', [61, 8e9]), candidate('int8', [0.4, 4e9])]);
  expect(choice.reason).toBe('400 ms a step and 4.00 GB, where fp32 would take 1:01 min a step and 8.00 GB');
  expect(choosePrecision([candidate('fp32', [1, 8e9])]).choice).toEqual({ name: 'fp32' });
});
