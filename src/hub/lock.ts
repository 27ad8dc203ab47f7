/** Locks between processes, so that none fetches what another is fetching. What is written does not depend on them. */
import { mkdir } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createLock, type LockTimes, LockWatch } from '../checkpoint/lock-file.ts';

export interface LockOptions extends Partial<LockTimes> {
  readonly signal?: AbortSignal | undefined;
  /** Called once, if another has the lock. */
  readonly onWait?: (owner: string) => void;
}

/**
 * Does `work` while no other process, or other part of this one, does work under the same lock file. Waits for its owner; a
 * lock whose owner has died, or has shown no sign of life for `staleMs`, is taken over.
 *
 * @throws the signal's reason if it is aborted while waiting.
 */
export async function withLock<T>(path: string, work: () => Promise<T>, options: LockOptions = {}): Promise<T> {
  const release = await acquire(path, options);
  try {
    return await work();
  } finally {
    await release();
  }
}

async function acquire(path: string, options: LockOptions): Promise<() => Promise<void>> {
  const { signal, onWait, beatMs = 1000, staleMs = 15_000 } = options;
  const times = { beatMs, staleMs };
  await mkdir(dirname(path), { recursive: true });
  const watch = new LockWatch(path, times);
  for (let told = false; ; ) {
    const release = await createLock(path, times);
    if (release) return release;
    const owner = (await watch.look())?.owner;
    if (!told && owner) onWait?.(owner.host === hostname() ? `process ${owner.pid}` : `a process on ${owner.host}`);
    told ||= owner !== undefined;
    await sleep(beatMs / 4, undefined, signal ? { signal } : {});
  }
}
