import { expect, test } from 'vitest';
import { random } from '../core/random.ts';
import { compare } from './compare.ts';
import { evaluate } from './evaluate.ts';
import { formatComparison, formatEvaluation } from './format.ts';

const ekman = ['anger', 'disgust', 'fear', 'joy', 'neutral', 'sadness', 'surprise'];

function ofClasses(labels: readonly string[], n: number, options = {}) {
  const generator = random(3);
  const oneHot = (k: number) => labels.map((_, i) => (i === k ? 1 : 0));
  const actual = Array.from({ length: n }, () => generator.integer(labels.length));
  const guessed = actual.map((k) => (generator.uniform() < 0.6 ? k : generator.integer(labels.length)));
  const rows = { targets: actual.map(oneHot), scores: guessed.map(oneHot) };
  return formatEvaluation(evaluate('single_label_classification', labels, rows, options));
}

test('shows metrics, labels and the confusion matrix', () => {
  expect(`\n${ofClasses(ekman, 500, { bootstrap: { seed: 1, draws: 200 } }).join('\n')}\n`).toMatchInlineSnapshot(`
    "
    single_label_classification, 500 examples (intervals: 200 bootstrap draws)

    metric       value     95 % interval
    accuracy    0.6620  0.6200 to 0.7040
    macroF1     0.6626  0.6197 to 0.7017
    microF1     0.6620  0.6200 to 0.7040
    weightedF1  0.6620  0.6208 to 0.7046
    brier       0.6760  0.5919 to 0.7600
    ece         0.3380  0.2959 to 0.3800

    label     precision  recall      f1  support
    anger        0.7467  0.7568  0.7517       74
    disgust      0.6429  0.6716  0.6569       67
    fear         0.6500  0.6842  0.6667       76
    joy          0.6923  0.6081  0.6475       74
    neutral      0.6400  0.6761  0.6575       71
    sadness      0.7119  0.6667  0.6885       63
    surprise     0.5658  0.5733  0.5695       75

    true \\ predicted  anger  disgust  fear  joy  neutral  sadness  surprise
    anger                56        3     5    3        2        3         2
    disgust               0       45     3    5        3        4         7
    fear                  2        3    52    2        7        2         8
    joy                   3        4     3   45        8        3         8
    neutral               5        2     8    2       48        1         5
    sadness               3        7     4    3        1       42         3
    surprise              6        6     5    5        6        4        43
    "
  `);
});

test('seven classes of many examples fit in 100 columns', () => {
  expect(Math.max(...ofClasses(ekman, 60_000).map((line) => line.length))).toBeLessThanOrEqual(100);
});

test('a matrix too wide gives way to the most frequent confusions', () => {
  const lines = ofClasses(
    Array.from({ length: 28 }, (_, k) => `emotion ${k}`),
    500,
  );
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(100);
  expect(lines.slice(-11)).toMatchInlineSnapshot(`
    [
      "most often confused: true   predicted  examples",
      "emotion 7                  emotion 27         3",
      "emotion 12                 emotion 16         3",
      "emotion 24                  emotion 8         3",
      "emotion 1                   emotion 9         2",
      "emotion 7                   emotion 9         2",
      "emotion 9                  emotion 16         2",
      "emotion 9                  emotion 25         2",
      "emotion 11                 emotion 17         2",
      "emotion 12                 emotion 27         2",
      "emotion 14                 emotion 13         2",
    ]
  `);
});

test('a correlation that is not defined is n/a', () => {
  const rows = { targets: [[1], [2]], scores: [[5], [5]] };
  expect(formatEvaluation(evaluate('regression', ['joy'], rows)).join('\n')).toMatchInlineSnapshot(`
    "regression, 2 examples

    metric     value
    pearson      n/a
    spearman     n/a
    mae       3.5000
    rmse      3.5355

    label  pearson  spearman     mae    rmse
    joy        n/a       n/a  3.5000  3.5355"
  `);
});

test('shows two systems side by side, with what may be chance', () => {
  const generator = random(3);
  const oneHot = (k: number) => [0, 1, 2].map((i) => (i === k ? 1 : 0));
  const actual = Array.from({ length: 120 }, () => generator.integer(3));
  const answers = (share: number) => ({
    scores: actual.map((k) => oneHot(generator.uniform() < share ? k : generator.integer(3))),
  });
  const rows = { targets: actual.map(oneHot), a: answers(0.7), b: answers(0.6) };
  const options = { bootstrap: { draws: 200 }, randomization: { draws: 500 } };
  expect(
    formatComparison(compare('single_label_classification', ['x', 'y', 'z'], rows, options)).join('\n'),
  ).toMatchInlineSnapshot(`
    "A against B, 120 examples (intervals: 200 paired bootstrap draws; p: 500 random swaps)

    metric           A       B    A - B       95 % interval       p
    accuracy    0.8083  0.6500  +0.1583  +0.0498 to +0.2585  0.0120
    macroF1     0.8041  0.6505  +0.1536  +0.0528 to +0.2569  0.0120
    microF1     0.8083  0.6500  +0.1583  +0.0498 to +0.2585  0.0120
    weightedF1  0.8081  0.6489  +0.1592  +0.0550 to +0.2620  0.0040
    brier       0.3833  0.7000  -0.3167  -0.5171 to -0.0996  0.0120
    ece         0.1917  0.3500  -0.1583  -0.2585 to -0.0498  0.0120

    right in A alone 34, in B alone 15: McNemar's test (chi-square) p 0.0101"
  `);
});

test('has no p for what is not defined, and no McNemar for values', () => {
  const rows = { targets: [[1], [2]], a: { scores: [[5], [5]] }, b: { scores: [[1], [3]] } };
  const options = { bootstrap: { draws: 50 }, randomization: { draws: 50 } };
  expect(formatComparison(compare('regression', ['joy'], rows, options)).join('\n')).toMatchInlineSnapshot(`
    "A against B, 2 examples (intervals: 50 paired bootstrap draws; p: 50 random swaps)

    metric         A       B    A - B       95 % interval       p
    pearson      n/a  1.0000      n/a          n/a to n/a     n/a
    spearman     n/a  1.0000      n/a          n/a to n/a     n/a
    mae       3.5000  0.5000  +3.0000  +2.0000 to +4.0000  0.5098
    rmse      3.5355  0.7071  +2.8284  +2.0000 to +4.0000  0.5098"
  `);
});
