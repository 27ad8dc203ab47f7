import { describe, expect, it } from 'vitest';

import { classWeights, countLabels, oversample, posWeights, undersample } from './balance.ts';
import { type Example, examplesOf } from './example.ts';
import { examplesPerClass, withTargets } from './testing/examples.ts';

const labels = ['joy', 'fear', 'anger'];
const options = { task: 'single_label_classification', seed: 0 } as const;

const counted = (examples: readonly Example[], size: number) => countLabels(examplesOf(examples), size);
const perClass = (counts: readonly number[]) => examplesOf(examplesPerClass(counts));
const countsAt = async (counts: readonly number[], places: Uint32Array) =>
  (await countLabels(perClass(counts), counts.length, places)).held;

describe('classWeights', () => {
  it('are n / (K n_k)', async () =>
    expect(classWeights(await counted(examplesPerClass([6, 3, 1]), 3), labels)).toEqual([10 / 18, 10 / 9, 10 / 3]));

  it('name a class without examples', async () => {
    const counts = await counted(examplesPerClass([6, 0, 1]), 3);
    expect(() => classWeights(counts, labels)).toThrow(
      'class weights: no train example of fear among 7; add examples, leave the label out, or train without weights',
    );
  });
});

describe('posWeights', () => {
  it('are negatives / positives', async () => {
    const examples = withTargets([
      [1, 0],
      [1, 1],
      [0, 1],
      [0, 1],
    ]);
    expect(posWeights(await counted(examples, 2), ['a', 'b'])).toEqual([1, 1 / 3]);
  });

  it('are capped', async () => {
    const counts = await counted(examplesPerClass([99, 1]), 2);
    expect(posWeights(counts, ['a', 'b'])[1]).toBe(20);
    expect(posWeights(counts, ['a', 'b'], { cap: 5 })[1]).toBe(5);
  });

  it('are 1 for a label that always holds', async () =>
    expect(posWeights(await counted(withTargets([[1], [1]]), 1), ['a'])).toEqual([1]));

  it('name a label without positives', async () => {
    const counts = await counted(withTargets([[1, 0]]), 2);
    expect(() => posWeights(counts, ['a', 'b'])).toThrow('pos weights: no train example of b among 1');
  });
});

describe('oversample', () => {
  const sizes = [5, 2, 1];
  const more = oversample(perClass(sizes), options);

  it('makes every class as large as the largest', async () =>
    expect(await countsAt(sizes, await more)).toEqual([5, 5, 5]));

  it('keeps all examples in their order, repeats last', async () => {
    expect([...(await more).slice(0, 8)]).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect((await more).filter((place) => place === 7)).toHaveLength(5);
  });

  it('repeats the examples of a class equally often, up to one', async () => {
    const places = [...(await more)];
    expect([5, 6].map((wanted) => places.filter((place) => place === wanted).length).sort()).toEqual([2, 3]);
  });

  it('is the same for the same seed', async () =>
    expect(await oversample(perClass(sizes), options)).toEqual(await more));

  it('chooses among the first examples only, where told', async () =>
    expect([...(await oversample(perClass(sizes), { ...options, limit: 6 }))].sort()).toEqual([
      0, 1, 2, 3, 4, 5, 5, 5, 5, 5,
    ]));
});

describe('undersample', () => {
  it('makes every class as small as the smallest, in order', async () => {
    const places = await undersample(perClass([5, 3, 2]), options);
    expect(await countsAt([5, 3, 2], places)).toEqual([2, 2, 2]);
    expect([...places]).toEqual([...places].sort((a, b) => a - b));
  });

  it('chooses by the seed', async () => {
    const chosen = (seed: number) => undersample(perClass([50, 5]), { ...options, seed });
    expect(await chosen(0)).toEqual(await chosen(0));
    expect(await chosen(0)).not.toEqual(await chosen(1));
  });
});

describe('with several labels', () => {
  const multi = { task: 'multi_label_classification', seed: 0 } as const;
  // a is common, b rare; two have no label
  const examples = withTargets([
    [1, 0],
    [1, 0],
    [1, 0],
    [1, 1],
    [0, 0],
    [0, 0],
  ]);

  it('an example counts for its rarest label, and those without any for themselves', async () => {
    const places = [...(await oversample(examplesOf(examples), multi))];
    const times = (of: readonly number[]) => places.filter((place) => of.includes(place)).length;
    expect([times([0, 1, 2]), times([3]), times([4, 5])]).toEqual([3, 3, 3]);
  });

  it('fewer are kept of the common ones', async () => {
    const places = await undersample(examplesOf(examples), multi);
    expect(places).toHaveLength(3);
    expect([...places]).toContain(3);
  });
});

it.each([
  ['oversample', oversample, 'regression'],
  ['undersample', undersample, 'ordinal_regression'],
] as const)('%s refuses other tasks and names the way out', async (name, balance, task) =>
  expect(balance(examplesOf([]), { task, seed: 0 })).rejects.toThrow(
    `${name}: needs labels, the task is ${task}: it has no classes; train without balancing`,
  ),
);
