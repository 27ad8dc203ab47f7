import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

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
 * Makes a working folder; default: a new one among the system's temporary files. What a killed process left at `path`
 * is replaced.
 */
export async function openWorkFolder(path?: string): Promise<WorkFolder> {
  const folder = path ?? (await mkdtemp(join(tmpdir(), 'emotune-data-')));
  if (path !== undefined) {
    await rm(path, { recursive: true, force: true });
    await mkdir(path, { recursive: true });
  }
  const open = new Set<{ close(): void }>();
  return {
    path: (name) => join(folder, name),
    keep(file) {
      open.add(file);
      return file;
    },
    async close() {
      for (const file of open) file.close();
      open.clear();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
