import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createLock, type LockTimes, LockWatch } from '../checkpoint/lock-file.ts';
import { ConfigError } from '../core/errors.ts';

export const LOCK = 'lock';
const usual: LockTimes = { beatMs: 2000, staleMs: 20_000 };

/**
 * Takes a run's folder for this process, until the returned function gives it back. What a process left that was killed is
 * taken over; of one on another machine, that is known after it was silent for a while.
 *
 * @throws ConfigError if another process is training there.
 */
export async function lockRun(dir: string, times: LockTimes = usual): Promise<() => Promise<void>> {
  const path = join(dir, LOCK);
  const watch = new LockWatch(path, times);
  for (;;) {
    const release = await createLock(path, times);
    if (release) return release;
    const found = await watch.look();
    if (found?.isAlive)
      throw new ConfigError(
        `process ${found.owner.pid} on ${found.owner.host} is training in ${dir}: wait for it or stop it`,
      );
    await sleep(20);
  }
}
