/** What can be named as a base, and where it then lies. */
import { basename, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Checkpoint, openCheckpoint, openCheckpointOf } from '../checkpoint/checkpoint.ts';
import { exists } from '../checkpoint/exists.ts';
import { CheckpointError } from '../core/errors.ts';
import { fetchDescription } from '../hub/description.ts';
import { licenceOf } from '../hub/licence.ts';
import type { HubOptions } from '../hub/options.ts';
import { parseRepositoryName, remoteName, repositoryReference } from '../hub/repository-name.ts';
import { baseFiles, type Selection } from '../hub/selection.ts';
import { fetchSnapshot, type Snapshot } from '../hub/snapshot.ts';

/** Bases that come with emotune, by name. */
const embedded: ReadonlyMap<string, string> = new Map([['nano', 'nano-llama']]);

/** A base that is on this machine. */
export interface Base {
  readonly dir: string;
  /** As a configuration should name it: as it was given, but one from the Hub with its commit. */
  readonly name: string;
  /** As a run remembers it, on every machine if that is possible: else by its absolute path. */
  readonly reference: string;
  /** As PEFT's adapter_config.json names it. */
  readonly peft: { readonly name: string; readonly revision?: string };
  /** As its README.md says it; undefined if it does not. */
  readonly licence: string | undefined;
}

export const isEmbedded = (base: string): boolean => embedded.has(base);

/** The folder of a base that comes with emotune; of anything else, a path, that path. */
export function baseFolder(base: string): string {
  const folder = embedded.get(base);
  return folder === undefined ? base : fileURLToPath(new URL(`../../assets/${folder}`, import.meta.url));
}

/**
 * Finds a base: one that comes with emotune, by name; a folder; or `org/name`, with `@revision` if need be, which is fetched
 * from the Hub as far as it is not in the cache. A folder goes before the Hub: see {@link remoteName}.
 *
 * @throws HubError        if it cannot be fetched.
 * @throws CheckpointError if it is neither.
 */
export async function findBase(base: string, hub: HubOptions = {}, files: Selection = baseFiles): Promise<Base> {
  const repository = isEmbedded(base) ? undefined : await remoteName(base);
  if (!repository) return localBase(base);
  return remoteBase(await fetchSnapshot(repository, [files], hub));
}

/** A base as far as it can be told without its weights. */
export interface BaseDescription {
  readonly base: Base;
  readonly checkpoint: Checkpoint;
  /** Size of the weights that are to be fetched before they can be read; 0 if none are. */
  readonly bytesToFetch: number;
  /** The same checkpoint with weights that can be read: fetches them if need be. */
  fetchWeights(): Promise<Checkpoint>;
}

/**
 * Finds a base without fetching its weights: where they are not on this machine, only their headers are read.
 *
 * @throws HubError, CheckpointError as {@link findBase}, and where its files are damaged.
 */
export async function describeBase(base: string, hub: HubOptions = {}): Promise<BaseDescription> {
  const repository = isEmbedded(base) ? undefined : await remoteName(base);
  if (!repository) return whole(await localBase(base));
  const { absent, ...snapshot } = await fetchDescription(repository, baseFiles, hub);
  const found = await remoteBase(snapshot);
  if (!absent) return whole(found);
  const checkpoint = await openCheckpointOf(found.dir, async () => absent.tensors);
  const fetchWeights = async () => openCheckpoint((await absent.fetch()).dir);
  return { base: found, checkpoint, bytesToFetch: absent.bytes, fetchWeights };
}

async function whole(base: Base): Promise<BaseDescription> {
  const checkpoint = await openCheckpoint(base.dir);
  return { base, checkpoint, bytesToFetch: 0, fetchWeights: async () => checkpoint };
}

async function remoteBase({ id, dir, commit }: Snapshot): Promise<Base> {
  const reference = repositoryReference(id, commit);
  return { dir, name: reference, reference, peft: { name: id, revision: commit }, licence: await licenceOf(dir) };
}

async function localBase(base: string): Promise<Base> {
  const dir = baseFolder(base);
  if (!(await exists(dir)))
    throw new CheckpointError(
      `${dir}: no such folder; give the folder of a downloaded model, or a model on the Hub as organisation/name (as organisation/name@main where there is a folder like the organisation)`,
    );
  return {
    dir,
    name: base,
    reference: isEmbedded(base) ? base : resolve(base),
    peft: { name: resolve(dir) },
    licence: await licenceOf(dir),
  };
}

/** What to call a base in the name of a folder: without its path, its organisation or its commit. */
export const shortName = (base: string): string => basename(parseRepositoryName(base)?.id ?? base);
