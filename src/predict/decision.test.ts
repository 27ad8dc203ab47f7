import { describe, expect, test } from 'vitest';
import { decide, NEVER } from './decision.ts';
import { bestF1Threshold, fitDecision, precisionThreshold } from './fit-decision.ts';

const thresholds = [0.5, 0.5, 0.5];

describe('the answer', () => {
  test('is the best label, the first of equals', () =>
    expect(decide.single_label_classification([0.2, 0.4, 0.4], { thresholds })).toEqual([1]));
  test('is none where the best label is too improbable', () => {
    expect(decide.single_label_classification([0.2, 0.4, 0.4], { thresholds, abstainBelow: 0.41 })).toEqual([]);
    expect(decide.single_label_classification([0.2, 0.4, 0.4], { thresholds, abstainBelow: 0.4 })).toEqual([1]);
  });
  test('is every label from its threshold up', () =>
    expect(decide.multi_label_classification([0.5, 0.49, 0.9], { thresholds: [0.5, 0.4, NEVER] })).toEqual([0, 1]));
  test('may be no label', () => expect(decide.multi_label_classification([0.1], { thresholds })).toEqual([]));
  test('names no label for values', () => expect(decide.regression([3], { thresholds })).toEqual([]));
  test('names the labels nearer to level 1 than to level 0', () =>
    expect(decide.ordinal_regression([0.4, 0.5, 2.2], { thresholds })).toEqual([1, 2]));
});

const answers = (...pairs: readonly (readonly [score: number, right: 0 | 1])[]) =>
  pairs.map(([score, right]) => ({ score, right: right === 1 }));

describe('the threshold with the best F1', () => {
  test('lies half way between two scores', () =>
    expect(bestF1Threshold(answers([0.1, 0], [0.3, 1], [0.2, 0], [0.4, 1]))).toBeCloseTo(0.25, 12));
  test('takes equal scores together', () =>
    // 0.3 stands for one right and three wrong ones: F1 2/3 without them, 2/3 with them; the highest of equals
    expect(bestF1Threshold(answers([0.4, 1], [0.3, 1], [0.3, 0], [0.3, 0]))).toBeCloseTo(0.35, 12));
  test('is below all scores where all are right', () => expect(bestF1Threshold(answers([0.4, 1], [0.2, 1]))).toBe(0.1));
  test('is not known without positives', () => expect(bestF1Threshold(answers([0.4, 0]))).toBeUndefined());
});

describe('the threshold with a precision', () => {
  const some = answers([0.9, 1], [0.8, 0], [0.7, 1], [0.6, 1], [0.5, 0], [0.4, 0]);
  test('is the lowest that has it', () => expect(precisionThreshold(some, 0.75)).toBeCloseTo(0.55, 12));
  test('may be the only one', () => expect(precisionThreshold(some, 1)).toBeCloseTo(0.85, 12));
  test('may not be', () => expect(precisionThreshold(answers([0.9, 0], [0.8, 1]), 0.6)).toBeUndefined());
});

describe('fitting', () => {
  const windows = (count: number) => ({ counts: new Array<number>(count).fill(1), pooling: 'mean' as const });

  test('finds the temperature at which the probabilities are the frequencies', () => {
    // always 4 : 0, right three times of four: softmax([4 / T, 0]) is [3/4, 1/4] at T = 4 / log 3
    const logits = [
      [4, 0],
      [4, 0],
      [4, 0],
      [4, 0],
    ];
    const targets = [
      [1, 0],
      [1, 0],
      [1, 0],
      [0, 1],
    ];
    const { decision } = fitDecision('single_label_classification', ['a', 'b'], { logits, targets, ...windows(4) });
    expect(decision.temperature).toBeCloseTo(4 / Math.log(3), 3);
    expect(decision.abstainBelow).toBeUndefined();
  });

  test('of several labels gives each its threshold, and says which had nothing to fit', () => {
    const logits = [
      [-1, -1],
      [-2, -1],
      [-3, 2],
    ];
    const targets = [
      [1, 0],
      [1, 0],
      [0, 0],
    ];
    const task = 'multi_label_classification';
    const { decision, notes } = fitDecision(
      task,
      ['joy', 'fear'],
      { logits, targets, ...windows(3) },
      { temperature: 1 },
    );
    expect(decision.thresholds[0]).toBeCloseTo((1 / (1 + Math.exp(2)) + 1 / (1 + Math.exp(3))) / 2, 12);
    expect(decision.thresholds[1]).toBe(0.5);
    expect(notes).toEqual(['no validation text holds fear: the threshold stays 0.5']);
    const told = fitDecision(task, ['joy', 'fear'], { logits, targets, ...windows(3) }, { threshold: 0.3 });
    expect(told).toMatchObject({ decision: { thresholds: [0.3, 0.3] }, notes: [] });
  });

  test('answers only what is sure enough, or nothing, and says so', () => {
    const logits = [
      [3, 0],
      [2, 0],
      [1, 0],
      [0.5, 0],
    ];
    const targets = [
      [1, 0],
      [1, 0],
      [0, 1],
      [0, 1],
    ];
    const fitted = (minPrecision: number, right = targets) =>
      fitDecision(
        'single_label_classification',
        ['a', 'b'],
        { logits, targets: right, ...windows(4) },
        { temperature: 1, minPrecision },
      );
    const share = (z: number) => 1 / (1 + Math.exp(-z));
    expect(fitted(0.9).decision.abstainBelow).toBeCloseTo((share(2) + share(1)) / 2, 12);
    const none = fitted(0.9, [
      [0, 1],
      [0, 1],
      [1, 0],
      [1, 0],
    ]);
    expect(none.decision.abstainBelow).toBe(NEVER);
    expect(none.notes).toEqual([
      'no validation text is answered with a precision of 0.9: the model gives no label at all',
    ]);
  });

  test('never gives a label that is never precise enough', () => {
    const { decision, notes } = fitDecision(
      'multi_label_classification',
      ['joy', 'fear'],
      {
        logits: [
          [2, 2],
          [1, 1],
        ],
        targets: [
          [1, 0],
          [1, 1],
        ],
        ...windows(2),
      },
      { minPrecision: 0.9 },
    );
    expect(decision.thresholds[1]).toBe(NEVER);
    expect(notes).toEqual(['no validation text is given fear with a precision of 0.9: never given']);
  });

  test('leaves values and levels alone', () => {
    const answers = { logits: [[3]], targets: [[3]], ...windows(1) };
    expect(fitDecision('regression', ['valence'], answers)).toEqual({
      decision: { temperature: 1, thresholds: [0.5] },
      notes: [],
    });
  });
});
