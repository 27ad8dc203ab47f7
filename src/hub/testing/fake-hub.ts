/** A Hub on this machine, with a second host for large files as the real one has, and faults to order. */
import { createHash, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

/** A request that was made, as far as tests look at it. */
export interface Seen {
  readonly method: string;
  /** Decoded, with the query. */
  readonly path: string;
  readonly host: 'hub' | 'files';
  readonly authorization: string | undefined;
  readonly range: string | undefined;
}

/** What goes wrong with requests whose path matches, `times` times (default: once). */
export interface Fault {
  readonly path: RegExp;
  readonly method?: string;
  times?: number;
  /** Answers with this instead. */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sends this many bytes of the right answer, then cuts the connection. */
  readonly dropAfter?: number;
  /** Sends this many bytes, under their own right length. */
  readonly truncateTo?: number;
  /** Turns every byte round. */
  readonly wrong?: boolean;
  readonly ignoreRange?: boolean;
  /** Sends the start of the body and then nothing, with the connection open. */
  readonly stallAfter?: number;
  /** Waits for this before it answers. */
  readonly until?: Promise<unknown>;
}

interface Repository {
  private: boolean;
  /** Files by commit; the last commit is `main`. */
  readonly commits: Map<string, ReadonlyMap<string, Buffer>>;
}

export interface FakeHub {
  readonly url: string;
  readonly filesUrl: string;
  readonly seen: Seen[];
  readonly faults: Fault[];
  readonly repositories: Map<string, Repository>;
  /** Size of the pieces that large files are sent in; undefined for one piece. */
  partSize: number | undefined;
  /** Whose address the Hub names for what follows the upload of a large file. */
  followUps: Seen['host'];
  /** Adds a commit and returns its name. Files with these endings lie on the second host: .safetensors, .bin. */
  commit(id: string, files: Readonly<Record<string, string | Uint8Array>>): string;
  /** Tokens that are let in; without any, everybody is. */
  readonly tokens: Set<string>;
  /** Repositories whose terms only these tokens have accepted. */
  readonly gates: Map<string, Set<string>>;
  close(): Promise<void>;
}

const isLarge = (path: string): boolean => /\.(safetensors|bin)$/.test(path);
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const blobId = (bytes: Uint8Array): string =>
  createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex');

/** Starts it; tests close it, else the process lives on. */
export async function startFakeHub(): Promise<FakeHub> {
  const state = new State();
  const hub = await listen('127.0.0.1', (request, response) => state.answer('hub', request, response));
  const files = await listen('localhost', (request, response) => state.answer('files', request, response));
  state.url = hub.url;
  state.filesUrl = files.url;
  return Object.assign(state, { close: async () => void (await Promise.all([hub.close(), files.close()])) });
}

async function listen(
  host: string,
  handle: (request: IncomingMessage, response: ServerResponse) => Promise<void>,
): Promise<{ readonly url: string; close(): Promise<void> }> {
  const server: Server = createServer((request, response) => {
    handle(request, response).catch((error: unknown) => {
      // A client that has left is what many tests are about.
      if (!response.destroyed) response.destroy(error as Error);
    });
  });
  server.listen(0, host);
  await once(server, 'listening');
  const url = `http://${host}:${(server.address() as AddressInfo).port}`;
  return {
    url,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

interface Reply {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string;
}

class State {
  url = '';
  filesUrl = '';
  readonly seen: Seen[] = [];
  readonly faults: Fault[] = [];
  readonly tokens = new Set<string>();
  readonly gates = new Map<string, Set<string>>();
  readonly repositories = new Map<string, Repository>();
  partSize: number | undefined;
  followUps: Seen['host'] = 'hub';
  /** Uploaded and stored large files, by SHA-256. */
  readonly #large = new Map<string, Buffer>();

  commit(id: string, files: Readonly<Record<string, string | Uint8Array>>): string {
    return this.#commit(id, new Map(Object.entries(files).map(([path, content]) => [path, Buffer.from(content)])));
  }

  #commit(id: string, files: ReadonlyMap<string, Buffer>): string {
    const name = createHash('sha1').update(randomUUID()).digest('hex');
    const repository = this.repositories.get(id) ?? { private: false, commits: new Map() };
    repository.commits.set(name, files);
    this.repositories.set(id, repository);
    for (const [path, bytes] of files) if (isLarge(path)) this.#large.set(sha256(bytes), bytes);
    return name;
  }

  async answer(host: Seen['host'], request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = 'GET', headers } = request;
    const path = decodeURIComponent(request.url!);
    this.seen.push({ method, path, host, authorization: headers.authorization, range: headers.range });
    const fault = this.faults.find(
      (each) => each.path.test(path) && (each.times ?? 1) > 0 && (each.method ?? method) === method,
    );
    if (fault) fault.times = (fault.times ?? 1) - 1;
    await fault?.until;
    const body = await buffer(request);
    const reply: Reply =
      fault?.status === undefined
        ? this.#reply({ host, method, path, body, headers })
        : { status: fault.status, headers: fault.headers ?? {} };
    await send(reply, fault, { method, range: headers.range }, response);
  }

  #reply(asked: {
    readonly host: Seen['host'];
    readonly method: string;
    readonly path: string;
    readonly body: Buffer;
    readonly headers: IncomingMessage['headers'];
  }): Reply {
    const { host, method, path, body, headers } = asked;
    const token = headers.authorization?.replace('Bearer ', '');
    if (host === 'files') return this.#storage(method, path, body);
    if (this.tokens.size > 0 && token !== undefined && !this.tokens.has(token)) return refuse(401, '', 'Invalid token');
    const [, api] = /^(\/api\/repos\/create)$/.exec(path) ?? [];
    if (api !== undefined) return this.#create(body, token);
    const match =
      /^\/api\/models\/([^/]+\/[^/]+)(?:\/(revision|tree|preupload|commit)\/([^?]+))?(\?.*)?$/.exec(path) ??
      /^\/([^/]+\/[^/]+?)(?:\.git)?\/(resolve|info)\/(.+?)()$/.exec(path);
    if (!match) return refuse(404, '', 'no such page');
    const [, id = '', what = 'revision', rest = 'main', query = ''] = match;
    const repository = this.repositories.get(id);
    if (!repository || (repository.private && token === undefined)) return refuse(token ? 404 : 401, 'RepoNotFound');
    if (what === 'info') return this.#batch(id, body);
    const [revision = '', ...file] = rest.split('/');
    const commit = repository.commits.has(revision)
      ? revision
      : revision === 'main'
        ? last(repository.commits)
        : undefined;
    if (commit === undefined) return refuse(404, 'RevisionNotFound');
    const files = repository.commits.get(commit)!;
    if (what === 'revision')
      return json({
        id,
        sha: commit,
        private: repository.private,
        siblings: [...files.keys()].map((rfilename) => ({ rfilename })),
      });
    if (what === 'tree' && file.length > 0) return refuse(404, 'EntryNotFound');
    if (what === 'tree') return tree(`${this.url}/api/models/${id}/tree/${revision}`, files, query);
    if (what === 'preupload') return preupload(body);
    if (what === 'commit') return this.#receive(id, body);
    const gate = this.gates.get(id);
    if (gate && (token === undefined || !gate.has(token))) return refuse(token ? 403 : 401, 'GatedRepo');
    const bytes = files.get(file.join('/'));
    if (!bytes) return refuse(404, 'EntryNotFound');
    return this.#file(file.join('/'), bytes, commit);
  }

  #file(path: string, bytes: Buffer, commit: string): Reply {
    const about = { 'x-repo-commit': commit, 'accept-ranges': 'bytes' };
    if (!isLarge(path)) return { headers: { ...about, etag: `"${blobId(bytes)}"` }, body: bytes };
    const hash = sha256(bytes);
    return {
      status: 302,
      headers: {
        ...about,
        'x-linked-etag': `"${hash}"`,
        'x-linked-size': String(bytes.length),
        location: `${this.filesUrl}/${hash}?signature=secret`,
      },
    };
  }

  #storage(method: string, path: string, body: Buffer): Reply {
    const hash = path.slice(1).split('?')[0]!;
    if (method === 'POST') return json({});
    if (method === 'PUT') {
      if (/^part/.test(hash)) return { headers: { etag: `"${this.#keepPart(body)}"` } };
      if (sha256(body) !== hash) return { status: 400 };
      this.#large.set(hash, body);
      return {};
    }
    const bytes = this.#large.get(hash);
    return bytes ? { body: bytes } : { status: 404 };
  }

  readonly #parts: Buffer[] = [];

  #keepPart(body: Buffer): string {
    this.#parts.push(body);
    return `part ${this.#parts.length}`;
  }

  #create(body: Buffer, token: string | undefined): Reply {
    if (token === undefined) return refuse(401, '', 'Invalid username or password.');
    const { name, organization, private: hidden, visibility } = JSON.parse(String(body));
    const id = `${organization}/${name}`;
    if (this.repositories.has(id)) return json({ error: 'You already created this model repo' }, 409);
    this.#commit(id, new Map([['.gitattributes', Buffer.from('*.safetensors filter=lfs diff=lfs merge=lfs -text\n')]]));
    this.repositories.get(id)!.private = hidden === true || visibility === 'private';
    return json({ url: `${this.url}/${id}`, name: id });
  }

  #batch(id: string, body: Buffer): Reply {
    const { objects } = JSON.parse(String(body)) as { objects: { oid: string; size: number }[] };
    return json({
      transfer: this.partSize === undefined ? 'basic' : 'multipart',
      objects: objects.map(({ oid, size }) => ({
        oid,
        size,
        ...(this.#large.has(oid) ? {} : { actions: this.#actions(id, oid, size) }),
      })),
    });
  }

  #actions(id: string, oid: string, size: number): object {
    const follow = { href: `${this.followUps === 'hub' ? this.url : this.filesUrl}/api/models/${id}` };
    if (this.partSize === undefined)
      return { upload: { href: `${this.filesUrl}/${oid}?signature=secret` }, verify: follow };
    const parts = Array.from({ length: Math.ceil(size / this.partSize) }, (_, i) => [
      String(i + 1),
      `${this.filesUrl}/part${i + 1}?signature=secret`,
    ]);
    const header = { chunk_size: String(this.partSize), ...Object.fromEntries(parts) };
    return { upload: { ...follow, header }, verify: follow };
  }

  /** A commit as lines of JSON: a header, files, and large files by their hash. */
  #receive(id: string, body: Buffer): Reply {
    const files = new Map(this.repositories.get(id)!.commits.get(last(this.repositories.get(id)!.commits)));
    if (this.#parts.length > 0) {
      const whole = Buffer.concat(this.#parts.splice(0));
      this.#large.set(sha256(whole), whole);
    }
    for (const line of String(body).trim().split('\n')) {
      const { key, value } = JSON.parse(line);
      if (key === 'file') files.set(value.path, Buffer.from(value.content, value.encoding));
      if (key === 'lfsFile') {
        const bytes = this.#large.get(value.oid);
        if (!bytes || bytes.length !== value.size) return refuse(400, '', `${value.path} was not uploaded`);
        files.set(value.path, bytes);
      }
    }
    const commit = this.#commit(id, files);
    return json({ success: true, commitOid: commit, commitUrl: `${this.url}/${id}/commit/${commit}` });
  }
}

const last = (commits: ReadonlyMap<string, unknown>): string => [...commits.keys()].at(-1)!;
const json = (value: unknown, status = 200): Reply => ({
  status,
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(value),
});
const refuse = (status: number, code: string, message = code): Reply => ({
  status,
  headers: { ...(code ? { 'x-error-code': code } : {}), 'x-error-message': message },
  body: JSON.stringify({ error: message }),
});

/** Two entries a page, so that pages are needed. */
function tree(url: string, files: ReadonlyMap<string, Buffer>, query: string): Reply {
  const from = Number(new URLSearchParams(query).get('cursor') ?? 0);
  const entries = [...files].map(([path, bytes]) => ({
    type: 'file',
    path,
    size: bytes.length,
    oid: isLarge(path) ? createHash('sha1').update(path).digest('hex') : blobId(bytes),
    ...(isLarge(path) ? { lfs: { oid: sha256(bytes), size: bytes.length, pointerSize: 134 } } : {}),
  }));
  const all = [...entries, { type: 'directory', path: 'original', size: 0, oid: '0'.repeat(40) }];
  const { headers, ...page } = json(all.slice(from, from + 2));
  const more = from + 2 < all.length;
  return { ...page, headers: { ...headers, ...(more ? { link: `<${url}?cursor=${from + 2}>; rel="next"` } : {}) } };
}

function preupload(body: Buffer): Reply {
  const { files } = JSON.parse(String(body)) as { files: { path: string }[] };
  return json({
    files: files.map(({ path }) => ({ path, uploadMode: isLarge(path) ? 'lfs' : 'regular', shouldIgnore: false })),
  });
}

async function send(
  { status = 200, headers = {}, body = '' }: Reply,
  fault: Fault | undefined,
  asked: { readonly method: string; readonly range: string | undefined },
  response: ServerResponse,
): Promise<void> {
  const whole = Buffer.from(body);
  const start = fault?.ignoreRange ? undefined : /^bytes=(\d+)-$/.exec(asked.range ?? '')?.[1];
  const partial = start !== undefined && status === 200 && asked.method === 'GET';
  const bytes = partial ? whole.subarray(Number(start)) : Buffer.from(whole);
  if (fault?.wrong) for (const [i, byte] of bytes.entries()) bytes[i] = ~byte & 0xff;
  const sent = fault?.truncateTo === undefined ? bytes : bytes.subarray(0, fault.truncateTo);
  const pieces = partial ? { 'content-range': `bytes ${start}-${whole.length - 1}/${whole.length}` } : {};
  response.writeHead(partial ? 206 : status, { ...headers, ...pieces, 'content-length': String(sent.length) });
  const cut = fault?.dropAfter ?? fault?.stallAfter;
  if (cut === undefined) {
    response.end(asked.method === 'HEAD' ? undefined : sent);
    return;
  }
  await new Promise<void>((resolve) => response.write(sent.subarray(0, cut), () => resolve()));
  if (fault?.dropAfter !== undefined) {
    // Time for what was written to leave before the cut.
    setImmediate(() => setImmediate(() => response.destroy()));
  }
}
