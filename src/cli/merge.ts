import type { Command } from 'commander';
import { z } from 'zod';
import { ConfigError } from '../core/errors.ts';
import { makeCommand } from './command.ts';
import { addFlags, type Values, valuesFrom } from './flags.ts';
import { hubFor, hubShape } from './hub-flags.ts';
import { modelShape, requireModel } from './model-flags.ts';
import { printLines } from './output.ts';
import { openProgressLine } from './progress-line.ts';
import { commandLine } from './shell.ts';
import { formatBytes } from './view/quantities.ts';

const shape = {
  model: modelShape.model.describe("a run's folder, or an adapter folder of PEFT's"),
  out: z.string().describe('folder of the merged checkpoint; must be empty or new'),
  base: modelShape.base,
  ...hubShape,
  dtype: z
    .enum(['F32', 'F16', 'BF16'])
    .optional()
    .describe("how the weights are stored (default: as in the base); BF16 rounds the adapter's changes"),
};

export function mergeCommand(): Command {
  const command = makeCommand('merge', {
    summary: 'fold an adapter into its base',
    description:
      "Fold a trained adapter into its base, and write a checkpoint in Hugging Face's layout that needs no adapter: " +
      "emotune predict and transformers' AutoModelForSequenceClassification both load it.",
    examples: [
      ['emotune merge --model runs/posts --out models/posts', 'weights stored as in the base'],
      ['emotune merge --model runs/posts --out models/posts-f32 --dtype F32', 'without rounding'],
    ],
  });
  return addFlags(command, shape).action((given: Readonly<Record<string, unknown>>) => merge(valuesFrom(shape, given)));
}

async function merge({ model, out, ...options }: Values<typeof shape>): Promise<void> {
  const path = requireModel(model);
  if (out === undefined) throw new ConfigError('--out is missing: name a new folder for the merged checkpoint');
  const { mergeAdapter } = await import('../predict/merge.ts');
  const progress = openProgressLine((done, total) => `${formatBytes(done)} of ${formatBytes(total)}`);
  const { base, dtype } = options;
  await mergeAdapter(path, out, {
    ...(base === undefined ? {} : { base }),
    ...(dtype === undefined ? {} : { dtype }),
    hub: await hubFor(options),
    onProgress: progress.show,
  });
  progress.close();
  await printLines([
    `Merged into ${out}.`,
    '',
    'next:',
    `  ${commandLine('npx', 'emotune', 'predict', '--model', out, 'What a lovely surprise!')}`,
  ]);
}
