import { z } from 'zod';
import { ConfigError } from '../core/errors.ts';
import type { Classifier } from '../predict/classifier.ts';
import { trainSchema } from '../train/config.ts';
import type { Values } from './flags.ts';
import { hubFor, hubShape } from './hub-flags.ts';

/** What says which model to use. */
export const modelShape = {
  model: z
    .string()
    .describe(
      "a run's folder, an adapter folder of PEFT's, a merged checkpoint, or any of them on the Hub (organisation/name)",
    ),
  base: z
    .string()
    .optional()
    .describe("the base, where it is not where the run's training found it: a folder, or a model on the Hub"),
  threshold: trainSchema.shape.threshold
    .removeDefault()
    .optional()
    .describe("multi-label: probability from which a label is given (default: the run's)"),
  threads: trainSchema.shape.threads,
  ...hubShape,
};

/**
 * Loads the model that flags name.
 *
 * @throws ConfigError if none is named.
 */
export async function openModel({ model, ...options }: Values<typeof modelShape>): Promise<Classifier> {
  const path = requireModel(model);
  const { loadClassifier } = await import('../predict/classifier.ts');
  const { base, threshold, threads } = options;
  return loadClassifier(path, {
    hub: await hubFor(options),
    ...(base === undefined ? {} : { base }),
    ...(threshold === undefined ? {} : { threshold }),
    ...(threads === undefined ? {} : { threads }),
  });
}

/** @throws ConfigError if no model is named. */
export function requireModel(model: string | undefined): string {
  if (model === undefined) throw new ConfigError('--model is missing: name the folder of a run, such as runs/demo');
  return model;
}
