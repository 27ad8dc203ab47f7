import type { Command } from 'commander';
import { z } from 'zod';
import { ConfigError } from '../core/errors.ts';
import { makeCommand } from './command.ts';
import { addFlags, type Values, valuesFrom } from './flags.ts';
import { hubFor, hubShape } from './hub-flags.ts';
import { modelShape, requireModel } from './model-flags.ts';
import { printLines } from './output.ts';
import { commandLine } from './shell.ts';
import { formatBytes } from './view/quantities.ts';

const shape = {
  model: modelShape.model.describe("a run's folder"),
  repo: z.string().describe('repository on the Hub: organisation/name; made if it is not there'),
  private: z.boolean().default(false).describe('only for those who may see it'),
  license: z.string().optional().describe("licence of the adapter (default: the base's)"),
  base: z.string().optional().describe("the base's name on the Hub, where the run had it from a folder"),
  dryRun: z.boolean().default(false).describe('show the model card and the files, and send nothing'),
  token: hubShape.token,
};

export function pushCommand(): Command {
  const command = makeCommand('push', {
    summary: 'publish a run on the Hugging Face Hub',
    description:
      'Publish a trained adapter on the Hugging Face Hub, as one commit, with a model card: task, data and licences, ' +
      'scores with 95 % intervals, settings, and programs that load it. Look at it with --dry-run first.',
    examples: [
      ['emotune push --model runs/posts --repo jane/emotions --dry-run', 'the card, and what would be sent'],
      [
        'emotune push --model runs/posts --repo jane/emotions --private',
        'then: emotune predict with its name as the model',
      ],
    ],
  });
  return addFlags(command, shape).action((given: Readonly<Record<string, unknown>>) =>
    runPush(valuesFrom(shape, given)),
  );
}

async function runPush({ model, repo, token, dryRun, private: isPrivate, license, base }: Values<typeof shape>) {
  const path = requireModel(model);
  if (repo === undefined) throw new ConfigError('--repo is missing: name the repository, as in jane/emotions');
  const { preparePush, push } = await import('../publish/push.ts');
  const options = { repository: repo, isPrivate, license, base };
  const { card, files, notes, obstacle } = await preparePush(path, options);
  for (const note of notes) process.stderr.write(`note: ${note}\n`);
  if (dryRun) {
    if (obstacle !== undefined) process.stderr.write(`note: ${obstacle}\n`);
    await printLines([card, 'files:', ...(await Promise.all(files.map(fileLine)))]);
    return;
  }
  const { url, commit } = await push(path, { ...options, hub: await hubFor({ token }) });
  await printLines([
    `Published ${url}, commit ${commit}.`,
    '',
    'next:',
    `  ${commandLine('npx', 'emotune', 'predict', '--model', repo, 'What a lovely surprise!')}`,
  ]);
}

async function fileLine(upload: { readonly path: string } & ({ text: string } | { file: string })): Promise<string> {
  const { stat } = await import('node:fs/promises');
  const bytes = 'text' in upload ? Buffer.byteLength(upload.text) : (await stat(upload.file)).size;
  return `  ${upload.path}  ${formatBytes(bytes)}`;
}
