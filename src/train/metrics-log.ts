import { constants, type FileHandle, open, readFile } from 'node:fs/promises';

/** What the log needs of a file. */
type LogFile = Pick<FileHandle, 'truncate' | 'datasync' | 'close'> & {
  write(bytes: Buffer, offset: number, length: number, position: number): Promise<{ readonly bytesWritten: number }>;
};

/**
 * metrics.jsonl of a run: one line per event, whole or not at all.
 *
 * A line that cannot be written (a full disk) waits in memory with those after it until there is room; part of a line is
 * taken back. So a disk that fills up overnight costs nothing but the wait.
 */
export class MetricsLog {
  /** Bytes that the log should have had when it was opened, and had not. */
  readonly missingBytes: number;
  readonly #file: LogFile;
  #bytes: number;
  #waiting: string[] = [];

  /** Over an open file whose first `bytes` bytes are the log so far. */
  constructor(file: LogFile, bytes: number, missingBytes = 0) {
    this.#file = file;
    this.#bytes = bytes;
    this.missingBytes = missingBytes;
  }

  /**
   * Opens the log to go on after its first `bytes` bytes; what follows them is dropped. 0: a new log. One that is shorter (a
   * disk that forgot, an editor) goes on after its last whole line.
   */
  static async open(path: string, bytes = 0): Promise<MetricsLog> {
    const file = await open(path, bytes === 0 ? 'w+' : constants.O_RDWR | constants.O_CREAT);
    const { size } = await file.stat();
    const whole = size < bytes ? (await readFile(path)).lastIndexOf('\n') + 1 : bytes;
    await file.truncate(whole);
    return new MetricsLog(file, whole, bytes - whole);
  }

  /**
   * Adds a line per value.
   *
   * @returns why it could not be written yet, if so.
   */
  async append(value: unknown): Promise<Error | undefined> {
    this.#waiting.push(`${JSON.stringify(value)}\n`);
    return this.#flush();
  }

  /**
   * Makes everything durable.
   *
   * @returns the length of the log in bytes: what {@link MetricsLog.open} takes to go on from here.
   * @throws the error of the file system if lines are still waiting.
   */
  async sync(): Promise<number> {
    const failure = await this.#flush();
    if (failure) throw failure;
    await this.#file.datasync();
    return this.#bytes;
  }

  /** @returns why the last lines could not be written, if so: they are lost. */
  async close(): Promise<Error | undefined> {
    const failure = await this.#flush();
    await this.#file.close();
    return failure;
  }

  async #flush(): Promise<Error | undefined> {
    if (this.#waiting.length === 0) return undefined;
    const bytes = Buffer.from(this.#waiting.join(''));
    try {
      for (let done = 0; done < bytes.length; )
        done += (await this.#file.write(bytes, done, bytes.length - done, this.#bytes + done)).bytesWritten;
    } catch (error) {
      await this.#file.truncate(this.#bytes).catch(() => {});
      return error as Error;
    }
    this.#bytes += bytes.length;
    this.#waiting = [];
    return undefined;
  }
}
