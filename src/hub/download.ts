/** One file, whole and right: resumed where it broke off, checked against its hash. */
import { constants, type FileHandle, open } from 'node:fs/promises';
import { HubError } from '../core/errors.ts';
import { type Digest, type RunningDigest, startDigest } from './digest.ts';
import type { Hub } from './options.ts';
import { type Answer, exchange, type HubRequest, Transient } from './transport.ts';

/** A file to be fetched. */
export interface Wanted {
  /** For messages. */
  readonly name: string;
  readonly url: string;
  readonly withToken?: HubRequest['withToken'];
  /** In bytes, where it is known; git's blob ids need it. */
  readonly size?: number;
  readonly digest: Digest;
  /** The error for an answer such as 403 or 404. */
  refused(answer: Pick<Answer, 'status' | 'headers'>): HubError;
  /** Bytes that are there; falls back where it has to start again. */
  onBytes?(done: number): void;
}

/**
 * Fetches a file into `path`, which may hold its first bytes from an earlier time; then only the rest is asked for. When it
 * returns, the bytes are on the disk and have the wanted hash. Bytes that turn out wrong are fetched once more from the start.
 *
 * @throws HubError if the file is refused, or is wrong twice (`path` is then empty), or the disk is full.
 */
export async function download(hub: Hub, wanted: Wanted, path: string): Promise<void> {
  const file = await open(path, constants.O_RDWR | constants.O_CREAT);
  try {
    const fetching = new Fetching(wanted, file);
    let wrong = '';
    for (let round = 1; round <= 2; round++) {
      wrong = await fetching.run(hub);
      if (wrong === '') {
        await file.sync();
        return;
      }
      await fetching.restart();
      if (round === 1) hub.notice(`${wanted.name}: ${wrong}; fetching it again from the start`);
    }
    throw new HubError(
      `${wanted.name}: ${wrong}, twice; nothing of it was kept. Something changes the file on its way (a proxy?) or the server is at fault: try later, or from another network`,
    );
  } catch (error) {
    throw (error as NodeJS.ErrnoException).code === 'ENOSPC'
      ? new HubError(`${path}: the disk is full; free some space and run it again: it goes on where it stopped`, {
          cause: error,
        })
      : error;
  } finally {
    await file.close();
  }
}

/** A file on its way: what is there of it, and the hash of that. */
class Fetching {
  readonly #wanted: Wanted;
  readonly #file: FileHandle;
  #digest: RunningDigest;
  #offset = 0;
  /** The furthest it has been: what is behind it is no progress. */
  #furthest = 0;

  constructor(wanted: Wanted, file: FileHandle) {
    this.#wanted = wanted;
    this.#file = file;
    this.#digest = startDigest(wanted.digest.kind, wanted.size);
  }

  /** @returns what is wrong with the bytes; nothing if they are right. */
  async run(hub: Hub): Promise<string> {
    const { size, digest } = this.#wanted;
    if (this.#offset === 0) await this.#takeUp();
    const tooLong = this.#offset === size ? false : await this.#fetch(hub);
    if (tooLong) return `it has more than the ${size} bytes announced`;
    const found = this.#digest.hex();
    return found === digest.hex ? '' : `its ${digest.kind} is ${found}, not ${digest.hex}`;
  }

  async restart(): Promise<void> {
    await this.#file.truncate(0);
    this.#digest = startDigest(this.#wanted.digest.kind, this.#wanted.size);
    this.#offset = 0;
    this.#wanted.onBytes?.(0);
  }

  /** Hashes what an earlier time has left. */
  async #takeUp(): Promise<void> {
    const { size } = await this.#file.stat();
    if (size > (this.#wanted.size ?? Number.POSITIVE_INFINITY)) return this.restart();
    const buffer = Buffer.alloc(1 << 20);
    while (this.#offset < size) {
      const { bytesRead } = await this.#file.read(buffer, 0, buffer.length, this.#offset);
      if (bytesRead === 0) break;
      this.#digest.update(buffer.subarray(0, bytesRead));
      this.#offset += bytesRead;
    }
    this.#furthest = this.#offset;
    this.#wanted.onBytes?.(this.#offset);
  }

  /** @returns whether there were more bytes than announced. */
  #fetch(hub: Hub): Promise<boolean> {
    const { url, withToken = false } = this.#wanted;
    return exchange(hub, {
      request: () => ({
        url,
        withToken,
        headers: this.#offset > 0 ? { range: `bytes=${this.#offset}-` } : {},
      }),
      read: (answer) => this.#read(answer),
    });
  }

  async #read(answer: Answer): Promise<boolean> {
    await this.#checkStart(answer);
    const { size, onBytes } = this.#wanted;
    for await (const chunk of answer.body()) {
      if (size !== undefined && this.#offset + chunk.length > size) return true;
      for (let done = 0; done < chunk.length; ) {
        const { bytesWritten } = await this.#file.write(chunk, done, chunk.length - done, this.#offset + done);
        done += bytesWritten;
      }
      this.#digest.update(chunk);
      this.#offset += chunk.length;
      if (this.#offset > this.#furthest) {
        this.#furthest = this.#offset;
        answer.progressed();
      }
      onBytes?.(this.#offset);
    }
    if (size !== undefined && this.#offset < size)
      throw new Transient(`${this.#wanted.name} ended after ${this.#offset} of ${size} bytes`);
    return false;
  }

  /** Starts again where the answer does not go on from what is there. */
  async #checkStart({ status, headers }: Answer): Promise<void> {
    if (status === 200) {
      if (this.#offset > 0) await this.restart();
      return;
    }
    if (this.#offset > 0 && (status === 206 || status === 416)) {
      const [, start, total] = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(headers.get('content-range') ?? '') ?? [];
      const { size = Number(total) } = this.#wanted;
      if (status === 206 && Number(start) === this.#offset && (total === '*' || Number(total) === size)) return;
      await this.restart();
      throw new Transient(`${this.#wanted.name}: the server has another piece than was asked for`, { waitMs: 0 });
    }
    throw this.#wanted.refused({ status, headers });
  }
}
