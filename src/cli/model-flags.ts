import { z } from 'zod';
import { ConfigError } from '../core/errors.ts';
import { precisions } from '../nn/linear.ts';
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
  threshold: trainSchema.shape.threshold.describe(
    "multi-label: probability from which a label is given (default: the run's)",
  ),
  device: trainSchema.shape.device,
  precision: z.enum(precisions).optional().describe('how the base is computed with (default: as in training)'),
  threads: trainSchema.shape.threads,
  ...hubShape,
};

/**
 * Loads the model that flags name, and says what computes where that was left to emotune.
 *
 * @throws ConfigError if none is named.
 */
export async function openModel({ model, ...options }: Values<typeof modelShape>): Promise<Classifier> {
  const path = requireModel(model);
  const { loadClassifier } = await import('../predict/classifier.ts');
  const { base, threshold, device, precision, threads } = options;
  const classifier = await loadClassifier(path, {
    hub: await hubFor(options),
    ...(base === undefined ? {} : { base }),
    ...(threshold === undefined ? {} : { threshold }),
    ...(device === undefined ? {} : { device }),
    ...(precision === undefined ? {} : { precision }),
    ...(threads === undefined ? {} : { threads }),
  });
  const { provider, reason } = classifier.device;
  if (reason !== undefined) process.stderr.write(`device ${provider}: ${reason}\n`);
  return classifier;
}

/** @throws ConfigError if no model is named. */
export function requireModel(model: string | undefined): string {
  if (model === undefined) throw new ConfigError('--model is missing: name the folder of a run, such as runs/demo');
  return model;
}
