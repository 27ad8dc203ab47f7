import { open, readFile, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ConfigError } from '../core/errors.ts';

const FILE = 'lock';

interface Owner {
  readonly pid: number;
  readonly host: string;
}

/**
 * Takes a run's folder for this process, until the returned function gives it back. What a process left that was killed is
 * taken over.
 *
 * @throws ConfigError if another process is training there.
 */
export async function lockRun(dir: string): Promise<() => Promise<void>> {
  const path = join(dir, FILE);
  const own = JSON.stringify({ pid: process.pid, host: hostname() } satisfies Owner);
  for (;;) {
    const file = await open(path, 'wx').catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
    if (file) {
      await file.writeFile(own).finally(() => file.close());
      return () => rm(path, { force: true });
    }
    const owner = (await ownerOf(path)) ?? (await sleep(100).then(() => ownerOf(path)));
    if (owner && isAlive(owner))
      throw new ConfigError(
        `process ${owner.pid} on ${owner.host} is training in ${dir}: wait for it or stop it; if there is no such process, remove ${path}`,
      );
    await rm(path, { force: true });
  }
}

/** Undefined if it is not there or not written yet; if that lasts, its owner died while it wrote. */
async function ownerOf(path: string): Promise<Owner | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as Owner;
  } catch {
    return undefined;
  }
}

/** On another machine one cannot tell, and believes it. */
function isAlive({ pid, host }: Owner): boolean {
  if (host !== hostname()) return true;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}
