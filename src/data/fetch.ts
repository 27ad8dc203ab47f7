/** Third-party datasets, fetched and checked. */
import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

import { DataError, HubError } from '../core/errors.ts';
import { download } from '../hub/download.ts';
import { type Hub, type HubOptions, hubFrom } from '../hub/options.ts';
import { inParallel } from '../hub/parallel.ts';
import { filePath, howToGet } from './sources/files.ts';
import type { Source, SourceFile } from './sources/source.ts';

export interface FetchOptions {
  /** The folder of third-party sources. Default: `data`. */
  readonly dataDir?: string | undefined;
  /** Replace files that are there and are not those the source publishes. */
  readonly overwrite?: boolean | undefined;
  readonly hub?: HubOptions | undefined;
  readonly onProgress?: (doneFiles: number, totalFiles: number) => void;
}

/** What became of a file. */
export interface FetchedFile {
  readonly path: string;
  /** `there`: it was, and is right; `unchecked`: it was, and no SHA-256 of it is known. */
  readonly state: 'fetched' | 'there' | 'unchecked';
}

/**
 * Fetches the files of a source that are not there, checks their SHA-256, and puts them where the source is read from. What is
 * there and right is left as it is; what is there and wrong is not replaced unless `overwrite` says so.
 *
 * @throws DataError if the source's terms forbid fetching and files are missing, or a file that is there is not the published one.
 * @throws HubError  if a file cannot be fetched, or is not what it should be.
 */
export async function fetchSource(source: Source, options: FetchOptions = {}): Promise<FetchedFile[]> {
  const { dataDir = 'data', overwrite = false, onProgress } = options;
  const hub = hubFrom({ ...options.hub, token: undefined });
  const found = await Promise.all(
    source.files.map(async (file) => ({ file, hash: await hashOf(filePath(source, dataDir, file)) })),
  );
  const right = ({ file: { sha256 }, hash }: (typeof found)[number]) =>
    hash !== undefined && (sha256 === undefined || hash === sha256);
  const wrong = found.filter((each) => each.hash !== undefined && !right(each));
  const wanted = found.filter((each) => !right(each) && (each.hash === undefined || overwrite));
  if (wanted.length > 0)
    checkFetchable(
      source,
      dataDir,
      wanted.map(({ file }) => file),
      hub,
    );
  let done = 0;
  await inParallel(wanted, { limit: 4, signal: hub.signal }, async ({ file }, signal) => {
    await fetchFile({ ...hub, signal }, source, file, filePath(source, dataDir, file));
    onProgress?.(++done, wanted.length);
  });
  if (wrong.length > 0 && !overwrite)
    throw notPublished(
      source,
      dataDir,
      wrong.map(({ file }) => file),
    );
  const isFetched = new Set(wanted.map(({ file }) => file));
  return source.files.map((file) => ({
    path: filePath(source, dataDir, file),
    state: isFetched.has(file) ? 'fetched' : file.sha256 === undefined ? 'unchecked' : 'there',
  }));
}

/** SHA-256 of a file, or undefined if there is none. */
const hashOf = (path: string): Promise<string | undefined> =>
  readFile(path).then(
    (content) => createHash('sha256').update(content).digest('hex'),
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined;
      throw new DataError(`${path} cannot be read: ${error.message}`, { cause: error });
    },
  );

function checkFetchable(source: Source, dataDir: string, files: readonly SourceFile[], { offline }: Hub): void {
  const { name, access, home } = source;
  const paths = files.map((file) => `\n  ${filePath(source, dataDir, file)}`).join('');
  if (access || files.some(({ url }) => url === undefined)) {
    const how = access ? howToGet(source, dataDir) : `they come with emotune: install it again (${home})`;
    throw new DataError(`${name}: ${how}:${paths}`);
  }
  if (offline)
    throw new HubError(`${name}: offline, and these files are not here:${paths}\nfetch them once with a network`);
}

async function fetchFile(hub: Hub, { name, home }: Source, { url, sha256 }: SourceFile, path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const incomplete = `${path}.${randomUUID().slice(0, 8)}.incomplete`;
  try {
    await download(
      hub,
      {
        name: path,
        url: url!,
        digest: { kind: 'sha256', hex: sha256! },
        refused: ({ status }) =>
          new HubError(`${name}: the server answered ${status} for ${url}; the file may have moved, look at ${home}`),
      },
      incomplete,
    );
    await rename(incomplete, path);
  } finally {
    await rm(incomplete, { force: true });
  }
}

function notPublished(source: Source, dataDir: string, files: readonly SourceFile[]): DataError {
  const paths = files.map((file) => filePath(source, dataDir, file)).join(', ');
  return new DataError(
    `${source.name}: ${paths}: there, but not as published (SHA-256 differs), and left alone; move it away, or replace it with --overwrite`,
  );
}
