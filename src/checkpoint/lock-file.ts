/** A file that says which process may write somewhere. */
import { randomUUID } from 'node:crypto';
import { linkSync, rmSync, writeFileSync } from 'node:fs';
import { mkdir, readFile, rm, rmdir, stat, utimes } from 'node:fs/promises';
import { hostname } from 'node:os';
import { jsonOrUndefined } from '../core/json.ts';
import { processStart } from '../runtime/process-start.ts';

export interface LockOwner {
  readonly id: string;
  readonly pid: number;
  readonly host: string;
  /** {@link processStart}, where the system says it. */
  readonly start?: string;
}

export interface LockTimes {
  /** The owner shows this often that it is alive: by the file's time. */
  readonly beatMs: number;
  /** Without a sign of life for this long, an owner of whom nothing else is known is taken for dead. */
  readonly staleMs: number;
}

/**
 * Makes a lock file and keeps it alive. The file is made in the step of the call, so that no signal comes between it and
 * what its caller does against one.
 *
 * @returns what gives it back; undefined if there is one already.
 */
export async function createLock(path: string, { beatMs }: LockTimes): Promise<(() => Promise<void>) | undefined> {
  const start = processStart(process.pid);
  const own: LockOwner = { id: randomUUID(), pid: process.pid, host: hostname(), ...(start ? { start } : {}) };
  if (!createFile(path, JSON.stringify(own))) return undefined;
  const beat = setInterval(() => {
    const now = new Date();
    utimes(path, now, now).catch(() => {});
  }, beatMs);
  beat.unref();
  return async () => {
    clearInterval(beat);
    if ((await ownerOf(path))?.id === own.id) await rm(path, { force: true });
  };
}

/** @returns whether there was no such file. It has all of its content from the start, where the file system has links. */
function createFile(path: string, content: string): boolean {
  const beside = `${path}.${randomUUID().slice(0, 8)}.tmp`;
  writeFileSync(beside, content);
  try {
    linkSync(beside, path);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return false;
    return createByName(path, content);
  } finally {
    rmSync(beside, { force: true });
  }
}

function createByName(path: string, content: string): boolean {
  try {
    writeFileSync(path, content, { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/**
 * Somebody else's lock, looked at again and again. Signs of life are changes of the file's time that are seen from here, so
 * that the clocks of two machines need not agree.
 */
export class LockWatch {
  readonly #path: string;
  readonly #times: LockTimes;
  #seen = { id: '', mtimeMs: Number.NaN, since: 0 };

  constructor(path: string, times: LockTimes) {
    this.#path = path;
    this.#times = times;
  }

  /** Whose lock it is; undefined if it is gone, or not written to its end. One whose owner is dead is taken away. */
  async look(): Promise<{ readonly owner: LockOwner; readonly isAlive: boolean } | undefined> {
    const owner = await ownerOf(this.#path);
    const id = owner?.id ?? '';
    const mtimeMs = await timeOf(this.#path);
    const moved = id === this.#seen.id && mtimeMs !== this.#seen.mtimeMs;
    if (moved || id !== this.#seen.id) this.#seen = { id, mtimeMs, since: performance.now() };
    const state = owner && stateOf(owner);
    const silentMs = performance.now() - this.#seen.since;
    const patienceMs = owner ? this.#times.staleMs : 2 * this.#times.beatMs;
    if (state === 'dead' || (state !== 'alive' && silentMs >= patienceMs)) await this.#takeAway({ id, mtimeMs });
    return owner && { owner, isAlive: state === 'alive' || (state === 'unknown' && moved) };
  }

  /** Removes a lock in which nothing has changed. Only one process at a time may look and remove: else it could be a fresh one. */
  async #takeAway({ id, mtimeMs }: { readonly id: string; readonly mtimeMs: number }): Promise<void> {
    const gate = `${this.#path}.takeover`;
    try {
      await mkdir(gate);
    } catch {
      // Whoever made it has died in these few lines, if it is old.
      const age = Date.now() - ((await timeOf(gate)) || Date.now());
      if (age > this.#times.staleMs) await rmdir(gate).catch(() => {});
      return;
    }
    try {
      const now = (await ownerOf(this.#path))?.id ?? '';
      if (now === id && (await timeOf(this.#path)) === mtimeMs) await rm(this.#path, { force: true });
    } finally {
      await rmdir(gate).catch(() => {});
    }
  }
}

/** What a lock file says; undefined if it is gone, or not written to its end. */
const ownerOf = async (path: string): Promise<LockOwner | undefined> =>
  jsonOrUndefined(await readFile(path, 'utf8').catch(() => '')) as LockOwner | undefined;

/** 0 if it is gone. */
const timeOf = (path: string): Promise<number> =>
  stat(path).then(
    ({ mtimeMs }) => mtimeMs,
    () => 0,
  );

/** Of a process on another machine one cannot know, nor where the system does not tell processes apart. */
function stateOf({ pid, host, start }: LockOwner): 'alive' | 'dead' | 'unknown' {
  if (host !== hostname()) return 'unknown';
  try {
    process.kill(pid, 0);
  } catch (error) {
    // Another user's process may not be signalled, but it is there.
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return 'dead';
  }
  const now = processStart(pid);
  if (start === undefined || now === undefined) return 'unknown'; // the number may be another process's by now
  return start === now ? 'alive' : 'dead';
}
