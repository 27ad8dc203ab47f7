import { randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmdirSync, rmSync } from 'node:fs';
import { readdir, rm, rmdir, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { exists } from '../../checkpoint/exists.ts';
import { createLock, LockWatch } from '../../checkpoint/lock-file.ts';

/** A folder for working files that no one else looks at. */
export interface WorkFolder {
  /** A path inside for a new file. */
  path(name: string): string;
  /** Remembers to close a file before the folder goes (Windows keeps open files). */
  keep<T extends { close(): void }>(file: T): T;
  /** Closes and removes everything. Twice is once. */
  close(): Promise<void>;
}

/**
 * Makes a working folder: inside `path`, where others may have theirs at the same time and those that killed processes
 * left are removed; default: a new one among the system's temporary files. `path` goes with the last of them. If the
 * process exits before the folder is closed, it is removed then.
 */
export async function openWorkFolder(path?: string): Promise<WorkFolder> {
  const { folder, release, releaseNow } = path === undefined ? systemFolder() : await ownFolder(path);
  const open = new Set<{ close(): void }>();
  const closeFiles = () => {
    for (const file of open) file.close();
    open.clear();
  };
  const removeNow = () => {
    closeFiles();
    rmSync(folder, { recursive: true, force: true });
    releaseNow();
  };
  process.on('exit', removeNow);
  return {
    path: (name) => join(folder, name),
    keep(file) {
      open.add(file);
      return file;
    },
    async close() {
      closeFiles();
      await rm(folder, { recursive: true, force: true });
      await release();
      process.off('exit', removeNow);
    },
  };
}

/** A folder that was made in the same step in which it is returned, so that no signal comes between. */
interface Place {
  readonly folder: string;
  /** After the folder is gone. */
  readonly release: () => Promise<void>;
  /** The same in a process that exits. */
  readonly releaseNow: () => void;
}

const systemFolder = (): Place => ({
  folder: mkdtempSync(join(tmpdir(), 'emotune-data-')),
  release: async () => {},
  releaseNow: () => {},
});

const lockTimes = { beatMs: 2000, staleMs: 20_000 };
const lockOf = (folder: string): string => `${folder}.lock`;
const isWorkFolder = (name: string): boolean => /^[0-9a-f]{8}$/.test(name);
/** A lock, or one that was being made. */
const isLock = (name: string): boolean => /^([0-9a-f]{8}|replace)\.lock(\.[0-9a-f]{8}\.tmp)?$/.test(name);

/** A lock for who puts something in the place of another thing, where several have working folders for it. */
export const replaceLock = (path: string): string => lockOf(join(path, 'replace'));

/** A folder of its own name, and beside it a lock that is there before the folder and until after it. */
async function ownFolder(path: string): Promise<Place> {
  await removeAbandoned(path);
  const folder = join(path, randomUUID().slice(0, 8));
  const unlock = await lockIn(path, lockOf(folder));
  mkdirSync(folder);
  return {
    folder,
    async release() {
      await unlock();
      await rmdir(path).catch(() => {}); // others are in it, or it is gone
    },
    releaseNow() {
      rmSync(lockOf(folder), { force: true });
      try {
        rmdirSync(path);
      } catch {} // as above
    },
  };
}

/** Both in one step, so that no signal finds `path` alone. Another process may remove it before the lock is in it. */
async function lockIn(path: string, lock: string): Promise<() => Promise<void>> {
  for (let triesLeft = 2; ; triesLeft--) {
    mkdirSync(path, { recursive: true });
    try {
      const release = await createLock(lock, lockTimes);
      if (release) return release;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || triesLeft === 0) throw error;
    }
  }
}

/** Removes the working folders of processes that are dead, and nothing else that may be there. */
async function removeAbandoned(path: string): Promise<void> {
  const inside = await readdir(path).catch(() => []);
  for (const name of inside) if (isLock(name)) await removeIfDead(join(path, name));
  for (const name of inside.filter(isWorkFolder)) {
    const folder = join(path, name);
    if (!(await exists(lockOf(folder)))) await rm(folder, { recursive: true, force: true });
  }
}

const longSilenceMs = 24 * 3600 * 1000;

/** A process of which nothing can be known, such as one on another machine, is given a day. */
async function removeIfDead(lock: string): Promise<void> {
  const found = await new LockWatch(lock, lockTimes).look();
  if (found?.isAlive) return;
  const { mtimeMs } = await stat(lock).catch(() => ({ mtimeMs: Date.now() }));
  if (Date.now() - mtimeMs > longSilenceMs) await rm(lock, { force: true });
}
