/** How a command ends when it cannot do what it was asked. */
import { CommanderError } from 'commander';
import { ConfigError, DataError, EmotuneError } from '../core/errors.ts';
import { isDiskFull } from '../runtime/disk.ts';
import { flagOf } from './flags.ts';
import { styleFor } from './terminal.ts';

/** What a command exits with; the codes of {@link EmotuneError}s are on them. */
export const exitCodes = {
  ok: 0,
  usage: 2,
  data: 3,
  checkpoint: 4,
  training: 5,
  hub: 6,
  internal: 70,
  interrupted: 130,
} as const;

/** For `emotune --help`. */
export const exitCodeHelp = `Exit codes:
  0    done
  2    a flag, setting or path that cannot be used
  3    data that cannot be used
  4    a checkpoint, adapter or run that is missing, damaged or does not fit
  5    training failed: the loss is not a number
  6    the Hub or the network: not reachable, no access, or not the bytes that were announced
  70   the engine or emotune itself failed
  130  interrupted (Ctrl-C)`;

/** Tells on stderr what went wrong, and returns what to exit with. */
export async function reportFailure(error: unknown, { debug }: { readonly debug: boolean }): Promise<number> {
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
  const { red } = styleFor(process.stderr);
  const failure = error instanceof Error ? error : new Error(String(error));
  const ours = isBug(failure);
  process.stderr.write(`${red('error:')} ${await inFlags(failure)}${isDiskFull(failure) ? `; ${makeRoom}` : ''}\n`);
  if (debug || ours) process.stderr.write(`${failure.stack ?? ''}\n`);
  if (debug && failure.cause) process.stderr.write(`caused by: ${String((failure.cause as Error).stack)}\n`);
  if (ours) process.stderr.write('This is a bug in emotune. Please report it with the lines above.\n');
  return failure instanceof EmotuneError ? failure.exitCode : exitCodes.internal;
}

/** The message of an error about options, which the library knows by their names, for one who knows flags. */
async function inFlags(error: Error): Promise<string> {
  const { message } = error;
  if (!(error instanceof ConfigError || error instanceof DataError)) return message;
  const { trainSchema } = await import('../train/config.ts');
  const names = Object.keys(trainSchema.shape).filter((name) => /[A-Z]/.test(name));
  const option = new RegExp(`(?<![\\w.-])(?:${names.join('|')})(?![\\w-])`, 'g');
  return message
    .replace(option, flagOf)
    .replace('set quoting: false', 'use --no-quoting')
    .replace('set delimiter', 'set --delimiter')
    .replace('set encoding: ', 'use --encoding ')
    .replace('set encoding to', 'set --encoding to')
    .replace('unset strict', 'leave out --strict');
}

const makeRoom = 'the disk is full: free some space and run it again (a run that trains goes on with --resume)';

/** Neither an error thrown on purpose nor one of the operating system's (a full disk, a folder without permission). */
const isBug = (error: Error): boolean =>
  error.message.startsWith('internal:') || !(error instanceof EmotuneError || 'syscall' in error);
