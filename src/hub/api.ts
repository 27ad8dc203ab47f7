/** What the Hub says about a repository: its commit, its files, and why it refuses. */
import { z } from 'zod';
import { HubError, showIssues } from '../core/errors.ts';
import { jsonOrUndefined } from '../core/json.ts';
import type { Digest } from './digest.ts';
import type { Hub } from './options.ts';
import type { RepositoryName } from './repository-name.ts';
import { type Answer, exchange, type HubRequest, isAtEndpoint } from './transport.ts';

/** A file of a repository at a commit. */
export interface RepositoryFile {
  readonly path: string;
  readonly size: number;
  readonly digest: Digest;
}

const commitSchema = z.object({ sha: z.string().regex(/^[0-9a-f]{40}$/) });
const treeSchema = z.array(
  z.object({
    type: z.string(),
    path: z.string(),
    size: z.int().min(0).default(0),
    oid: z.string().regex(/^[0-9a-f]{40}$/),
    lfs: z.object({ oid: z.string().regex(/^[0-9a-f]{64}$/), size: z.int().min(0) }).nullish(),
  }),
);

/** The commit that a revision stands for now. */
export async function commitOf(hub: Hub, { id, revision }: RepositoryName): Promise<string> {
  const url = `${hub.endpoint}/api/models/${id}/revision/${encodeURIComponent(revision)}`;
  const { body } = await requestJson(hub, { url, subject: { id, revision } });
  return parse(commitSchema, body, url).sha;
}

/** The files of a repository, those in folders left out: a model's files lie at the top. */
export async function listFiles(hub: Hub, { id, revision }: RepositoryName): Promise<RepositoryFile[]> {
  const files: RepositoryFile[] = [];
  const first = `${hub.endpoint}/api/models/${id}/tree/${encodeURIComponent(revision)}`;
  for (let url: string | undefined = first; url !== undefined; ) {
    const { body, headers }: JsonAnswer = await requestJson(hub, { url, subject: { id, revision } });
    for (const { type, path, size, oid, lfs } of parse(treeSchema, body, url)) {
      if (type !== 'file') continue;
      files.push(
        lfs
          ? { path, size: lfs.size, digest: { kind: 'sha256', hex: lfs.oid } }
          : { path, size, digest: { kind: 'git-sha1', hex: oid } },
      );
    }
    url = nextPage(headers, url);
  }
  return files;
}

/** `Link: <…>; rel="next"`, on the same host. */
function nextPage(headers: Headers, url: string): string | undefined {
  const link = /<([^>]+)>\s*;\s*rel="next"/.exec(headers.get('link') ?? '')?.[1];
  if (link === undefined) return undefined;
  const next = new URL(link, url);
  if (next.origin !== new URL(url).origin)
    throw new HubError(`${url}: its next page is on another host, ${next.host}; check the Hub's address`);
  return next.href;
}

/** Where a file's bytes are asked for. */
export const fileUrl = (hub: Hub, { id, revision }: RepositoryName, path: string): string =>
  `${hub.endpoint}/${id}/resolve/${encodeURIComponent(revision)}/${path.split('/').map(encodeURIComponent).join('/')}`;

/** What a request is about, for messages. */
export interface Subject extends RepositoryName {
  readonly path?: string;
}

export interface JsonAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: unknown;
}

/**
 * Sends a request to the Hub, or where it says, and reads the answer's JSON. The token goes to the Hub alone.
 *
 * @throws HubError for an answer that is neither 2xx nor in `accept`, or no JSON.
 */
export function requestJson(
  hub: Hub,
  {
    subject,
    accept = [],
    json,
    ...request
  }: Omit<HubRequest, 'withToken' | 'body'> & {
    readonly subject: Subject;
    readonly accept?: readonly number[];
    readonly json?: string;
  },
): Promise<JsonAnswer> {
  return exchange(hub, {
    request: () => ({
      ...request,
      headers: { ...(json === undefined ? {} : { 'content-type': 'application/json' }), ...request.headers },
      withToken: true,
      ...(json === undefined ? {} : { body: json }),
    }),
    async read(answer) {
      const { status, headers } = answer;
      const text = await textOf(answer);
      if ((status < 200 || status > 299) && !accept.includes(status))
        throw isAtEndpoint(hub, request.url)
          ? refusal(hub, answer, subject)
          : refusalElsewhere(hub, { status, url: request.url, subject });
      return { status, headers, body: jsonOrUndefined(text) };
    },
  });
}

async function textOf(answer: Answer): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of answer.body()) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

/** @throws HubError if the Hub's answer is not what it should be. */
export function parse<S extends z.ZodType>(schema: S, body: unknown, url: string): z.output<S> {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  throw new HubError(
    `${url}: the answer is not that of a Hub (${showIssues(parsed.error.issues)}); check the address (HF_ENDPOINT), or a proxy on the way`,
  );
}

const howToGiveToken = 'give it as HF_TOKEN or --token, or store it with `hf auth login` (~/.cache/huggingface/token)';

/** Says what a refusal means where the Hub has named an address of another host. */
const refusalElsewhere = (
  { endpoint }: Hub,
  { status, url, subject }: { readonly status: number; readonly url: string; readonly subject: Subject },
): HubError =>
  new HubError(
    `${subject.id}: ${new URL(url).origin}, which ${endpoint} names for this, answered ${status}; the token is for ${endpoint} alone. Check the Hub's address (HF_ENDPOINT)`,
  );

/** Says what a 4xx means for a repository, and the way out. */
export function refusal(hub: Hub, { status, headers }: Pick<Answer, 'status' | 'headers'>, subject: Subject): HubError {
  const { id, revision, path } = subject;
  const code = headers.get('x-error-code');
  const page = `${hub.endpoint}/${id}`;
  const newToken = `${hub.endpoint}/settings/tokens`;
  if (code === 'GatedRepo')
    return new HubError(
      `${id}: its terms must be accepted first (${status}). Accept them at ${page} with your account, make a token at ${newToken}, and ${howToGiveToken}` +
        (hub.token === undefined ? '' : '; the token given belongs to an account that has not been let in'),
    );
  if (code === 'RevisionNotFound')
    return new HubError(`${id}: has no revision '${revision}' (${status}); ${page} lists its branches and tags`);
  if (code === 'EntryNotFound' && path !== undefined)
    return new HubError(`${id}: has no file ${path} at ${revision} (${status}); ${page} lists its files`);
  if (status === 401 && hub.token !== undefined && code !== 'RepoNotFound')
    return new HubError(`${id}: the token is not valid (401): make a new one at ${newToken}, and ${howToGiveToken}`);
  if (status === 401 || status === 404)
    return new HubError(
      `${id}: no such model at ${hub.endpoint} (${status}), or it is private. Check the name; for a private model ` +
        (hub.token === undefined
          ? `make a token at ${newToken}, and ${howToGiveToken}`
          : 'use a token of an account that may read it'),
    );
  if (status === 403)
    return new HubError(
      `${id}: access is refused (403): ${headers.get('x-error-message') ?? 'the account or its token has no right to this'}. ` +
        `Look at ${page} with your account; the token's rights are at ${newToken}`,
    );
  const said = headers.get('x-error-message');
  return new HubError(
    `${id}: the Hub answered ${status}${said === null ? '' : ` (${said})`} to a request for ${path ?? 'the repository'}`,
  );
}
