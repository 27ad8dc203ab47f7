import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { type Task, tasks } from '../core/task.ts';
import { audit } from './audit.ts';
import { countLabels, type Example, type PerSplit, splitNames } from './example.ts';
import { stratifiedSplit } from './split.ts';
import { example, examplesPerClass, oneHot, texts, withTargets } from './testing/examples.ts';

const sizes = (splits: PerSplit<readonly Example[]>): number[] => splitNames.map((name) => splits[name].length);
const single = 'single_label_classification';
const multi = 'multi_label_classification';

function expectPartition(splits: PerSplit<readonly Example[]>, examples: readonly Example[]): void {
  const ids = splitNames.flatMap((name) => splits[name].map(({ id }) => id));
  expect([...ids].sort()).toEqual(examples.map(({ id }) => id).sort());
}

describe('every task', () => {
  const targets: Readonly<Record<Task, fc.Arbitrary<number[]>>> = {
    single_label_classification: fc.nat(3).map((k) => oneHot(k, 4)),
    multi_label_classification: fc.array(fc.nat(1), { minLength: 4, maxLength: 4 }),
    regression: fc.array(fc.double({ noNaN: true, min: -9, max: 9 }), { minLength: 4, maxLength: 4 }),
  };

  it.each(tasks)('puts each example in one split, equal texts together, in order, by the seed: %s', (task) => {
    const filler = withTargets(Array.from({ length: 60 }, (_, i) => oneHot(i % 4, 4)));
    const pairs = fc.array(fc.tuple(texts, targets[task]), { maxLength: 40 });
    fc.assert(
      fc.property(pairs, fc.nat(99), (list, seed) => {
        const examples = [...filler, ...list.map(([text, target], i) => example(text, target, `odd ${i}`))];
        const splits = stratifiedSplit(examples, task, { seed });
        expectPartition(splits, examples);
        expect(audit(splits).leaks).toEqual([]);
        expect(stratifiedSplit(examples, task, { seed })).toEqual(splits);
        const place = new Map(examples.map((item, i) => [item, i]));
        for (const name of splitNames) {
          const places = splits[name].map((item) => place.get(item)!);
          expect(places).toEqual([...places].sort((a, b) => a - b));
        }
      }),
    );
  });

  it.each(tasks)('depends on the seed: %s', (task) => {
    const examples = examplesPerClass([50, 50]);
    expect(stratifiedSplit(examples, task, { seed: 1 })).not.toEqual(stratifiedSplit(examples, task, { seed: 2 }));
  });
});

describe('single-label', () => {
  it('splits 80/10/10 within a rounding of each class', () => {
    const perClass = fc.array(fc.integer({ min: 10, max: 60 }), { minLength: 2, maxLength: 6 });
    fc.assert(
      fc.property(perClass, fc.nat(99), (counts, seed) => {
        const splits = stratifiedSplit(examplesPerClass(counts), single, { seed });
        for (const [k, count] of counts.entries())
          for (const [name, fraction] of [
            ['train', 0.8],
            ['validation', 0.1],
            ['test', 0.1],
          ] as const)
            expect(Math.abs(countLabels(splits[name], counts.length)[k]! - count * fraction)).toBeLessThan(1 + 1e-9);
      }),
    );
  });

  it('keeps the fractions of the whole when classes are small', () =>
    expect(sizes(stratifiedSplit(examplesPerClass(new Array(20).fill(5)), single, { seed: 0 }))).toEqual([60, 20, 20]));

  it('has every class of three in every split, and rarer ones in train', () => {
    const splits = stratifiedSplit(examplesPerClass([40, 3, 2, 1]), single, { seed: 0 });
    const counts = splitNames.map((name) => countLabels(splits[name], 4));
    expect(counts.every(([, three]) => three === 1)).toBe(true);
    expect(counts[0]!.every((count) => count > 0)).toBe(true);
  });

  it('takes other fractions, zero too', () =>
    expect(
      sizes(
        stratifiedSplit(examplesPerClass([50, 50]), single, {
          seed: 0,
          fractions: { train: 0.7, validation: 0.3, test: 0 },
        }),
      ),
    ).toEqual([70, 30, 0]));
});

describe('multi-label', () => {
  it('gives every split its share of every label', () => {
    const rare = (i: number): number[] => [1, i % 2, i % 5 === 0 ? 1 : 0, i % 20 === 0 ? 1 : 0];
    const examples = withTargets(Array.from({ length: 400 }, (_, i) => rare(i)));
    const splits = stratifiedSplit(examples, multi, { seed: 0 });
    expect(countLabels(splits.train, 4)).toEqual([320, 160, 64, 16]);
    expect(countLabels(splits.test, 4)).toEqual([40, 20, 8, 2]);
  });

  it('splits examples without any label too', () =>
    expect(sizes(stratifiedSplit(withTargets(new Array(100).fill([0, 0])), multi, { seed: 0 }))).toEqual([80, 10, 10]));
});

describe('regression', () => {
  it('spreads small and large values over all splits', () => {
    const splits = stratifiedSplit(withTargets(Array.from({ length: 1000 }, (_, i) => [i])), 'regression', { seed: 0 });
    for (const name of splitNames) {
      const mean = splits[name].reduce((sum, { target }) => sum + target[0]!, 0) / splits[name].length;
      expect(Math.abs(mean - 499.5)).toBeLessThan(20);
    }
  });
});

it('refuses fractions that do not add up', () =>
  expect(() => stratifiedSplit([], single, { seed: 0, fractions: { train: 0.8, validation: 0.1, test: 0.2 } })).toThrow(
    /split: fractions train 0\.8, validation 0\.1, test 0\.2 add up to 1\.1/,
  ));

it('refuses too few texts', () =>
  expect(() => stratifiedSplit(examplesPerClass([1, 1]), single, { seed: 0 })).toThrow(
    'split: validation would be empty, 2 distinct texts are too few for train 0.80, validation 0.10, test 0.10; give more examples',
  ));
