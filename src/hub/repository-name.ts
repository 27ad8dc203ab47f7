import { exists } from '../checkpoint/exists.ts';
import { ConfigError } from '../core/errors.ts';

/** A model on the Hub: `org/name`, at a revision where one is given. */
export interface RepositoryName {
  /** `org/name` */
  readonly id: string;
  /** A branch, a tag or a commit. */
  readonly revision: string;
}

const part = /^(?!.*(--|\.\.))[A-Za-z0-9]([\w.-]{0,94}[A-Za-z0-9_])?$/;
const commitHash = /^[0-9a-f]{40}$/;

/** Reads `org/name` or `org/name@revision`; undefined for anything else, such as a path. */
export function parseRepositoryName(text: string): RepositoryName | undefined {
  const [id = '', revision = 'main', ...rest] = text.split('@');
  const parts = id.split('/');
  const named = parts.length === 2 && parts.every((name) => part.test(name));
  return named && rest.length === 0 && isRevision(revision) ? { id, revision } : undefined;
}

/** @throws ConfigError if `text` is not `org/name`. */
export function requireRepositoryId(text: string, flag: string): string {
  const name = parseRepositoryName(text);
  if (name && !text.includes('@')) return name.id;
  throw new ConfigError(
    `${flag}: '${text}' is no repository on the Hub: expected organisation/name, as in jane/emotions`,
  );
}

export const isCommit = (revision: string): boolean => commitHash.test(revision);

/**
 * The repository that a text names where a folder could also be meant. A folder goes before the Hub: `text` is a path if it is
 * there, or if its first part is (`runs/psots` is a mistake, and no model of the organisation `runs`), unless it has an `@`.
 */
export async function remoteName(text: string): Promise<RepositoryName | undefined> {
  const name = parseRepositoryName(text);
  if (!name || (await exists(text))) return undefined;
  return !text.includes('@') && (await exists(text.split('/')[0]!)) ? undefined : name;
}

/** Git's names of branches and tags, as far as they are needed; never a way out of a folder. */
const isRevision = (text: string): boolean =>
  /^[\w./-]{1,200}$/.test(text) && text.split('/').every((name) => name !== '' && !/^\.+$/.test(name));

/** How a run remembers a base that it has from the Hub: `org/name@commit`. */
export const repositoryReference = (id: string, commit: string): string => `${id}@${commit}`;
