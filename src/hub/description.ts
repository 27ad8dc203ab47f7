/** What a model on the Hub is, without its weights: its small files, and of the weights the headers. */
import { shardNames } from '../checkpoint/checkpoint.ts';
import { headerLength, parseHeader, type TensorEntry } from '../checkpoint/header.ts';
import { HubError } from '../core/errors.ts';
import { fileUrl, listFiles, type RepositoryFile, refusal } from './api.ts';
import { type RepositoryCache, repositoryCache, sizeAt } from './cache.ts';
import { findCached } from './cached.ts';
import { type Hub, type HubOptions, hubFrom } from './options.ts';
import { inParallel } from './parallel.ts';
import type { RepositoryName } from './repository-name.ts';
import { type Selection, selectFiles, weightsIndex } from './selection.ts';
import { fetchPart, fetchSnapshot, remembered, type Snapshot } from './snapshot.ts';
import { exchange, Transient } from './transport.ts';

/** A repository of which the weights may be missing. */
export interface Description extends Snapshot {
  /** What is to be fetched; undefined if nothing is, and the snapshot is whole. */
  readonly absent?: {
    /** The tensors; they cannot be read yet. */
    readonly tensors: ReadonlyMap<string, TensorEntry>;
    /** Size of the files of weights that are not in the cache. */
    readonly bytes: number;
    /** Fetches it, and the snapshot is whole. */
    fetch(): Promise<Snapshot>;
  };
}

/** Bytes asked for at first: the header of some two thousand tensors. */
const firstBytes = 1 << 18;
/** Files asked for at the same time. */
const parallel = 4;

/**
 * Fetches what is wanted of a repository, except that of weights which are not in the cache only the headers are read: some
 * kilobytes in place of gigabytes. The revision stands for the commit in the cache only once that is whole.
 *
 * @throws HubError as {@link fetchSnapshot}. Offline, weights must be in the cache.
 */
export async function fetchDescription(
  name: RepositoryName,
  selection: Selection,
  options: HubOptions = {},
): Promise<Description> {
  const hub = hubFrom(options);
  if (hub.offline) return fetchSnapshot(name, [selection], options);
  const small = { ...selection, optional: [...selection.optional, weightsIndex], weights: false };
  const part = await fetchPart(name, [small], options);
  const { id, commit } = part;
  const cache = repositoryCache(hub.cacheDir, id);
  const { missing } = await findCached(cache, commit, [selection]);
  if (missing.length === 0) return remembered(name, part, options);
  const at = { id, revision: commit };
  const weights = await describeWeights(hub, cache, at);
  const fetch = async () => remembered(name, await fetchSnapshot(at, [selection], options), options);
  return { ...part, absent: { ...weights, fetch } };
}

/** The tensors of a commit's weights, and the size of those files of them that are not in the cache. */
async function describeWeights(
  hub: Hub,
  cache: RepositoryCache,
  at: RepositoryName,
): Promise<{ readonly tensors: ReadonlyMap<string, TensorEntry>; readonly bytes: number }> {
  const { id, revision: commit } = at;
  const files = new Map((await listFiles(hub, at)).map((file) => [file.path, file]));
  const [first] = selectFiles({ required: [], optional: [], weights: true }, [...files.keys()], id);
  const names = first === weightsIndex ? await shardNames(cache.file(commit, weightsIndex)) : [first!];
  const tensors = new Map<string, TensorEntry>();
  let bytes = 0;
  await inParallel(names, { limit: parallel, signal: hub.signal }, async (path, signal) => {
    const file = files.get(path);
    if (!file)
      throw new HubError(`${id}: its ${weightsIndex} names ${path}, which is not there; choose another revision`);
    const place = cache.file(commit, path);
    const held = await Promise.all([place, cache.blob(file.digest.hex)].map(sizeAt));
    if (!held.includes(file.size)) bytes += file.size;
    const found = await fetchTensors({ ...hub, signal }, at, { ...file, place });
    for (const [tensor, entry] of found) tensors.set(tensor, entry);
  });
  return { tensors, bytes };
}

/** The tensors of a file of weights, as they will be at `place`. */
async function fetchTensors(
  hub: Hub,
  name: RepositoryName,
  { path, size, place }: RepositoryFile & { readonly place: string },
): Promise<ReadonlyMap<string, TensorEntry>> {
  const read = (bytes: number) => fetchStart(hub, name, { path, bytes: Math.min(bytes, size) });
  let start = await read(firstBytes);
  const offset = 8 + headerLength(start, size, place);
  if (offset > start.length) start = await read(offset);
  const json = start.subarray(8, offset).toString('utf8');
  return parseHeader(json, { file: place, offset, byteLength: size - offset }).tensors;
}

/** The first bytes of a file. A server that sends all of it is left when these are there. */
function fetchStart(
  hub: Hub,
  name: RepositoryName,
  { path, bytes }: { readonly path: string; readonly bytes: number },
): Promise<Buffer> {
  return exchange(hub, {
    request: () => ({
      url: fileUrl(hub, name, path),
      withToken: true,
      headers: { range: `bytes=0-${Math.max(0, bytes - 1)}` },
    }),
    async read({ status, headers, body }) {
      if (status !== 200 && status !== 206) throw refusal(hub, { status, headers }, { ...name, path });
      if (status === 206 && !headers.get('content-range')?.startsWith('bytes 0-'))
        throw new Transient(`${path}: the server has another piece than was asked for`);
      const chunks: Uint8Array[] = [];
      let got = 0;
      for await (const chunk of body()) {
        chunks.push(chunk);
        got += chunk.length;
        if (got >= bytes) break;
      }
      if (got < bytes) throw new Transient(`${path} ended after ${got} of ${bytes} bytes`);
      return Buffer.concat(chunks).subarray(0, bytes);
    },
  });
}
