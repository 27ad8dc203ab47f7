/** The files of a source: which are missing, and how to come by them. */
import { join } from 'node:path';

import { exists } from '../../checkpoint/exists.ts';
import { DataError } from '../../core/errors.ts';
import { readTextFile } from '../text-file.ts';
import type { Source, SourceFile } from './source.ts';

/** Where a file of a source lies, or belongs. */
export const filePath = ({ folder }: Source, dataDir: string, { path }: SourceFile): string =>
  join(folder(dataDir), path);

export async function missingFiles(source: Source, dataDir: string): Promise<SourceFile[]> {
  const there = await Promise.all(source.files.map((file) => exists(filePath(source, dataDir, file))));
  return source.files.filter((_, i) => !there[i]);
}

/** What to do to have the files: a command, or whom to ask. */
export function howToGet(source: Source, dataDir: string): string {
  const { name, access: terms, licence, home } = source;
  if (terms) return `it is not fetched for you (${licence}): ${terms.ask}, and put the files there`;
  const where = dataDir === 'data' ? '' : ` --data-dir ${dataDir}`;
  return `\`emotune data fetch ${name}${where}\` gets them from ${home}`;
}

/** @throws DataError naming every file that is missing, and how to get them. */
export async function requireFiles(source: Source, dataDir: string): Promise<void> {
  const missing = await missingFiles(source, dataDir);
  if (missing.length === 0) return;
  const paths = missing.map((file) => filePath(source, dataDir, file)).join(', ');
  throw new DataError(
    `${source.name}: its files are missing: ${paths}; ${howToGet(source, dataDir)}; or set dataDir (now '${dataDir}') to the folder that holds them`,
  );
}

/** @throws DataError if a file that says what the label ids mean has other lines. */
export async function requireLines(path: string, lines: readonly string[]): Promise<void> {
  const found = (await readTextFile(path)).trim().split('\n');
  if (found.join() !== lines.join())
    throw new DataError(
      `${path}: lists [${found.join(', ')}] where [${lines.join(', ')}] is expected; the ids in the other files ` +
        'would name other labels: get the files again, all from one place',
    );
}
