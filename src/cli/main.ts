#!/usr/bin/env node
/** Where the command line starts, and the one place where it ends. */
import { setFlagsFromString } from 'node:v8';
import { reportFailure } from './failure.ts';
import { tidyWhenInterrupted } from './interrupt.ts';
import { exitWhenReaderLeaves } from './output.ts';
import { makeProgram } from './program.ts';

/**
 * Makes V8 collect early rather than let the heap grow with the rate of allocation, that is with the length of the data:
 * what is read row by row dies at once, so this costs no time. The young generation stays as small as it starts.
 */
function keepHeapSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
  setFlagsFromString('--optimize-for-size');
}

async function main(args: readonly string[]): Promise<void> {
  keepHeapSmall();
  exitWhenReaderLeaves();
  tidyWhenInterrupted();
  const program = makeProgram();
  try {
    if (args.length === 0) program.outputHelp();
    else await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    process.exitCode = await reportFailure(error, { debug: args.includes('--debug') });
  }
}

await main(process.argv.slice(2));
