/** The model that another one is compared with. */
import { ConfigError } from '../core/errors.ts';
import type { Classifier } from '../predict/classifier.ts';
import type { Values } from './flags.ts';
import { hubFor } from './hub-flags.ts';
import type { modelShape } from './model-flags.ts';

/** What models must have in common to be compared, and where one says what it has seen. */
export type Known = Pick<Classifier, 'task' | 'labels' | 'trainedOn'>;

/**
 * Reads what a model does without loading it.
 *
 * @throws ConfigError if its task or its labels are not those of `model`; their order may be another.
 */
export async function readComparable(
  against: string,
  model: Known,
  options: Values<typeof modelShape>,
): Promise<Known> {
  const { task, labels, data: trainedOn } = await settingsOf(against, options);
  if (task !== model.task)
    throw new ConfigError(
      `--against ${against} does ${task}, but --model ${options.model} does ${model.task}: only models of one task can be compared`,
    );
  const [missing, more] = [without(model.labels, labels), without(labels, model.labels)];
  if (missing.length > 0 || more.length > 0)
    throw new ConfigError(
      `--against ${against} has other labels than --model ${options.model}: ${[
        missing.length > 0 ? `it lacks ${missing.join(', ')}` : [],
        more.length > 0 ? `it alone has ${more.join(', ')}` : [],
      ]
        .flat()
        .join('; ')}. Only models of the same labels can be compared`,
    );
  return { task, labels, trainedOn };
}

/** What a model says of itself, a baseline or one with a base. */
async function settingsOf(model: string, options: Values<typeof modelShape>) {
  const { isBaseline, readBaseline } = await import('../baselines/files.ts');
  if (await isBaseline(model)) return readBaseline(model);
  const { readClassifier } = await import('../predict/saved-classifier.ts');
  return (await readClassifier(model, { base: options.base, hub: await hubFor(options) })).settings;
}

const without = (labels: readonly string[], others: readonly string[]): string[] =>
  labels.filter((label) => !others.includes(label));
