import { Command } from 'commander';

/** A command's help: what it is for, and how it is called. */
export interface CommandHelp {
  /** For the list of commands. */
  readonly summary: string;
  readonly description: string;
  /** Shell lines, each with what it does. */
  readonly examples: readonly (readonly [command: string, does: string])[];
}

/** A command with what all of them have. */
export function makeCommand(name: string, { summary, description, examples }: CommandHelp): Command {
  return new Command(name)
    .summary(summary)
    .description(description)
    .option('--debug', 'show where in the code an error comes from')
    .helpOption('-h, --help', 'show this help')
    .addHelpText(
      'after',
      `\nExamples:\n${examples.map(([command, does]) => `  ${command}\n      ${does}\n`).join('')}`,
    );
}
