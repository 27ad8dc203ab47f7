import { describe, expect, test } from 'vitest';
import { random } from '../core/random.ts';
import { labelErrors, multiLabelErrors } from './label-errors.ts';
import { mistakes } from './mistakes.ts';
import { slices } from './slices.ts';

describe('label errors', () => {
  // t_0 = (0.9 + 0.8 + 0.1) / 3 = 0.6, t_1 = (0.7 + 0.6) / 2 = 0.65
  const probabilities = [
    [0.9, 0.1],
    [0.8, 0.2],
    [0.1, 0.9],
    [0.3, 0.7],
    [0.4, 0.6],
  ];
  const targets = [0, 0, 0, 1, 1].map((k) => (k === 0 ? [1, 0] : [0, 1]));

  test('are those off the diagonal of the confident joint', () => {
    const found = labelErrors(targets, probabilities);
    expect(found).toEqual([{ place: 2, label: 0, likely: 1, margin: expect.closeTo(-0.8, 12) }]);
  });

  test('are the same for a label that holds or not', () => {
    const column = (rows: number[][]) => rows.map((row) => [row[1]!]);
    expect(multiLabelErrors(column(targets), column(probabilities))).toEqual([
      { place: 2, label: 0, likely: 1, margin: expect.closeTo(-0.8, 12) },
    ]);
  });

  test('are mostly found where labels were flipped, and hardly elsewhere', () => {
    const rng = random(3);
    const classes = Array.from({ length: 600 }, () => rng.integer(3));
    const given = classes.map((k, i) => (i % 20 === 0 ? (k + 1) % 3 : k));
    const answers = classes.map((k) => {
      const sure = 0.5 + 0.45 * rng.uniform();
      return [0, 1, 2].map((j) => (j === k ? sure : (1 - sure) / 2));
    });
    const found = labelErrors(
      given.map((k) => [0, 1, 2].map((j) => Number(j === k))),
      answers,
    );
    const right = found.filter(({ place }) => place % 20 === 0);
    expect(right.length / found.length).toBeGreaterThan(0.95);
    expect(right.length).toBeGreaterThan(12); // of 30; the others are below the mean confidence of their class
    expect(found.every((each, i) => i === 0 || each.margin >= found[i - 1]!.margin)).toBe(true);
  });

  test('what the model would answer itself is not doubtful, however unsure it is', () =>
    // t_0 = 0.75, t_1 = 0.3: the second text reaches class 1's mean, but is still likelier of class 0
    expect(
      labelErrors(
        [
          [1, 0],
          [1, 0],
          [0, 1],
        ],
        [
          [0.9, 0.1],
          [0.6, 0.4],
          [0.7, 0.3],
        ],
      ),
    ).toEqual([]));

  test('a class that nobody has is never likelier', () =>
    expect(
      labelErrors(
        [
          [1, 0],
          [1, 0],
        ],
        [
          [0.1, 0.9],
          [0.9, 0.1],
        ],
      ),
    ).toEqual([]));

  test('refuse what is no probability', () => {
    expect(() => labelErrors([[1, 0]], [[2, -1]])).toThrow('probabilities 0 are [2,-1]: give 2 numbers from 0 to 1');
    expect(() => labelErrors([[1, 0]], [])).toThrow('1 targets but 0 rows of probabilities');
  });
});

describe('mistakes', () => {
  const deciding = { thresholds: [0.5, 0.5] };

  test('of one label: the surest first; what is not answered is none', () => {
    const targets = [
      [1, 0],
      [0, 1],
      [0, 1],
    ];
    const scores = [
      [0.2, 0.8],
      [0.9, 0.1],
      [0.4, 0.6],
    ];
    const one = 'single_label_classification';
    expect(mistakes(one, { targets, scores }, deciding)).toEqual([
      { place: 1, given: [0], size: 0.9 },
      { place: 0, given: [1], size: 0.8 },
    ]);
    expect(mistakes(one, { targets, scores }, { ...deciding, abstainBelow: 0.85 })).toHaveLength(1);
  });

  test('of several labels: by the farthest of those wrongly decided', () => {
    const targets = [
      [1, 0],
      [1, 1],
      [0, 0],
    ];
    const scores = [
      [0.4, 0.4],
      [0.9, 0.1],
      [0.1, 0.2],
    ];
    expect(mistakes('multi_label_classification', { targets, scores }, deciding)).toEqual([
      { place: 1, given: [0], size: 0.9 },
      { place: 0, given: [], size: 0.6 },
    ]);
  });

  test('of values: every example, by its largest distance', () =>
    expect(
      mistakes(
        'regression',
        {
          targets: [
            [1, 2],
            [3, 3],
          ],
          scores: [
            [1, 2.5],
            [5, 3],
          ],
        },
        deciding,
      ).map(({ place, size }) => [place, size]),
    ).toEqual([
      [1, 2],
      [0, 0.5],
    ]));
});

describe('slices', () => {
  const targets = [
    [1, 0],
    [1, 0],
    [0, 1],
    [0, 1],
    [1, 0],
  ];
  const scores = [
    [0.9, 0.1],
    [0.2, 0.8],
    [0.1, 0.9],
    [0.3, 0.7],
    [0.8, 0.2],
  ];
  const of = (values: (string | number | undefined)[]) =>
    slices('single_label_classification', ['a', 'b'], { targets, scores }, [{ name: 'by', values }], {
      bootstrap: { seed: 0, draws: 50 },
    });

  test('by names, the most frequent first', () => {
    const found = of(['x', 'y', 'x', 'x', undefined]);
    expect(found.map(({ value, n }) => [value, n])).toEqual([
      ['x', 3],
      ['y', 1],
      ['(none)', 1],
    ]);
    expect(found[0]!.metric).toMatchObject({ value: 1, low: expect.any(Number) });
    expect(found[1]!.metric.value).toBe(0);
  });

  test('by the quarters of numbers', () =>
    expect(of([1, 2, 3, 4, 5]).map(({ value, n }) => [value, n])).toEqual([
      ['1..2', 2],
      ['2..3', 1],
      ['3..4', 1],
      ['4..5', 1],
    ]));

  test('rare names are taken together', () => {
    const many = Array.from({ length: 25 }, (_, i) => `name ${i}`);
    const found = slices('regression', ['v'], { targets: many.map((_, i) => [i]), scores: many.map((_, i) => [i]) }, [
      { name: 'by', values: many },
    ]);
    expect(found).toHaveLength(21);
    expect(found[0]).toMatchObject({ value: '(other)', n: 5 });
  });
});
