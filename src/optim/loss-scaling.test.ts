import { expect, test } from 'vitest';
import { LossScaling } from './loss-scaling.ts';

const after = (steps: number, scaling = new LossScaling()) => {
  for (let i = 0; i < steps; i++) scaling.held();
  return scaling;
};

test('is halved where a gradient overflows, down to 1', () => {
  const scaling = new LossScaling();
  expect(scaling.scale).toBe(65536);
  for (let i = 0; i < 16; i++) expect(scaling.overflowed()).toBe(true);
  expect(scaling.scale).toBe(1);
  expect(scaling.overflowed()).toBe(false);
});

test('is doubled after 2000 steps without', () => {
  const scaling = after(1999);
  scaling.overflowed();
  expect(after(1999, scaling).scale).toBe(32768);
  expect(after(1, scaling).scale).toBe(65536);
});

test('goes on where it was', () => {
  const before = after(1990);
  before.overflowed();
  after(1990, before);
  const [going, copy] = [before, new LossScaling()];
  copy.restore(going.state);
  expect(after(10, copy).scale).toBe(after(10, going).scale);
  expect(copy.scale).toBe(65536);
  expect(() => copy.restore(undefined)).toThrow(/not one of a run in fp16/);
});
