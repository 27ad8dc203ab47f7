import { copyFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import { z } from 'zod';
import { type Preset, presets } from '../checkpoint/presets.ts';
import { ConfigError } from '../core/errors.ts';
import { trainSchema } from '../train/config.ts';
import { makeCommand } from './command.ts';
import { addFlags, type Values, valuesFrom } from './flags.ts';
import { hubFor, hubShape } from './hub-flags.ts';
import { printLines } from './output.ts';
import { openProgressLine } from './progress-line.ts';
import { commandLine } from './shell.ts';
import { formatBytes } from './view/quantities.ts';

const shape = {
  preset: z.enum(Object.keys(presets) as [Preset, ...Preset[]]).describe('shape of the model'),
  out: z.string().describe('folder of the checkpoint; must be empty or new'),
  seed: trainSchema.shape.seed.describe('seed of the weights'),
  dtype: z.enum(['F32', 'F16', 'BF16']).default('BF16').describe('how the weights are stored'),
  maxShardBytes: z.number().positive().default(5e9).describe('a weights file ends before it would be larger'),
  tokenizer: z.string().default('nano').describe('base whose tokenizer.json is copied'),
  ...hubShape,
};

export function checkpointCommand(): Command {
  const command = makeCommand('checkpoint', {
    summary: 'write a base with random weights, for benchmarks',
    description:
      "Write a Llama checkpoint with random weights in Hugging Face's layout. It knows nothing, but costs the same time " +
      'and memory as a real one of its shape: for benchmarks and tests without a download.',
    examples: [
      ['emotune checkpoint --preset 12x768 --out models/random-12x768', 'a small one'],
      ['emotune checkpoint --preset llama-3.2-1b --out models/random-1b', '2.5 GB, in the shape of Llama 3.2 1B'],
    ],
  });
  return addFlags(command, shape).action((given: Readonly<Record<string, unknown>>) => write(valuesFrom(shape, given)));
}

async function write(options: Values<typeof shape>): Promise<void> {
  const { preset, out, seed = 0, dtype = 'BF16', maxShardBytes = 5e9, tokenizer = 'nano' } = options;
  if (preset === undefined) throw new ConfigError(`--preset is missing: one of ${Object.keys(presets).join(', ')}`);
  if (out === undefined) throw new ConfigError('--out is missing: name a new folder for the checkpoint');
  await checkEmpty(out);
  const [{ writeRandomCheckpoint }, { findBase }, { tokenizerFiles }] = await Promise.all([
    import('../checkpoint/random-checkpoint.ts'),
    import('../models/base.ts'),
    import('../hub/selection.ts'),
  ]);
  const base = await findBase(tokenizer, await hubFor(options), tokenizerFiles);
  const progress = openProgressLine((done, total) => `${formatBytes(done)} of ${formatBytes(total)}`);
  await writeRandomCheckpoint(out, presets[preset], { seed, dtype, maxShardBytes, onProgress: progress.show });
  progress.close();
  await copyFile(join(base.dir, 'tokenizer.json'), join(out, 'tokenizer.json'));
  await printLines([
    `Wrote ${preset} with random weights to ${out}.`,
    '',
    'next:',
    `  ${commandLine('npx', 'emotune', 'train', '--base', out, '--data', 'social-posts', '--limit', '64', '--epochs', '1')}`,
  ]);
}

async function checkEmpty(folder: string): Promise<void> {
  const inside = await readdir(folder).catch((error: NodeJS.ErrnoException): string[] => {
    if (error.code === 'ENOENT') return [];
    throw new ConfigError(`${folder} cannot be written: ${error.message}`);
  });
  if (inside.length > 0) throw new ConfigError(`${folder} is not empty: choose another --out`);
}
