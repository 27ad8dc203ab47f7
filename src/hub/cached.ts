/** What the cache holds already, found without asking anybody. */
import { shardNames } from '../checkpoint/checkpoint.ts';
import { knownCommit, knownListing, type RepositoryCache, sizeAt } from './cache.ts';
import { fitting, type Selection, type Selections, singleWeights, weightsIndex } from './selection.ts';

/** What is known of a revision. */
export interface Cached {
  readonly commit: string | undefined;
  /** What is needed and not there. */
  readonly missing: readonly string[];
  /** Whether the names of all of the commit's files are known. They are not where another program has fetched it. */
  readonly isListed: boolean;
}

/** Looks a revision up. Of several selections, that which the cache has all of counts. */
export async function findCached(cache: RepositoryCache, revision: string, selections: Selections): Promise<Cached> {
  const commit = await knownCommit(cache, revision);
  if (commit === undefined) return { commit, missing: [], isListed: false };
  const names = await knownListing(cache, commit);
  const candidates = names ? [fitting(selections, names)] : selections;
  const lacks = await Promise.all(candidates.map((selection) => lacking(cache, commit, { selection, names })));
  return { commit, missing: lacks.find(({ length }) => length === 0) ?? lacks[0]!, isListed: names !== undefined };
}

/** Without the names of all files, what is optional is not missed. */
async function lacking(
  cache: RepositoryCache,
  commit: string,
  { selection, names }: { readonly selection: Selection; readonly names: readonly string[] | undefined },
): Promise<string[]> {
  const { required, optional, weights } = selection;
  const absent = async (files: readonly string[]): Promise<string[]> => {
    const sizes = await Promise.all(files.map((file) => sizeAt(cache.file(commit, file))));
    return files.filter((_, i) => sizes[i] === undefined);
  };
  const missing = await absent([...required, ...optional.filter((name) => names?.includes(name))]);
  if (!weights) return missing;
  const index = cache.file(commit, weightsIndex);
  const hasIndex = (await sizeAt(index)) !== undefined;
  const isSharded = names ? names.includes(weightsIndex) : hasIndex;
  if (isSharded && !hasIndex) return [...missing, weightsIndex];
  return [...missing, ...(await absent(isSharded ? await shardNames(index) : [singleWeights]))];
}
