/** The figures that are reported, and how each is read off a job's outcome. */
import { evaluate } from '../../src/metrics/evaluate.ts';
import { pooledScores } from '../../src/predict/scores.ts';
import { type ClassifyOutcome, type Logits, median, type PeaksOutcome, type TrainOutcome } from './job.ts';
import { batchSize, fixedLength, type Measurement, singleLength, topEpochs } from './plan.ts';
import type { EncodedText, Texts } from './texts.ts';

/** What a figure is computed from besides the outcome. */
export interface About {
  readonly texts: Texts;
  /** Steps at the beginning that do not count. */
  readonly warmUp: number;
  /** Of each step: real tokens, and arithmetic in matrix products. */
  readonly tokens: readonly number[];
  readonly flops: readonly number[];
  readonly peaks: PeaksOutcome;
  readonly startedAtMs: number;
  /** How many texts are classified. */
  readonly classified: number;
  readonly watched: { readonly validation: readonly EncodedText[]; readonly test: readonly EncodedText[] };
  readonly targetF1: number;
}

interface Figure<O> {
  readonly title: string;
  readonly unit: 'tokens/s' | 'texts/s' | 'MB' | 's' | 'ms' | '%' | '';
  /** Which value wins, where systems are compared by it. */
  readonly better?: 'higher' | 'lower';
  value(outcome: O, about: About): number | undefined;
}

const memory = (title: string): Figure<TrainOutcome | ClassifyOutcome> => ({
  title: `${title}: peak memory`,
  unit: 'MB',
  better: 'lower',
  value: ({ peakMemoryBytes }) => peakMemoryBytes / 1e6,
});

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

/** What is done in a second over the steps that count. */
const perSecond = (amounts: readonly number[], { stepSeconds }: TrainOutcome, warmUp: number): number =>
  sum(amounts.slice(warmUp)) / sum(stepSeconds.slice(warmUp));

/** The same where all steps are alike: then the median step is the least disturbed. */
const perMedianSecond = (amounts: readonly number[], { stepSeconds }: TrainOutcome, warmUp: number): number =>
  amounts[0]! / median(stepSeconds.slice(warmUp));

function training(title: string, rate: typeof perSecond): Figure<TrainOutcome>[] {
  return [
    { title, unit: 'tokens/s', better: 'higher', value: (run, { tokens, warmUp }) => rate(tokens, run, warmUp) },
    memory(title),
    {
      title: `${title}: share of the fp32 roof`,
      unit: '%',
      value: (run, { flops, warmUp, peaks }) => (100 * rate(flops, run, warmUp)) / peaks.fp32,
    },
  ];
}

export const figures: {
  readonly [M in Measurement]: readonly Figure<M extends 'inference' ? ClassifyOutcome : TrainOutcome>[];
} = {
  fixed: training(`training, ${batchSize} × ${fixedLength} tokens`, perMedianSecond),
  real: training(`training, ${batchSize} real texts`, perSecond),
  top: [
    {
      title: `training the top quarter of the layers, ${topEpochs} epochs`,
      unit: 'tokens/s',
      better: 'higher',
      value: (run, { tokens }) => sum(tokens) / (run.cachingSeconds + sum(run.stepSeconds)),
    },
    memory('training the top quarter of the layers'),
  ],
  inference: [
    {
      title: 'inference',
      unit: 'texts/s',
      better: 'higher',
      value: ({ passSeconds }, { classified }) => classified / median(passSeconds.slice(1)),
    },
    {
      title: `latency of one text of ${singleLength} tokens`,
      unit: 'ms',
      better: 'lower',
      value: ({ singleSeconds }) => 1000 * median(singleSeconds),
    },
    {
      title: 'start to first answer',
      unit: 's',
      better: 'lower',
      value: ({ firstAtMs }, { startedAtMs }) => (firstAtMs - startedAtMs) / 1000,
    },
    memory('inference'),
  ],
  f1: [
    { title: 'training until the validation F1', unit: 's', better: 'lower', value: secondsToF1 },
    {
      title: 'test F1 after training',
      unit: '',
      value: ({ test }, { texts, watched }) => macroF1(texts, watched.test, test),
    },
  ],
};

/** Seconds of training, without the evaluations, up to the first that reaches the target; undefined if none does. */
function secondsToF1(run: TrainOutcome, { texts, watched, targetF1 }: About): number | undefined {
  const first = run.evaluations.find(({ logits }) => macroF1(texts, watched.validation, logits) >= targetF1);
  return first && sum(run.stepSeconds.slice(0, first.step));
}

/** The validation scores of a run, over its seconds of training. */
export const learningCurve = (run: TrainOutcome, { texts, watched }: Pick<About, 'texts' | 'watched'>) =>
  run.evaluations.map(({ step, logits }) => ({
    step,
    seconds: sum(run.stepSeconds.slice(0, step)),
    macroF1: macroF1(texts, watched.validation, logits),
  }));

function macroF1({ task, labels }: Texts, truth: readonly EncodedText[], logits: Logits): number {
  const scores = pooledScores(task, logits, { counts: logits.map(() => 1), pooling: 'mean', labels: labels.length });
  return evaluate(task, labels, { targets: truth.map(({ target }) => target), scores }).metrics.macroF1!.value ?? 0;
}
