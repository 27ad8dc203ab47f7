import { stat, statfs } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';

/** Bytes that may still be written to the volume on which a path lies or will lie. */
export async function freeDiskBytes(path: string): Promise<number> {
  const { bavail, bsize } = await statfs(await nearestFolder(resolve(path)));
  return bavail * bsize;
}

/** Whether an error says that a disk is full, or that a user's share of it is. */
export const isDiskFull = (error: unknown): boolean =>
  ['ENOSPC', 'EDQUOT'].includes((error as NodeJS.ErrnoException).code ?? '');

async function nearestFolder(path: string): Promise<string> {
  const found = await stat(path).catch(() => undefined);
  return found?.isDirectory() || dirname(path) === path ? path : nearestFolder(dirname(path));
}
