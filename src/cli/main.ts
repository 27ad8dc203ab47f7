#!/usr/bin/env node
/** Where the command line starts, and the one place where it ends. */
import { reportFailure } from './failure.ts';
import { exitWhenReaderLeaves } from './output.ts';
import { makeProgram } from './program.ts';

async function main(args: readonly string[]): Promise<void> {
  exitWhenReaderLeaves();
  const program = makeProgram();
  try {
    if (args.length === 0) program.outputHelp();
    else await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    process.exitCode = reportFailure(error, { debug: args.includes('--debug') });
  }
}

await main(process.argv.slice(2));
