import { describe, expect, it } from 'vitest';

import { classWeights, oversample, posWeights, undersample } from './balance.ts';
import { countLabels } from './example.ts';
import { examplesPerClass, withTargets } from './testing/examples.ts';

const labels = ['joy', 'fear', 'anger'];
const options = { task: 'single_label_classification', seed: 0 } as const;

describe('classWeights', () => {
  it('are n / (K n_k)', () =>
    expect(classWeights(examplesPerClass([6, 3, 1]), labels)).toEqual([10 / 18, 10 / 9, 10 / 3]));

  it('name a class without examples', () =>
    expect(() => classWeights(examplesPerClass([6, 0, 1]), labels)).toThrow(
      'class weights: no train example of fear among 7; add examples, leave the label out, or train without weights',
    ));
});

describe('posWeights', () => {
  it('are negatives / positives', () =>
    expect(
      posWeights(
        withTargets([
          [1, 0],
          [1, 1],
          [0, 1],
          [0, 1],
        ]),
        ['a', 'b'],
      ),
    ).toEqual([1, 1 / 3]));

  it('are capped', () => {
    expect(posWeights(examplesPerClass([99, 1]), ['a', 'b'])[1]).toBe(20);
    expect(posWeights(examplesPerClass([99, 1]), ['a', 'b'], { cap: 5 })[1]).toBe(5);
  });

  it('are 1 for a label that always holds', () => expect(posWeights(withTargets([[1], [1]]), ['a'])).toEqual([1]));

  it('name a label without positives', () =>
    expect(() => posWeights(withTargets([[1, 0]]), ['a', 'b'])).toThrow('pos weights: no train example of b among 1'));
});

describe('oversample', () => {
  const examples = examplesPerClass([5, 2, 1]);
  const more = oversample(examples, options);

  it('makes every class as large as the largest', () => expect(countLabels(more, 3)).toEqual([5, 5, 5]));

  it('keeps all examples, and gives repeats ids of their own', () => {
    expect(more.slice(0, 8)).toEqual(examples);
    expect(new Set(more.map(({ id }) => id)).size).toBe(15);
    const copies = more.filter(({ text }) => text === 'text 7').map(({ id }) => id);
    expect(copies.sort()).toEqual(['text 7', 'text 7#2', 'text 7#3', 'text 7#4', 'text 7#5']);
  });

  it('repeats the examples of a class equally often, up to one', () =>
    expect(['text 5', 'text 6'].map((wanted) => more.filter(({ text }) => text === wanted).length).sort()).toEqual([
      2, 3,
    ]));

  it('is the same for the same seed', () => expect(oversample(examples, options)).toEqual(more));
});

describe('undersample', () => {
  it('makes every class as small as the smallest', () =>
    expect(countLabels(undersample(examplesPerClass([5, 3, 2]), options), 3)).toEqual([2, 2, 2]));

  it('chooses by the seed', () => {
    const examples = examplesPerClass([50, 5]);
    expect(undersample(examples, options)).toEqual(undersample(examples, options));
    expect(undersample(examples, options)).not.toEqual(undersample(examples, { ...options, seed: 1 }));
  });
});

it.each([
  [
    'oversample',
    oversample,
    'multi_label_classification',
    'repeating a text for one of its labels repeats the others; use pos weights',
  ],
  ['undersample', undersample, 'multi_label_classification', 'use pos weights'],
  ['oversample', oversample, 'regression', 'it has no classes; train without balancing'],
] as const)('%s refuses other tasks and names the way out', (name, balance, task, wayOut) => {
  const attempt = (): unknown => balance([], { task, seed: 0 });
  expect(attempt).toThrow(`${name}: needs single_label_classification, the task is ${task}`);
  expect(attempt).toThrow(wayOut);
});
