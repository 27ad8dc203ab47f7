import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDead, readOwner, thisProcess } from '../checkpoint/lock-owner.ts';
import { ConfigError } from '../core/errors.ts';

const FILE = 'lock';

/**
 * Takes a run's folder for this process, until the returned function gives it back. What a process left that was killed is
 * taken over.
 *
 * @throws ConfigError if another process is training there.
 */
export async function lockRun(dir: string): Promise<() => Promise<void>> {
  const path = join(dir, FILE);
  const own = JSON.stringify(thisProcess());
  for (;;) {
    const file = await open(path, 'wx').catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
    if (file) {
      await file.writeFile(own).finally(() => file.close());
      return () => rm(path, { force: true });
    }
    // One that stays unreadable was left by a process that died while it wrote.
    const owner = (await readOwner(path)) ?? (await sleep(100).then(() => readOwner(path)));
    if (owner && !isDead(owner))
      throw new ConfigError(
        `process ${owner.pid} on ${owner.host} is training in ${dir}: wait for it or stop it; if there is no such process, remove ${path}`,
      );
    await rm(path, { force: true });
  }
}
