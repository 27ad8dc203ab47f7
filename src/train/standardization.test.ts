import { expect, test } from 'vitest';
import { examplesOf, targetsAt } from '../data/example.ts';
import { withTargets } from '../data/testing/examples.ts';
import { initialCutpoints } from './cutpoints.ts';
import { fitStandardization } from './standardization.ts';
import { lossTarget } from './targets.ts';

const examples = examplesOf(
  withTargets([
    [1, 5],
    [2, 5],
    [6, 5],
  ]),
);

test('values are learnt in units of their deviation from their mean; of a constant, as they are', async () => {
  const standardization = await fitStandardization(examples.targets(), 2);
  expect(standardization.means).toEqual([3, 5]);
  expect(standardization.deviations[0]).toBeCloseTo(Math.sqrt(14 / 3), 12);
  expect(standardization.deviations[1]).toBe(1);
  const { row, divisor } = lossTarget('regression', [6, 5], { standardization });
  expect(row[0]).toBeCloseTo(3 / Math.sqrt(14 / 3), 12);
  expect([row[1], divisor]).toEqual([0, 2]);
});

test('only of the examples that are trained on', async () =>
  expect((await fitStandardization(targetsAt(examples, Uint32Array.of(1, 2)), 2)).means).toEqual([4, 5]));

test('cutpoints give every label the levels it has, those no example has included', async () => {
  const levels = examplesOf(
    withTargets([
      [0, 1],
      [2, 0],
      [1, 0],
      [0, 0],
    ]),
  );
  const { shape, data } = await initialCutpoints(levels, ['joy', 'fear']);
  const logit = (below: number, above: number) => Math.log((below + 0.5) / (above + 0.5));
  expect(shape).toEqual([2, 2]);
  expect([...data]).toEqual([logit(2, 2), logit(3, 1), logit(3, 1), logit(4, 0)].map(Math.fround));
  const { row, divisor } = lossTarget('ordinal_regression', [2, 1], { cutpoints: 2 });
  expect([row, divisor]).toEqual([[1, 1, 1, 0], 2]);
});
