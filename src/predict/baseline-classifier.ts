import { answersOf, type Baseline, passageText } from '../baselines/baseline.ts';
import type { SavedBaseline } from '../baselines/files.ts';
import { ConfigError } from '../core/errors.ts';
import type { Task } from '../core/task.ts';
import type { Passage } from '../text/encoder.ts';
import type { Classifier, ClassifierOptions } from './classifier.ts';
import { cleanPassages } from './passages.ts';
import { decide, scoresOf } from './scores.ts';

/** A function that scores passages with a baseline; the margins of a support vector machine are taken for logits. */
export function baselineScores(baseline: Baseline, task: Task): (passages: readonly Passage[]) => number[][] {
  const answer = answersOf(baseline);
  const { gives } = baseline.fitted;
  return (passages) => {
    const answers = answer(passages.map(passageText));
    return gives === 'logits' ? answers.map(scoresOf[task]) : answers;
  };
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
  const threshold = options.threshold ?? saved.threshold;
  const score = baselineScores(baseline, task);
  return {
    task,
    labels,
    threshold,
    device: { provider: 'cpu' },
    trainedOn: data,
    classify: async (texts) =>
      score(cleanPassages(texts)).map((scores) => ({
        labels: decide[task](scores, threshold).map((k) => labels[k]!),
        scores: Object.fromEntries(labels.map((label, k) => [label, scores[k]!])),
        truncated: false,
      })),
    dispose: async () => {},
  };
}
