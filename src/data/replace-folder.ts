/** Folders that are either the old ones or the new ones, as files are by checkpoint/atomic.ts. */
import { readdir, rename, rm, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { syncFolder } from '../checkpoint/atomic.ts';
import { exists } from '../checkpoint/exists.ts';
import { ConfigError, DataError } from '../core/errors.ts';

/** Where a folder lies while a new one takes its place. */
const asideOf = (folder: string): string => `${folder}.emotune.old`;

/**
 * Puts `made`, a folder on the same disk whose files are flushed, in the place of `folder`. Node cannot exchange two
 * folders in one step: the old one is renamed aside, the new one gets its name, then the old one is removed. A process
 * that is killed leaves the old or the new one under the name or, between two renames, none there and the old one aside:
 * see {@link whatIsAside}. No two processes may do it at once.
 *
 * @param files the names of what `folder` may hold; nothing else is ever removed.
 * @throws DataError   if the new folder cannot get its name; the old one then has it again.
 * @throws ConfigError if there is something else where the old one is put.
 */
export async function replaceFolder(folder: string, made: string, files: readonly string[]): Promise<void> {
  const aside = asideOf(folder);
  if (await exists(folder)) {
    await removeOnly(aside, files); // left by a process that was killed when it had only this to do
    await rename(folder, aside);
  }
  try {
    await rename(made, folder);
  } catch (cause) {
    throw await givenBack(folder, cause as NodeJS.ErrnoException);
  }
  await syncFolder(dirname(folder));
  await removeOnly(aside, files);
}

async function givenBack(folder: string, cause: NodeJS.ErrnoException): Promise<DataError> {
  const aside = asideOf(folder);
  if (await exists(aside)) await rename(aside, folder).catch(() => {});
  const old = (await exists(aside)) ? `; what was there is now ${aside}` : '';
  return new DataError(`${folder}: cannot be written (${cause.code})${old}; give another folder`, { cause });
}

/** Removes a folder, if it is there, that holds nothing but these files. */
async function removeOnly(folder: string, files: readonly string[]): Promise<void> {
  if (!(await exists(folder))) return;
  const foreign = (await readdir(folder)).find((name) => !files.includes(name));
  if (foreign !== undefined)
    throw new ConfigError(`${folder}: holds ${foreign}, which emotune did not write; move it away`);
  for (const file of files) await rm(join(folder, file), { force: true });
  await rmdir(folder);
}

/** What is left of a folder whose replacing was cut short between two renames; undefined if that is not so. */
export async function whatIsAside(folder: string): Promise<string | undefined> {
  const aside = asideOf(folder);
  return !(await exists(folder)) && (await exists(aside)) ? aside : undefined;
}
