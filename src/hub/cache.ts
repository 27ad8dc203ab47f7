/**
 * The cache of huggingface_hub, so that what Python has fetched is used, and the other way round:
 *
 *     models--org--name/blobs/<hash>                the bytes, by SHA-256 or git's blob id
 *     models--org--name/refs/<revision>             the commit a branch or tag stood for
 *     models--org--name/snapshots/<commit>/<file>   a link to the bytes
 *     models--org--name/.emotune/<commit>.json      the names of the commit's files: what a snapshot without one lacks is not known
 *     .locks/models--org--name/<hash>.emotune.lock  who is fetching (huggingface_hub's own lock files are not touched)
 */
import { randomUUID } from 'node:crypto';
import { copyFile, link, mkdir, readFile, rename, rm, stat, symlink } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { writeFileAtomic, writeJson } from '../checkpoint/atomic.ts';
import { HubError } from '../core/errors.ts';
import { isCommit } from './repository-name.ts';

export interface RepositoryCache {
  blob(hash: string): string;
  lock(hash: string): string;
  snapshot(commit: string): string;
  /** @throws HubError for a name that leads out of the snapshot. */
  file(commit: string, path: string): string;
  ref(revision: string): string;
  listing(commit: string): string;
}

export function repositoryCache(cacheDir: string, id: string): RepositoryCache {
  const folder = `models--${id.replace('/', '--')}`;
  const root = join(cacheDir, folder);
  const snapshot = (commit: string) => join(root, 'snapshots', commit);
  return {
    blob: (hash) => join(root, 'blobs', hash),
    lock: (hash) => join(cacheDir, '.locks', folder, `${hash}.emotune.lock`),
    snapshot,
    file: (commit, path) => join(snapshot(commit), ...safeSegments(path, id)),
    ref: (revision) => join(root, 'refs', ...revision.split('/')),
    listing: (commit) => join(root, '.emotune', `${commit}.json`),
  };
}

/** The parts of a file's name in a repository, which is somebody else's text. */
function safeSegments(path: string, id: string): string[] {
  const segments = path.split('/');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what is looked for.
  const bad = segments.some((name) => name === '' || /^\.+$/.test(name) || /[\\:\x00-\x1f]/.test(name));
  if (bad)
    throw new HubError(
      `${id}: has a file called ${JSON.stringify(path)}, which leads out of its folder: do not use it`,
    );
  return segments;
}

/** The commit that is known for a revision, without asking the Hub. */
export async function knownCommit(cache: RepositoryCache, revision: string): Promise<string | undefined> {
  if (isCommit(revision)) return revision;
  const text = await readFile(cache.ref(revision), 'utf8').catch(() => '');
  return isCommit(text.trim()) ? text.trim() : undefined;
}

/** Remembers the commit of a revision; a cache that cannot be written to does without. */
export async function rememberCommit(cache: RepositoryCache, revision: string, commit: string): Promise<void> {
  if (revision === commit || (await knownCommit(cache, revision)) === commit) return;
  await writeFileAtomic(cache.ref(revision), commit).catch(() => {});
}

/** The names of a commit's files, as {@link rememberListing} has written them. */
export async function knownListing(cache: RepositoryCache, commit: string): Promise<readonly string[] | undefined> {
  try {
    return JSON.parse(await readFile(cache.listing(commit), 'utf8')) as string[];
  } catch {
    return undefined;
  }
}

/** Without it, the Hub is asked again. */
export const rememberListing = (cache: RepositoryCache, commit: string, names: readonly string[]): Promise<void> =>
  writeJson(cache.listing(commit), names).catch(() => {});

/** Size in bytes of what a path leads to, links followed; undefined if there is nothing. */
export const sizeAt = (path: string): Promise<number | undefined> =>
  stat(path).then(
    ({ size }) => size,
    () => undefined,
  );

/** A way to have bytes under a second name. */
export type Linker = (blob: string, path: string) => Promise<void>;

/** From the cheapest on: Windows without developer mode has no symlinks, some file systems have no links at all. */
export const linkers: readonly Linker[] = [
  (blob, path) => symlink(relative(dirname(path), blob), path),
  (blob, path) => link(blob, path),
  copyFile,
];

/** Gives a blob its name in a snapshot, replacing what is there. */
export async function placeFile(blob: string, path: string, ways: readonly Linker[] = linkers): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const beside = `${path}.${randomUUID().slice(0, 8)}.tmp`;
  for (const [i, way] of ways.entries()) {
    try {
      await way(blob, beside);
      await rename(beside, path);
      return;
    } catch (error) {
      if (i === ways.length - 1) throw error;
    } finally {
      // Also after a rename: where both names are the same file already, it does nothing.
      await rm(beside, { force: true });
    }
  }
}
