/** Files that are either the old ones or the new ones, whatever happens in between. */
import { randomUUID } from 'node:crypto';
import { type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * Replaces `path` by what `write` writes: into a file beside it, flushed to the disk, then renamed over it.
 * A process killed at any moment leaves the old file or the new one, at worst also a `.tmp`. Creates the folder.
 */
export async function replaceFile(path: string, write: (file: FileHandle) => Promise<void>): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const beside = `${path}.${randomUUID().slice(0, 8)}.tmp`;
  try {
    const file = await open(beside, 'wx');
    try {
      await write(file);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(beside, path);
  } catch (error) {
    await rm(beside, { force: true });
    throw error;
  }
  await syncFolder(dirname(path));
}

/** Replaces `path` by `data`; see {@link replaceFile}. */
export const writeFileAtomic = (path: string, data: string | Uint8Array): Promise<void> =>
  replaceFile(path, (file) => file.writeFile(data));

/** Replaces `path` by `value` as indented JSON; see {@link replaceFile}. */
export const writeJson = (path: string, value: unknown): Promise<void> =>
  writeFileAtomic(path, `${JSON.stringify(value, null, 2)}\n`);

/** Makes a rename durable. Windows cannot open folders, and needs no such flush. */
export async function syncFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return;
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
