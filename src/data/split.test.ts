import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { type Task, tasks } from '../core/task.ts';
import { type Example, type PerSplit, splitNames } from './example.ts';
import { countHeld, example, examplesPerClass, oneHot, texts, withTargets } from './testing/examples.ts';
import { auditOf, splitOf } from './testing/store.ts';

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
    ordinal_regression: fc.array(fc.nat(3), { minLength: 4, maxLength: 4 }),
  };

  it.each(tasks)('puts each example in one split, equal texts together, in order, by the seed: %s', async (task) => {
    const filler = withTargets(Array.from({ length: 60 }, (_, i) => oneHot(i % 4, 4)));
    const pairs = fc.array(fc.tuple(texts, targets[task]), { maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(pairs, fc.nat(99), async (list, seed) => {
        const examples = [...filler, ...list.map(([text, target], i) => example(text, target, `odd ${i}`))];
        const splits = await splitOf(examples, task, { seed });
        expectPartition(splits, examples);
        expect((await auditOf(splits)).leaks).toEqual([]);
        expect(await splitOf(examples, task, { seed })).toEqual(splits);
        const place = new Map(examples.map((item, i) => [item, i]));
        for (const name of splitNames) {
          const places = splits[name].map((item) => place.get(item)!);
          expect(places).toEqual([...places].sort((a, b) => a - b));
        }
      }),
      { numRuns: 20 },
    );
  });

  it.each(tasks)('depends on the seed: %s', async (task) => {
    const examples = examplesPerClass([50, 50]);
    expect(await splitOf(examples, task, { seed: 1 })).not.toEqual(await splitOf(examples, task, { seed: 2 }));
  });
});

describe('single-label', () => {
  it('splits 80/10/10 within a rounding of each class', async () => {
    const perClass = fc.array(fc.integer({ min: 10, max: 60 }), { minLength: 2, maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(perClass, fc.nat(99), async (counts, seed) => {
        const splits = await splitOf(examplesPerClass(counts), single, { seed });
        for (const [k, count] of counts.entries())
          for (const [name, fraction] of [
            ['train', 0.8],
            ['validation', 0.1],
            ['test', 0.1],
          ] as const)
            expect(Math.abs(countHeld(splits[name], counts.length)[k]! - count * fraction)).toBeLessThan(1 + 1e-9);
      }),
      { numRuns: 20 },
    );
  });

  it('keeps the fractions of the whole when classes are small', async () =>
    expect(sizes(await splitOf(examplesPerClass(new Array(20).fill(5)), single, { seed: 0 }))).toEqual([60, 20, 20]));

  it('has every class of three in every split, and rarer ones in train', async () => {
    const splits = await splitOf(examplesPerClass([40, 3, 2, 1]), single, { seed: 0 });
    const counts = splitNames.map((name) => countHeld(splits[name], 4));
    expect(counts.every(([, three]) => three === 1)).toBe(true);
    expect(counts[0]!.every((count) => count > 0)).toBe(true);
  });

  it('takes other fractions, zero too', async () =>
    expect(
      sizes(
        await splitOf(examplesPerClass([50, 50]), single, {
          seed: 0,
          fractions: { train: 0.7, validation: 0.3, test: 0 },
        }),
      ),
    ).toEqual([70, 30, 0]));
});

describe('multi-label', () => {
  it('gives every split its share of every label', async () => {
    const rare = (i: number): number[] => [1, i % 2, i % 5 === 0 ? 1 : 0, i % 20 === 0 ? 1 : 0];
    const examples = withTargets(Array.from({ length: 400 }, (_, i) => rare(i)));
    const splits = await splitOf(examples, multi, { seed: 0 });
    expect(countHeld(splits.train, 4)).toEqual([320, 160, 64, 16]);
    expect(countHeld(splits.test, 4)).toEqual([40, 20, 8, 2]);
  });

  it('splits examples without any label too', async () =>
    expect(sizes(await splitOf(withTargets(new Array(100).fill([0, 0])), multi, { seed: 0 }))).toEqual([80, 10, 10]));
});

describe('regression', () => {
  it('spreads small and large values over all splits', async () => {
    const splits = await splitOf(withTargets(Array.from({ length: 1000 }, (_, i) => [i])), 'regression', { seed: 0 });
    for (const name of splitNames) {
      const mean = splits[name].reduce((sum, { target }) => sum + target[0]!, 0) / splits[name].length;
      expect(Math.abs(mean - 499.5)).toBeLessThan(20);
    }
  });
});

it('refuses fractions that do not add up', () =>
  expect(splitOf([], single, { seed: 0, fractions: { train: 0.8, validation: 0.1, test: 0.2 } })).rejects.toThrow(
    /split: fractions train 0\.8, validation 0\.1, test 0\.2 add up to 1\.1/,
  ));

it('refuses too few texts', () =>
  expect(splitOf(examplesPerClass([1, 1]), single, { seed: 0 })).rejects.toThrow(
    'split: validation would be empty, 2 distinct texts are too few for train 0.80, validation 0.10, test 0.10; give more examples',
  ));

describe('groups', () => {
  it.each(tasks)('of very different sizes still give every split its share of the examples: %s', async (task) => {
    const examples = Array.from({ length: 2000 }, (_, i): Example => {
      const group = `author ${Math.floor(2000 / (1 + (i % 500)))} ${i % 2}`;
      return { ...example(`text ${i}`, task === 'regression' ? [i % 100] : oneHot(i % 3, 3), `${i}`), group };
    });
    const splits = await splitOf(examples, task, { seed: 2 });
    for (const [size, wanted] of [
      [splits.train.length, 1600],
      [splits.validation.length, 200],
      [splits.test.length, 200],
    ] as const)
      expect(Math.abs(size - wanted)).toBeLessThan(40);
  });

  it.each(tasks)('are never in two splits, nor are texts that tie them together: %s', async (task) => {
    const examples = Array.from({ length: 300 }, (_, i): Example => {
      const text = i % 7 === 0 ? `shared ${i % 5}` : `text ${i}`;
      return { ...example(text, oneHot(i % 2, 2), `${i}`), ...(i % 3 === 0 ? {} : { group: `author ${i % 40}` }) };
    });
    const splits = await splitOf(examples, task, { seed: 4 });
    expectPartition(splits, examples);
    for (const key of ['group', 'text'] as const) {
      const where = splitNames.map((name) => new Set(splits[name].map((item) => item[key]).filter(Boolean)));
      for (const [a, b] of [
        [0, 1],
        [0, 2],
        [1, 2],
      ] as const)
        expect([...where[a]!].filter((value) => where[b]!.has(value))).toEqual([]);
    }
  });
});
