/** Files sent to a repository on the Hub, as one commit. */
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { z } from 'zod';
import { ConfigError, HubError } from '../core/errors.ts';
import { parse, refusal, requestJson, type Subject } from './api.ts';
import { startDigest } from './digest.ts';
import { type Hub, type HubOptions, hubFrom } from './options.ts';
import { exchange } from './transport.ts';

/** What a file of a repository is made from: its text, or a file on this machine. */
export type Upload = { readonly path: string } & ({ readonly text: string } | { readonly file: string });

export interface UploadRequest {
  /** `org/name`; made if it is not there. */
  readonly id: string;
  readonly isPrivate: boolean;
  /** First line of the commit's message. */
  readonly summary: string;
  readonly files: readonly Upload[];
}

export interface Uploaded {
  readonly url: string;
  readonly commit: string;
}

/** An upload with what the Hub wants to know beforehand. */
interface Prepared {
  readonly path: string;
  readonly size: number;
  readonly sha256: string;
  readonly sample: Uint8Array;
  /** The bytes, or a piece of them; made anew for every try. */
  bytes(from?: number, to?: number): AsyncIterable<Uint8Array>;
}

/**
 * Sends files to a repository on the Hub in one commit: either all are there afterwards, or none has changed.
 *
 * @throws ConfigError without a token, or offline.
 * @throws HubError    if the Hub refuses or cannot be reached, or a private repository is wanted and there is a public one.
 */
export async function uploadFiles(request: UploadRequest, options: HubOptions): Promise<Uploaded> {
  const hub = hubFrom(options);
  if (hub.offline) throw new ConfigError('offline: nothing can be uploaded (leave out --offline and HF_HUB_OFFLINE)');
  if (hub.token === undefined)
    throw new ConfigError(
      `to upload, a token with write access is needed: make one at ${hub.endpoint}/settings/tokens, and give it as HF_TOKEN or --token`,
    );
  const { id, files, summary } = request;
  const subject = { id, revision: 'main' };
  const prepared = await Promise.all(files.map(prepare));
  await makeRepository(hub, request);
  const large = await askWhichAreLarge(hub, subject, prepared);
  await sendLarge(hub, subject, large);
  return commit(hub, subject, { summary, large, small: prepared.filter((file) => !large.includes(file)) });
}

async function prepare(upload: Upload): Promise<Prepared> {
  const { path } = upload;
  if ('text' in upload) {
    const content = Buffer.from(upload.text);
    return described(path, content.length, async function* (from = 0, to = content.length) {
      yield content.subarray(from, to);
    });
  }
  const file = await open(upload.file);
  const { size } = await file.stat();
  await file.close();
  return described(path, size, (from = 0, to = size) =>
    from >= to ? nothing() : createReadStream(upload.file, { start: from, end: to - 1 }),
  );
}

async function* nothing(): AsyncGenerator<Uint8Array, void> {}

async function described(path: string, size: number, bytes: Prepared['bytes']): Promise<Prepared> {
  const digest = startDigest('sha256', size);
  for await (const chunk of bytes()) digest.update(chunk);
  const sample = await collect(bytes(0, Math.min(512, size)));
  return { path, size, sha256: digest.hex(), sample, bytes };
}

async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return Buffer.concat(all);
}

const repositorySchema = z.object({ private: z.boolean() });

/** Makes the repository; one that is there must be as private as is wanted. */
async function makeRepository(hub: Hub, { id, isPrivate }: UploadRequest): Promise<void> {
  const [organization, name] = id.split('/');
  const subject = { id, revision: 'main' };
  const made = await requestJson(hub, {
    subject,
    url: `${hub.endpoint}/api/repos/create`,
    method: 'POST',
    json: JSON.stringify({ type: 'model', organization, name, private: isPrivate }),
    // 409: it is there. 403: the token may not make repositories, but perhaps may write to this one.
    accept: [403, 409],
  });
  if (made.status < 300) return;
  const url = `${hub.endpoint}/api/models/${id}`;
  const found = await requestJson(hub, { subject, url, accept: [401, 404] });
  if (found.status >= 300) throw refusal(hub, made, subject);
  if (isPrivate && !parse(repositorySchema, found.body, url).private)
    throw new HubError(
      `${id}: is there and public, but --private is given: make it private at ${hub.endpoint}/${id}/settings, or choose another name`,
    );
}

const preuploadSchema = z.object({ files: z.array(z.object({ path: z.string(), uploadMode: z.string() })) });

/** Large and binary files go another way than small texts; which are which, the Hub decides. */
async function askWhichAreLarge(hub: Hub, subject: Subject, files: readonly Prepared[]): Promise<Prepared[]> {
  const url = `${hub.endpoint}/api/models/${subject.id}/preupload/main`;
  const asked = files.map(({ path, size, sample }) => ({
    path,
    size,
    sample: Buffer.from(sample).toString('base64'),
  }));
  const { body } = await requestJson(hub, { subject, url, method: 'POST', json: JSON.stringify({ files: asked }) });
  const answered = parse(preuploadSchema, body, url).files;
  const isLarge = (path: string) => answered.some((file) => file.path === path && file.uploadMode === 'lfs');
  return files.filter(({ path, size }) => size > 0 && isLarge(path));
}

const action = z.object({ href: z.url(), header: z.record(z.string(), z.unknown()).default({}) });
const batchSchema = z.object({
  objects: z.array(
    z.object({
      oid: z.string(),
      error: z.object({ message: z.string() }).optional(),
      actions: z.object({ upload: action.optional(), verify: action.optional() }).optional(),
    }),
  ),
});

/** @see https://github.com/git-lfs/git-lfs/blob/main/docs/api/batch.md */
async function sendLarge(hub: Hub, subject: Subject, files: readonly Prepared[]): Promise<void> {
  if (files.length === 0) return;
  const url = `${hub.endpoint}/${subject.id}.git/info/lfs/objects/batch`;
  const lfs = { 'content-type': 'application/vnd.git-lfs+json', accept: 'application/vnd.git-lfs+json' };
  const json = JSON.stringify({
    operation: 'upload',
    transfers: ['basic', 'multipart'],
    hash_algo: 'sha256',
    ref: { name: 'main' },
    objects: files.map(({ sha256, size }) => ({ oid: sha256, size })),
  });
  const { body } = await requestJson(hub, { subject, url, method: 'POST', headers: lfs, json });
  const { objects } = parse(batchSchema, body, url);
  const total = files.reduce((sum, { size }) => sum + size, 0);
  let done = 0;
  for (const file of files) {
    const object = objects.find(({ oid }) => oid === file.sha256);
    if (!object || object.error)
      throw new HubError(`${subject.id}: the Hub does not take ${file.path}: ${object?.error?.message ?? 'no answer'}`);
    const { upload, verify } = object.actions ?? {};
    // No action: the Hub has these bytes already.
    if (upload) await send(hub, file, { ...upload, subject, onBytes: (sent) => hub.onProgress?.(done + sent, total) });
    if (verify)
      await requestJson(hub, {
        subject,
        url: verify.href,
        method: 'POST',
        json: JSON.stringify({ oid: file.sha256, size: file.size }),
      });
    done += file.size;
    hub.onProgress?.(done, total);
  }
}

interface Destination extends z.output<typeof action> {
  readonly subject: Subject;
  onBytes(sent: number): void;
}

/** Sends a file in one piece, or in those that the Hub has prepared addresses for (`header` then holds them by number). */
async function send(hub: Hub, file: Prepared, { href, header, subject, onBytes }: Destination): Promise<void> {
  if (header.chunk_size === undefined) {
    await put(hub, file, { url: href, from: 0, to: file.size, onBytes });
    return;
  }
  const chunk = Number(header.chunk_size);
  const urls = Object.keys(header)
    .filter((key) => /^\d+$/.test(key))
    .sort((a, b) => Number(a) - Number(b))
    .map((key) => String(header[key]));
  if (!(chunk > 0) || urls.length !== Math.ceil(file.size / chunk))
    throw new HubError(
      `${subject.id}: the Hub wants ${file.path} in pieces of ${header.chunk_size}, but has addresses for ${urls.length}`,
    );
  const parts: { readonly partNumber: number; readonly etag: string }[] = [];
  for (const [i, url] of urls.entries()) {
    const range = { from: i * chunk, to: Math.min(file.size, (i + 1) * chunk) };
    const headers = await put(hub, file, { url, ...range, onBytes: (sent) => onBytes(range.from + sent) });
    parts.push({ partNumber: i + 1, etag: headers.get('etag') ?? '' });
  }
  await requestJson(hub, {
    subject,
    url: href,
    method: 'POST',
    headers: { accept: 'application/vnd.git-lfs+json', 'content-type': 'application/vnd.git-lfs+json' },
    json: JSON.stringify({ oid: file.sha256, parts }),
  });
}

interface Piece {
  readonly url: string;
  readonly from: number;
  readonly to: number;
  onBytes(sent: number): void;
}

/** To a signed address, which needs no token and must not see one. */
function put(hub: Hub, file: Prepared, { url, from, to, onBytes }: Piece): Promise<Headers> {
  return exchange(hub, {
    request: () => ({
      url,
      method: 'PUT',
      headers: { 'content-length': String(to - from) },
      body: counted(file.bytes(from, to), onBytes),
    }),
    async read({ status, headers, body }) {
      await collect(body());
      if (status < 300) return headers;
      throw new HubError(`${file.path}: the store of the Hub answered ${status}; nothing was published, run it again`);
    },
  });
}

async function* counted(chunks: AsyncIterable<Uint8Array>, onBytes: (sent: number) => void) {
  let sent = 0;
  for await (const chunk of chunks) {
    yield chunk;
    sent += chunk.length;
    onBytes(sent);
  }
}

const commitSchema = z.object({ commitOid: z.string() });

/** One commit of all files, as lines of JSON. */
async function commit(
  hub: Hub,
  subject: Subject,
  {
    summary,
    small,
    large,
  }: { readonly summary: string; readonly small: readonly Prepared[]; readonly large: readonly Prepared[] },
): Promise<Uploaded> {
  const lines: object[] = [{ key: 'header', value: { summary, description: '' } }];
  for (const { path, bytes } of small) {
    const content = (await collect(bytes())).toString('base64');
    lines.push({ key: 'file', value: { path, content, encoding: 'base64' } });
  }
  for (const { path, sha256, size } of large)
    lines.push({ key: 'lfsFile', value: { path, algo: 'sha256', oid: sha256, size } });
  const url = `${hub.endpoint}/api/models/${subject.id}/commit/main`;
  const { body } = await requestJson(hub, {
    subject,
    url,
    method: 'POST',
    headers: { 'content-type': 'application/x-ndjson' },
    json: lines.map((line) => JSON.stringify(line)).join('\n'),
  });
  return { url: `${hub.endpoint}/${subject.id}`, commit: parse(commitSchema, body, url).commitOid };
}
