/** Locks between processes, so that none fetches what another is fetching. What is written does not depend on them. */
import { randomUUID } from 'node:crypto';
import { mkdir, open, rm, rmdir, stat, utimes } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDead, type LockOwner, readOwner, thisProcess } from '../checkpoint/lock-owner.ts';

export interface LockOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called once, if another has the lock. */
  readonly onWait?: (owner: string) => void;
  /** The owner shows this often that it is alive. */
  readonly beatMs?: number;
  /** Without a sign of life for this long, the lock is taken over. */
  readonly staleMs?: number;
}

interface Owner extends LockOwner {
  readonly id: string;
}

/**
 * Does `work` while no other process, or other part of this one, does work under the same lock file. Waits for its owner; a
 * lock whose owner has died, or has shown no sign of life for `staleMs`, is taken over. Signs of life are changes of the file's
 * time that the waiting process sees itself, so that clocks need not agree.
 *
 * @throws the signal's reason if it is aborted while waiting.
 */
export async function withLock<T>(path: string, work: () => Promise<T>, options: LockOptions = {}): Promise<T> {
  const { beatMs = 1000 } = options;
  const id = randomUUID();
  await acquire(path, id, options);
  const beat = setInterval(() => {
    const now = new Date();
    utimes(path, now, now).catch(() => {});
  }, beatMs);
  beat.unref();
  try {
    return await work();
  } finally {
    clearInterval(beat);
    if ((await ownerOf(path))?.id === id) await rm(path, { force: true });
  }
}

async function acquire(path: string, id: string, options: LockOptions): Promise<void> {
  const { signal, beatMs = 1000, staleMs = 15_000 } = options;
  await mkdir(dirname(path), { recursive: true });
  let seen = { state: '', since: 0 };
  let told = false;
  while (!(await create(path, id))) {
    const owner = await ownerOf(path);
    const state = await stateOf(path);
    if (state !== seen.state) seen = { state, since: performance.now() };
    const patienceMs = owner && isDead(owner) ? 2 * beatMs : staleMs;
    if (performance.now() - seen.since >= patienceMs) await takeAway(path, state, staleMs);
    if (!told && owner)
      options.onWait?.(owner.host === hostname() ? `process ${owner.pid}` : `a process on ${owner.host}`);
    told ||= owner !== undefined;
    await sleep(beatMs / 4, undefined, signal ? { signal } : {});
  }
}

/** @returns whether the lock is ours now. */
async function create(path: string, id: string): Promise<boolean> {
  const file = await open(path, 'wx').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'EEXIST') return undefined;
    throw error;
  });
  if (!file) return false;
  try {
    await file.writeFile(JSON.stringify({ id, ...thisProcess() } satisfies Owner));
  } finally {
    await file.close();
  }
  return true;
}

const ownerOf = (path: string): Promise<Owner | undefined> => readOwner<Owner>(path);

/** Owner and last sign of life; the same text again means that nothing has happened. */
async function stateOf(path: string): Promise<string> {
  const [owner, found] = await Promise.all([ownerOf(path), stat(path).catch(() => undefined)]);
  return `${owner?.id} ${found?.mtimeMs}`;
}

/** Removes a lock that is still in `state`. Only one process at a time may look and remove: else it could be a fresh one. */
async function takeAway(path: string, state: string, staleMs: number): Promise<void> {
  const gate = `${path}.takeover`;
  try {
    await mkdir(gate);
  } catch {
    // Whoever made it has died in these few lines, if it is old.
    const age = Date.now() - ((await stat(gate).catch(() => undefined))?.mtimeMs ?? Date.now());
    if (age > staleMs) await rmdir(gate).catch(() => {});
    return;
  }
  try {
    if ((await stateOf(path)) === state) await rm(path, { force: true });
  } finally {
    await rmdir(gate).catch(() => {});
  }
}
