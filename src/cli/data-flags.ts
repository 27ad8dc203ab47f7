import { ConfigError } from '../core/errors.ts';
import { dataShape, trainSchema } from '../train/config.ts';

/** What says which data to load, and how to split it. */
export const splitShape = {
  ...dataShape,
  seed: trainSchema.shape.seed.describe('seed of the split, where the data is not split already'),
};

type Data = string | string[];

/** @throws ConfigError if no data is named. */
export function requireData(data: Data | undefined): Data {
  if (data !== undefined) return data;
  throw new ConfigError('--data is missing: name a dataset (emotune data list shows them) or a file of texts');
}
