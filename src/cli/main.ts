#!/usr/bin/env node
/** The command line: one file per command beside this one. */
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { checkpointCommand } from './checkpoint.ts';
import { dataCommand } from './data.ts';
import { doctorCommand } from './doctor.ts';
import { evaluateCommand } from './evaluate.ts';
import { exitCodeHelp, reportFailure } from './failure.ts';
import { mergeCommand } from './merge.ts';
import { exitWhenReaderLeaves } from './output.ts';
import { predictCommand } from './predict.ts';
import { trainCommand } from './train.ts';

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  readonly version: string;
};

/** In the order of `emotune --help`. */
const commands = [
  trainCommand,
  evaluateCommand,
  predictCommand,
  dataCommand,
  mergeCommand,
  checkpointCommand,
  doctorCommand,
];

function program(): Command {
  const root = new Command('emotune')
    .description(
      'Fine-tune Llama with LoRA into an emotion classifier, evaluate it and use it. Works offline, without Python. ' +
        'Every command has its own --help.',
    )
    .version(version, '-V, --version', 'show the version')
    .helpOption('-h, --help', 'show this help')
    .addHelpText('after', `\n${exitCodeHelp}\n\nA first try:\n  emotune train --data social-posts`);
  for (const make of commands) root.addCommand(make());
  throwInsteadOfExiting(root);
  return root;
}

/** So that every way to end goes through one place. */
function throwInsteadOfExiting(command: Command): void {
  command.exitOverride();
  for (const sub of command.commands) throwInsteadOfExiting(sub);
}

async function main(args: readonly string[]): Promise<void> {
  exitWhenReaderLeaves();
  const root = program();
  try {
    if (args.length === 0) root.outputHelp();
    else await root.parseAsync(args, { from: 'user' });
  } catch (error) {
    process.exitCode = reportFailure(error, { debug: args.includes('--debug') });
  }
}

await main(process.argv.slice(2));
