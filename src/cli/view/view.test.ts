import { describe, expect, it } from 'vitest';
import { NEVER } from '../../core/decision.ts';
import type { RunEstimate } from '../../train/estimate.ts';
import type { TrainEvent, TrainPlan } from '../../train/events.ts';
import { coloured, displayWidth, plain } from '../terminal.ts';
import { lossCurve } from './loss-curve.ts';
import { predictionLine, refusedLine } from './prediction-line.ts';
import { progressBar } from './progress-bar.ts';
import {
  formatBytes,
  formatCount,
  formatDuration,
  formatRate,
  formatShare,
  formatWhole,
  plural,
} from './quantities.ts';
import { estimateTable, fetchRows } from './train-estimate.ts';
import { trainHeader } from './train-header.ts';
import { evaluationLine, stepLine } from './train-lines.ts';
import { type LiveOptions, trainLive } from './train-live.ts';
import { advance, curvePoints, initialState, type TrainState } from './train-state.ts';
import { trainSummary } from './train-summary.ts';
import { wrap } from './wrap.ts';

const plan: TrainPlan = {
  out: 'runs/demo',
  base: 'nano',
  data: 'social-posts',
  task: 'single_label_classification',
  labels: ['anger', 'joy', 'neutral'],
  examples: { train: 1054, validation: 133, test: 133 },
  truncated: 2,
  steps: 40,
  epochs: 4,
  learningRate: 8e-4,
  parameters: { trained: 438_016, total: 6_765_568 },
  dataReport: [
    'source      social-posts; licence CC0 1.0',
    'task        single_label_classification, 3 labels: anger, joy, neutral',
    'rows read   1323',
    'malformed   3 rows skipped',
    '            posts.csv:7: 2 fields where 3 are needed',
    'cleaned     nothing to change',
    'leaks       none',
    'split       official',
    '',
    'examples    1054',
  ],
};

const step = (n: number): TrainEvent => ({
  type: 'step',
  step: n,
  epoch: n / 10,
  loss: 2 / (1 + n / 10),
  learningRate: 4e-4,
  gradNorm: 1,
  tokens: 500,
  seconds: 0.25,
});

const evaluated = (epoch: number, macroF1: number, best = true): Extract<TrainEvent, { type: 'evaluated' }> => ({
  type: 'evaluated',
  split: 'validation',
  epoch,
  best,
  evaluation: {
    task: 'single_label_classification',
    n: 133,
    metrics: { accuracy: { value: 0.5 }, macroF1: { value: macroF1 } },
    perLabel: [],
  },
});

const stateAfter = (...events: readonly TrainEvent[]): TrainState => events.reduce(advance, initialState);
const started: TrainEvent = { type: 'started', ...plan };
const steps = (count: number): TrainEvent[] => Array.from({ length: count }, (_, i) => step(i + 1));

const live: LiveOptions = {
  width: 60,
  rows: 30,
  style: plain,
  elapsedSeconds: 12.34,
  memory: { current: 512e6, peak: 786e6 },
};

describe('quantities', () => {
  it.each([
    [formatCount(842), '842'],
    [formatCount(6_765_568), '6.77 M'],
    [formatCount(8.03e9), '8.03 G'],
    [formatBytes(786e6), '786 MB'],
    [formatBytes(12), '12 B'],
    [formatDuration(4.21), '4.2 s'],
    [formatDuration(67), '1:07 min'],
    [formatDuration(7389), '2:03:09 h'],
    [formatWhole(3081.4), '3,081'],
    [formatShare(438_016, 6_765_568), '6.47 %'],
    [formatRate(8e-4), '8.00e-4'],
    [formatRate(0), '0'],
    [formatRate(0.005), '0.005'],
    [plural(1, 'text'), '1 text'],
    [plural(1200, 'text'), '1,200 texts'],
  ])('%s = %s', (got, wanted) => expect(got).toBe(wanted));
});

describe('progress bar', () => {
  it.each([
    [0, '░░░░'],
    [0.5, '██░░'],
    [0.6, '██▍░'],
    [1, '████'],
    [7, '████'],
  ])('at %d', (share, bar) => expect(progressBar(share, 4)).toBe(bar));
});

describe('loss curve', () => {
  it('falls from the upper left to the lower right', () => {
    expect(lossCurve([3, 2, 1, 0], { width: 12, height: 2, total: 4 })).toEqual(['  3.00 ┤⠉⠦⡀⠀', '  0.00 ┤⠀⠀⠓⣄']);
  });

  it('leaves room for the steps to come', () => {
    const [line] = lossCurve([1, 1], { width: 18, height: 1, total: 4 });
    expect(line!.slice(8)).toBe('⣀⣀⣀⣀⣀⠀⠀⠀⠀⠀');
  });

  it('is empty before the first step', () => {
    expect(lossCurve([], { width: 10, height: 1, total: 4 })).toEqual(['       ┤⠀⠀']);
  });
});

describe('state', () => {
  it('keeps a bounded curve of a long run', () => {
    const long = { ...plan, steps: 5000 };
    const state = stateAfter({ type: 'started', ...long }, ...steps(5000));
    expect(curvePoints(long)).toBe(1000);
    expect(state.curve).toHaveLength(1000);
    expect(state.curve.at(-1)).toBe(state.loss);
  });

  it('averages the first losses evenly', () => {
    expect(stateAfter(started, step(1), step(2)).loss).toBeCloseTo((2 / 1.1 + 2 / 1.2) / 2, 10);
  });
});

const estimate: RunEstimate = {
  memory: {
    bytes: 2.34e9,
    during: 'evaluation',
    parts: [
      { name: 'process, tokenizer and data', bytes: 0.34e9 },
      { name: 'frozen weights', bytes: 2e9 },
    ],
    availableBytes: 24.8e9,
  },
  disk: { bytes: 146e6, parts: [{ name: 'adapter', bytes: 146e6 }], availableBytes: 82e9 },
  time: {
    step: 0.534,
    epoch: 35.3,
    evaluation: 1.9,
    test: 2.1,
    caching: 0,
    opening: 4,
    total: 117.8,
    shares: { arithmetic: 0.57, memory: 0.42, overhead: 0.01 },
  },
};

describe('estimate', () => {
  it('takes two lines of the head', () =>
    expect(trainHeader({ ...plan, estimate }, { width: 200, style: plain }).slice(-3)).toEqual([
      'memory      about 2.34 GB of 24.8 GB, most of it frozen weights (2.00 GB)',
      'time        about 1:58 min, 534 ms a step; limited by the arithmetic of matrix products (57 %)',
      'run         runs/demo',
    ]));

  it('is a table of its parts', () => {
    expect(estimateTable(estimate)).toEqual([
      'memory      2.34 GB     expected at the peak (evaluation), of 24.8 GB that can be had',
      '            340 MB      process, tokenizer and data',
      '            2.00 GB     frozen weights',
      'disk        146 MB      at most, of 82.0 GB that are free',
      '            146 MB      adapter',
      'time        1:58 min    in all',
      '            4.0 s       opening the base',
      '            534 ms      a step',
      '            35.3 s      an epoch of steps',
      '            1.9 s       validation, after each epoch',
      '            2.1 s       test, at the end',
      'limits      memory      frozen weights (2.00 GB)',
      '            time        the arithmetic of matrix products (57 %)',
    ]);
    expect(fetchRows(16_060_522_240)).toEqual([
      'download    16.1 GB     the weights of the base, before the run, into the cache of the Hub',
    ]);
    expect(fetchRows(0)).toEqual([]);
  });
});

describe('header', () => {
  it('says what a run is about to do, and what was found in the data', () => {
    expect(trainHeader(plan, { width: 70, style: plain })).toEqual([
      'base        nano, 6.33 M parameters',
      'trained     438,016 parameters with LoRA (6.47 % of all)',
      'data        social-posts: 1,054 train, 133 validation, 133 test',
      '            malformed: 3 rows skipped',
      '            split: official',
      '            2 texts cut to the maximum length',
      'labels      anger, joy, neutral (single label classification)',
      'training    4 epochs, 40 steps, learning rate 8.00e-4',
      'run         runs/demo',
    ]);
  });

  it('says what a run starts from', () => {
    const start = { from: 'runs/first', head: 'its head' };
    expect(trainHeader({ ...plan, start }, { width: 70, style: plain })[2]).toBe('start       runs/first, its head');
  });

  it('wraps on a narrow terminal', () => {
    for (const line of trainHeader(plan, { width: 40, style: plain })) expect(line.length).toBeLessThanOrEqual(40);
  });
});

describe('live view', () => {
  it('says that it is getting ready', () => {
    expect(trainLive(initialState, live)).toEqual(['reading the model and the data … 12.3 s']);
  });

  it('shows progress, curve and scores', () => {
    const lines = trainLive(stateAfter(started, ...steps(10), evaluated(1, 0.4), evaluated(2, 0.3, false)), live);
    expect(lines[0]).toBe('██████████▌░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░  25 %  step 10/40');
    expect(lines.slice(1, 4)).toEqual([
      'epoch 1.00/4   loss 1.338   lr 4.00e-4   2,000 tokens/s',
      'memory 512 MB (peak 786 MB)   elapsed 12.3 s   left 7.5 s',
      '  loss',
    ]);
    expect(lines.slice(-3)).toEqual([
      'epoch    macroF1  accuracy',
      '    1 *   0.4000    0.5000',
      '    2     0.3000    0.5000',
    ]);
  });

  it.each([40, 60, 200])('fits %d columns, with colours too', (width) => {
    const state = stateAfter(started, ...steps(40), evaluated(1, 0.4));
    for (const style of [plain, coloured])
      for (const line of trainLive(state, { ...live, width, style }))
        expect(displayWidth(line)).toBeLessThanOrEqual(width);
  });

  it.each([5, 10, 16, 30])('fits %d rows', (rows) => {
    const epochs = Array.from({ length: 12 }, (_, i) => evaluated(i + 1, i / 12));
    const lines = trainLive(stateAfter(started, ...steps(40), ...epochs), { ...live, rows });
    expect(lines.length).toBeLessThanOrEqual(rows);
    expect(lines.at(-1)).toContain('12 *');
  });

  it('says that it is stopping', () => {
    const lines = trainLive(stateAfter(started, step(1)), { ...live, notice: 'stopping' });
    expect(lines.join('\n')).toContain('stopping');
    expect(lines.join('\n')).not.toContain('left');
  });
});

describe('lines', () => {
  it('tell a step', () => {
    expect(stepLine(stateAfter(started, step(1)))).toBe(
      'step  1/40  epoch 0.10  loss 1.818  lr 4.00e-4  2,000 tokens/s  left 9.8 s',
    );
  });

  it('tell an evaluation, the score that decides first', () => {
    expect(evaluationLine(evaluated(2, 0.4))).toBe(
      'validation after epoch 2: macroF1 0.4000, accuracy 0.5000 (best so far)',
    );
  });
});

describe('summary', () => {
  const next = { predict: 'npx emotune predict', evaluate: 'npx emotune evaluate', resume: 'go on' };
  const done: TrainEvent = {
    type: 'done',
    reason: 'finished',
    out: 'runs/demo',
    bestEpoch: 2,
    validation: undefined,
    test: undefined,
    trainingSeconds: 67,
    tokensPerSecond: 3081,
    peakMemoryBytes: 786e6,
  };

  it('says what a run cost and what to do next', () => {
    expect(trainSummary(stateAfter(started, step(40), done), next, plain)).toEqual([
      'training    1:07 min, 3,081 tokens/s',
      'memory      786 MB at its peak',
      'parameters  438,016 trained of 6,765,568 (6.47 %)',
      'texts cut   2 texts longer than the maximum length',
      'run         runs/demo',
      '',
      'next:',
      '  npx emotune predict',
      '  npx emotune evaluate',
    ]);
  });

  it('says how probabilities become labels', () => {
    const decision = { temperature: 1.5, thresholds: [0.25, NEVER], abstainBelow: undefined };
    const of = (task: string, change = {}) =>
      trainSummary(
        stateAfter({ ...started, task, labels: ['joy', 'fear'] }, step(40), {
          ...done,
          decision: { ...decision, ...change },
        }),
        next,
        plain,
      );
    expect(of('multi_label_classification')).toContain('decisions   temperature 1.50, joy from 0.25, fear never');
    const abstaining = of('single_label_classification', { abstainBelow: 0.7 });
    expect(abstaining).toContain('decisions   temperature 1.50, no label below 0.70');
    const silent = of('single_label_classification', { abstainBelow: NEVER });
    expect(silent).toContain('decisions   temperature 1.50, no label at all');
    expect(of('regression').join()).not.toContain('decisions');
  });

  it('of a baseline counts neither tokens nor parameters', () => {
    const { evaluation } = evaluated(1, 0.4);
    const test: TrainEvent = { type: 'evaluated', split: 'test', epoch: 1, best: true, evaluation };
    const baseline: TrainEvent = { ...plan, type: 'started', model: 'tfidf-svm', base: 'tfidf-svm' };
    const lines = trainSummary(stateAfter(baseline, test, done), next, plain);
    expect(lines.slice(lines.findIndex((line) => line.startsWith('training')))).toEqual([
      'training    1:07 min',
      'memory      786 MB at its peak',
      'run         runs/demo',
      '',
      'next:',
      '  npx emotune predict',
      '  npx emotune evaluate',
    ]);
    const head = trainHeader({ ...plan, model: 'tfidf-svm' }, { width: 100, style: plain });
    expect(head[0]).toBe('model       tfidf-svm');
    expect(head.join('\n')).not.toMatch(/LoRA|learning rate|parameters/);
    expect(trainLive(stateAfter(baseline), live)).toEqual([`tfidf-svm … ${formatDuration(live.elapsedSeconds)}`]);
  });

  it('says what an interrupted run holds', () => {
    const lines = trainSummary(stateAfter(started, step(7), { ...done, reason: 'aborted' }), next, plain);
    expect(lines).toContain('Stopped at step 7 of 40. The run is usable: it holds the weights of its best epoch, 2.');
  });

  it('offers nothing to predict with that was stopped before its first step', () => {
    const lines = trainSummary(stateAfter(started, { ...done, reason: 'aborted' }), next, plain);
    expect(lines).toContain('Stopped before the first step: nothing is trained yet.');
    expect(lines.at(-1)).toBe('next:');
  });
});

describe('prediction line', () => {
  const scores = { joy: 0.93, sadness: 0.05, anger: 0.02 };
  const one = { task: 'single_label_classification', style: plain } as const;
  const many = { task: 'multi_label_classification', style: plain } as const;

  it.each([
    [predictionLine('Hooray!', { labels: ['joy'], scores }, one), 'joy 0.93      Hooray!'],
    [predictionLine('Hooray!', { labels: ['joy'], scores }, { ...one, top: 2 }), 'joy 0.93      sadness 0.05  Hooray!'],
    [predictionLine('Hm.', { labels: [], scores }, many), '(none)        Hm.'],
    [predictionLine('a\n b', { labels: ['joy'], scores }, one), 'joy 0.93      a b'],
    [predictionLine('x', { labels: [], scores: { valence: 3.1 } }, { ...one, task: 'regression' }), 'valence 3.10  x'],
    [refusedLine('empty text', plain), '(empty)'],
    [refusedLine('2 fields where 3 are needed', plain), '(2 fields where 3 are needed)'],
  ])('%s', (got, wanted) => expect(got).toBe(wanted));

  it('is cut to the width of the terminal', () => {
    const line = predictionLine('日本語の長い文章です、とても長い', { labels: ['joy'], scores }, { ...one, width: 30 });
    expect(line).toBe('joy 0.93      日本語の長い文…');
    expect(displayWidth(line)).toBeLessThanOrEqual(30);
  });
});

it('wraps words, and leaves a long one whole', () => {
  expect(wrap('one two three-and-a-half four', 8)).toEqual(['one two', 'three-and-a-half', 'four']);
});
