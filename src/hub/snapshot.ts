/** What a repository holds at a commit, fetched into the cache as far as it is needed. */
import { randomUUID } from 'node:crypto';
import { constants, copyFile, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { shardNames } from '../checkpoint/checkpoint.ts';
import { HubError } from '../core/errors.ts';
import { commitOf, fileUrl, listFiles, type RepositoryFile, refusal } from './api.ts';
import { placeFile, type RepositoryCache, rememberCommit, rememberListing, repositoryCache, sizeAt } from './cache.ts';
import { type Cached, findCached } from './cached.ts';
import { download, type Wanted } from './download.ts';
import { withLock } from './lock.ts';
import { type Hub, type HubOptions, hubFrom } from './options.ts';
import { inParallel } from './parallel.ts';
import { isCommit, type RepositoryName } from './repository-name.ts';
import { fitting, type Selections, selectFiles, weightsIndex } from './selection.ts';

/** A folder in the cache that holds what was asked for. */
export interface Snapshot {
  readonly id: string;
  readonly dir: string;
  readonly commit: string;
}

/** Files fetched at the same time. */
const parallel = 4;

/**
 * Fetches the files of a repository that are needed and not in the cache yet; of several selections, the first for which the
 * repository has what is required. A cached commit is used without asking; a branch or tag is looked up, and what the cache
 * holds of it is used where the Hub cannot be reached or refuses.
 *
 * @throws HubError if the repository is refused, lacks what is needed, or cannot be fetched; offline: if the cache lacks it.
 */
export async function fetchSnapshot(
  name: RepositoryName,
  selections: Selections,
  options: HubOptions = {},
): Promise<Snapshot> {
  return remembered(name, await fetchPart(name, selections, options), options);
}

/** Makes a revision stand for a snapshot that is whole. */
export async function remembered(name: RepositoryName, whole: Snapshot, options: HubOptions): Promise<Snapshot> {
  await rememberCommit(repositoryCache(hubFrom(options).cacheDir, name.id), name.revision, whole.commit);
  return whole;
}

/**
 * As {@link fetchSnapshot}, for a part of what is wanted: what the revision stands for in the cache stays as it is. Offline,
 * all of an older commit is of more use than a part of the newest.
 */
export async function fetchPart(
  name: RepositoryName,
  selections: Selections,
  options: HubOptions = {},
): Promise<Snapshot> {
  const hub = hubFrom(options);
  const cache = repositoryCache(hub.cacheDir, name.id);
  const cached = await findCached(cache, name.revision, selections);
  const usable = cached.missing.length === 0 ? cached.commit : undefined;
  const snapshot = (commit: string): Snapshot => ({ id: name.id, dir: cache.snapshot(commit), commit });
  if (hub.offline) {
    if (usable === undefined) throw notCached(name, cached, hub);
    return snapshot(usable);
  }
  if (cached.isListed && usable === name.revision) return snapshot(usable);
  const commit = await lookUp(hub, name, usable);
  const fetch = (patient: Hub) => new Fetch(patient, cache, { id: name.id, revision: commit }).run(selections);
  if (commit !== usable) await fetch(hub);
  else if (!cached.isListed) await fetch(once(hub)).catch((error: unknown) => void fallBack(hub, error, commit));
  return snapshot(commit);
}

/** The commit that a revision stands for. Where the cache has a usable copy, one try is enough, and failure leads back to it. */
async function lookUp(hub: Hub, name: RepositoryName, usable: string | undefined): Promise<string> {
  if (isCommit(name.revision)) return name.revision;
  if (usable === undefined) return commitOf(hub, name);
  return commitOf(once(hub), name).catch((error: unknown) => fallBack(hub, error, usable));
}

const once = (hub: Hub): Hub => ({ ...hub, patience: { ...hub.patience, attempts: 1 } });

/** Only what the Hub or the network did leads back to the cache. */
function fallBack(hub: Hub, error: unknown, commit: string): string {
  if (!(error instanceof HubError)) throw error;
  hub.notice(`${error.message}\nusing the cached copy, commit ${commit}`);
  return commit;
}

function notCached({ id, revision }: RepositoryName, { commit, missing }: Cached, { cacheDir }: Hub): HubError {
  const what = commit === undefined ? `nothing of it at '${revision}'` : `no ${missing.join(', ')} at ${commit}`;
  return new HubError(
    `${id}: offline, and the cache ${cacheDir} has ${what}; run it once with a network (without --offline and HF_HUB_OFFLINE), or name a folder`,
  );
}

/** The fetching of one commit. */
class Fetch {
  readonly #hub: Hub;
  readonly #cache: RepositoryCache;
  readonly #name: RepositoryName;
  readonly #done = new Map<string, number>();
  #total = 0;

  constructor(hub: Hub, cache: RepositoryCache, name: RepositoryName) {
    this.#hub = hub;
    this.#cache = cache;
    this.#name = name;
  }

  async run(selections: Selections): Promise<void> {
    const { id, revision } = this.#name;
    const files = new Map((await listFiles(this.#hub, this.#name)).map((file) => [file.path, file]));
    const names = [...files.keys()];
    await rememberListing(this.#cache, revision, names);
    const selection = fitting(selections, names);
    const selected = selectFiles(selection, names, id);
    const shards = selection.weights && selected.includes(weightsIndex) ? await this.#shards(files) : [];
    await this.#fetchAll([...selected, ...shards].map((path) => files.get(path)!));
  }

  /** The shards that the index lists; it is fetched first, so that all the rest is one list with one sum. */
  async #shards(files: ReadonlyMap<string, RepositoryFile>): Promise<string[]> {
    const { id, revision } = this.#name;
    await this.#fetchAll([files.get(weightsIndex)!]);
    const shards = await shardNames(this.#cache.file(revision, weightsIndex));
    const absent = shards.filter((name) => !files.has(name));
    if (absent.length === 0) return shards;
    throw new HubError(
      `${id}: its ${weightsIndex} names files that are not there: ${absent.join(', ')}; choose another revision`,
    );
  }

  async #fetchAll(files: readonly RepositoryFile[]): Promise<void> {
    const { signal } = this.#hub;
    const wanted: RepositoryFile[] = [];
    for (const file of files)
      if ((await sizeAt(this.#cache.file(this.#name.revision, file.path))) !== file.size) wanted.push(file);
    if (wanted.length === 0) return;
    await this.#checkSpace(wanted);
    this.#total = wanted.filter(isCounted).reduce((sum, { size }) => sum + size, 0);
    await inParallel(wanted, { limit: parallel, signal }, (file, joint) => this.#fetchOne(file, joint));
  }

  /** @throws HubError if what is missing does not fit on the disk. */
  async #checkSpace(files: readonly RepositoryFile[]): Promise<void> {
    const { cacheDir, patience } = this.#hub;
    await mkdir(cacheDir, { recursive: true });
    let needed = 0;
    for (const { size, digest } of files) {
      const blob = this.#cache.blob(digest.hex);
      if ((await sizeAt(blob)) === size) continue;
      const parts = await Promise.all((await leftovers(blob)).map(sizeAt));
      const part = Math.max(0, ...parts.map((bytes) => bytes ?? 0));
      // What is left of an earlier time is copied before it is removed.
      needed += Math.max(part, size - part);
    }
    const free = await patience.freeBytes(cacheDir);
    if (needed <= free) return;
    const gigabytes = (bytes: number) => `${(bytes / 1e9).toFixed(2)} GB`;
    throw new HubError(
      `${this.#name.id}: ${gigabytes(needed)} are to be fetched, but ${cacheDir} has ${gigabytes(free)} free: free some space, or set HF_HUB_CACHE to a folder on a larger disk`,
    );
  }

  async #fetchOne(file: RepositoryFile, signal: AbortSignal): Promise<void> {
    const { digest, path, size } = file;
    const blob = this.#cache.blob(digest.hex);
    const onWait = (owner: string) => this.#hub.notice(`${path}: waiting for ${owner}, which is fetching it`);
    const fetchIt = async () => {
      if ((await sizeAt(blob)) !== size) await this.#fetchBlob(file, signal);
    };
    await withLock(this.#cache.lock(digest.hex), fetchIt, { signal, onWait });
    await placeFile(blob, this.#cache.file(this.#name.revision, path));
    this.#show(path, size);
  }

  /**
   * Fetches a blob under a name that no other process has, then gives it its own. What an ended process left is copied, not
   * continued in place: should it live after all, two would write into one file.
   */
  async #fetchBlob({ path, size, digest }: RepositoryFile, signal: AbortSignal): Promise<void> {
    const hub = { ...this.#hub, signal };
    const name = this.#name;
    const blob = this.#cache.blob(digest.hex);
    await mkdir(dirname(blob), { recursive: true });
    const incomplete = `${blob}.${randomUUID().slice(0, 8)}${suffix}`;
    await adopt(await leftovers(blob), incomplete);
    const wanted: Wanted = {
      name: `${name.id}/${path}`,
      url: fileUrl(hub, name, path),
      withToken: true,
      size,
      digest,
      refused: (answer) => refusal(hub, answer, { ...name, path }),
      onBytes: (done) => this.#show(path, done),
    };
    try {
      await download(hub, wanted, incomplete);
    } catch (error) {
      if ((await sizeAt(incomplete)) === 0) await rm(incomplete, { force: true });
      throw error;
    }
    await rename(incomplete, blob);
  }

  #show(path: string, done: number): void {
    if (!isCounted({ path })) return;
    this.#done.set(path, done);
    const all = [...this.#done.values()].reduce((sum, bytes) => sum + bytes, 0);
    this.#hub.onProgress?.(all, this.#total);
  }
}

/** The index is fetched before it is known how much there is. */
const isCounted = ({ path }: Pick<RepositoryFile, 'path'>): boolean => path !== weightsIndex;

/** Of our own unfinished files; those of huggingface_hub end otherwise and are left to it. */
const suffix = '.emotune.incomplete';

async function leftovers(blob: string): Promise<string[]> {
  const names = await readdir(dirname(blob)).catch(() => []);
  return names
    .filter((name) => name.startsWith(`${basename(blob)}.`) && name.endsWith(suffix))
    .map((name) => join(dirname(blob), name));
}

/** Goes on from the longest of what is left, and removes the rest. */
async function adopt(left: readonly string[], incomplete: string): Promise<void> {
  const sizes = await Promise.all(left.map(async (path) => [path, (await sizeAt(path)) ?? 0] as const));
  const [longest] = sizes.sort(([, a], [, b]) => b - a)[0] ?? [];
  if (longest !== undefined) await copyFile(longest, incomplete, constants.COPYFILE_FICLONE);
  for (const path of left) await rm(path, { force: true });
}
