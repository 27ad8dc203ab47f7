import { answersOf, type Baseline, passageText } from '../baselines/baseline.ts';
import type { SavedBaseline } from '../baselines/files.ts';
import { type Decision, decide, withThreshold } from '../core/decision.ts';
import { ConfigError } from '../core/errors.ts';
import { hasValues, type Task } from '../core/task.ts';
import type { Passage } from '../text/encoder.ts';
import type { Classifier, ClassifierOptions } from './classifier.ts';
import { cleanPassages } from './passages.ts';
import { scoresOf } from './scores.ts';

/** Keeps logarithms finite where a forest is certain. */
const least = 1e-12;

/** What a model with a base would answer to have these scores. */
const logitsOf: Readonly<Record<Task, (score: number) => number>> = {
  single_label_classification: (p) => Math.log(Math.max(least, p)),
  multi_label_classification: (p) => Math.log(Math.max(least, p)) - Math.log(Math.max(least, 1 - p)),
  regression: (value) => value,
  ordinal_regression: (value) => value,
};

/** A function that answers passages with logits of the labels, for which the margins of a support vector machine are taken; or with values. */
export function baselineLogits(baseline: Baseline, task: Task): (passages: readonly Passage[]) => number[][] {
  const answer = answersOf(baseline);
  const { gives } = baseline.fitted;
  return (passages) => {
    const answers = answer(passages.map(passageText));
    return gives === 'logits' ? answers : answers.map((row) => row.map(logitsOf[task]));
  };
}

/** Scores from what {@link baselineLogits} gives. Levels are predicted as values, and end where the scale does. */
export function baselineScoresOf(
  task: Task,
  logits: readonly number[],
  { temperature, highestLevel = Number.POSITIVE_INFINITY }: Pick<Decision, 'temperature' | 'highestLevel'>,
): number[] {
  if (task === 'ordinal_regression') return logits.map((level) => Math.min(highestLevel, Math.max(0, level)));
  return hasValues(task) ? [...logits] : scoresOf[task](logits, { labels: logits.length, temperature });
}

/**
 * A baseline as a classifier like any other.
 *
 * @throws ConfigError for options that only models with a base have.
 */
export function baselineClassifier(saved: SavedBaseline, options: ClassifierOptions): Classifier {
  const { task, labels, baseline, data } = saved;
  const { base, precision, device = 'cpu' } = options;
  const idle = Object.entries({ base, precision }).filter(([, value]) => value !== undefined);
  if (idle.length > 0)
    throw new ConfigError(`${idle.map(([key]) => key).join(', ')}: ${baseline.name} has no base; leave it out`);
  if (device !== 'cpu' && device !== 'auto')
    throw new ConfigError(`device ${device}: ${baseline.name} is computed on the processor; leave it out`);
  const decision = withThreshold(saved.decision, task, options.threshold);
  const answer = baselineLogits(baseline, task);
  return {
    task,
    labels,
    decision,
    device: { provider: 'cpu' },
    trainedOn: data,
    classify: async (texts) =>
      answer(cleanPassages(texts)).map((logits) => {
        const scores = baselineScoresOf(task, logits, decision);
        return {
          labels: decide[task](scores, decision).map((k) => labels[k]!),
          scores: Object.fromEntries(labels.map((label, k) => [label, scores[k]!])),
          truncated: false,
        };
      }),
    dispose: async () => {},
  };
}
