/** All commands under one name. */
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { checkpointCommand } from './checkpoint.ts';
import { dataCommand } from './data.ts';
import { doctorCommand } from './doctor.ts';
import { evaluateCommand } from './evaluate.ts';
import { exitCodeHelp } from './failure.ts';
import { mergeCommand } from './merge.ts';
import { predictCommand } from './predict.ts';
import { pushCommand } from './push.ts';
import { trainCommand } from './train.ts';

/** In the order of `emotune --help`. */
const commands = [
  trainCommand,
  evaluateCommand,
  predictCommand,
  dataCommand,
  mergeCommand,
  pushCommand,
  checkpointCommand,
  doctorCommand,
];

/** The command line. Parsing throws a CommanderError instead of ending the process, so that there is one way out. */
export function makeProgram(): Command {
  const program = new Command('emotune')
    .description(
      'Fine-tune Llama with LoRA into an emotion classifier, evaluate it and use it. Works offline, without Python. ' +
        'Every command has its own --help.',
    )
    .version(version(), '-V, --version', 'show the version')
    .helpOption('-h, --help', 'show this help')
    .addHelpText('after', `\n${exitCodeHelp}\n\nA first try:\n  emotune train --data social-posts`);
  for (const make of commands) program.addCommand(make());
  throwInsteadOfExiting(program);
  return program;
}

function throwInsteadOfExiting(command: Command): void {
  command.exitOverride();
  for (const sub of command.commands) throwInsteadOfExiting(sub);
}

function version(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { readonly version: string }).version;
}
