/** Whose a lock file is, and whether that process still lives. */
import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { jsonOrUndefined } from '../core/json.ts';

export interface LockOwner {
  readonly pid: number;
  readonly host: string;
}

/** This process, as an owner. */
export const thisProcess = (): LockOwner => ({ pid: process.pid, host: hostname() });

/** What a lock file says; undefined if it is gone, or not written to its end. */
export const readOwner = async <T extends LockOwner>(path: string): Promise<T | undefined> =>
  jsonOrUndefined(await readFile(path, 'utf8').catch(() => '')) as T | undefined;

/** Whether a process is known to have ended; of one on another machine, or another user's, one cannot know. */
export function isDead({ pid, host }: LockOwner): boolean {
  if (host !== hostname()) return false;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}
