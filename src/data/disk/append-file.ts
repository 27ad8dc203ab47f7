import { closeSync, fsyncSync, openSync, read, readSync, writeSync } from 'node:fs';

import { DataError } from '../../core/errors.ts';

/** What is collected before it is written. */
const bufferBytes = 1 << 16;

/**
 * A file that grows at its end and is read anywhere. Writing is buffered and synchronous: appending a row costs
 * no promise, and a full buffer goes to the page cache in a fraction of a millisecond.
 */
export class AppendFile {
  readonly path: string;
  readonly #fd: number;
  readonly #onWrite: ((bytes: Uint8Array) => void) | undefined;
  readonly #buffer = Buffer.allocUnsafeSlow(bufferBytes);
  #used = 0;
  #written = 0;

  /** @param onWrite sees all bytes in their order, in large pieces. */
  constructor(path: string, onWrite?: (bytes: Uint8Array) => void) {
    this.path = path;
    this.#fd = openSync(path, 'w+');
    this.#onWrite = onWrite;
  }

  /** Bytes appended so far. */
  get size(): number {
    return this.#written + this.#used;
  }

  appendText(text: string): void {
    if (this.#used + text.length * 3 > bufferBytes) this.flush();
    if (text.length * 3 > bufferBytes) this.#write(Buffer.from(text));
    else this.#used += this.#buffer.write(text, this.#used);
  }

  appendBytes(bytes: Uint8Array): void {
    if (this.#used + bytes.length > bufferBytes) this.flush();
    if (bytes.length > bufferBytes) this.#write(bytes);
    else {
      this.#buffer.set(bytes, this.#used);
      this.#used += bytes.length;
    }
  }

  appendNumber(value: number): void {
    if (this.#used + 8 > bufferBytes) this.flush();
    this.#used = this.#buffer.writeDoubleLE(value, this.#used);
  }

  /** Hands what is buffered to the system; reading sees only that. */
  flush(): void {
    if (this.#used > 0) this.#write(this.#buffer.subarray(0, this.#used));
    this.#used = 0;
  }

  /** Hands everything to the disk itself: what is read after a loss of power. */
  sync(): void {
    this.flush();
    fsyncSync(this.#fd);
  }

  #write(bytes: Uint8Array): void {
    this.#onWrite?.(bytes);
    try {
      for (let done = 0; done < bytes.length; )
        done += writeSync(this.#fd, bytes, done, bytes.length - done, this.#written + done);
    } catch (error) {
      throw new DataError(
        `${this.path}: cannot be written (${(error as NodeJS.ErrnoException).code}); working with a dataset takes ` +
          'about three times its size on disk: make room, or use another disk',
        { cause: error },
      );
    }
    this.#written += bytes.length;
  }

  /** Fills `into` from `position`. Synchronous: from the page cache it costs a microsecond, a trip through the thread pool twenty. */
  read(into: Uint8Array, position: number): void {
    for (let done = 0; done < into.length; ) {
      const got = readSync(this.#fd, into, done, into.length - done, position + done);
      if (got === 0) throw this.#short(position + done);
      done += got;
    }
  }

  /** {@link AppendFile.read} that leaves the process free meanwhile: for large pieces. */
  async readLater(into: Uint8Array, position: number): Promise<void> {
    for (let done = 0; done < into.length; ) {
      const at = done;
      const got = await new Promise<number>((resolve, reject) =>
        read(this.#fd, into, at, into.length - at, position + at, (error, n) => (error ? reject(error) : resolve(n))),
      );
      if (got === 0) throw this.#short(position + done);
      done += got;
    }
  }

  #short(position: number): DataError {
    return new DataError(`${this.path}: ends at byte ${position}; another process changed working data: start again`);
  }

  close(): void {
    closeSync(this.#fd);
  }
}
