import { createHash } from 'node:crypto';
import { type FileHandle, open, readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { CheckpointError, internal } from '../../core/errors.ts';
import { float32 } from '../../core/tensor.ts';
import { HashIndex } from '../../data/disk/hash-index.ts';
import type { DecoderSpec } from '../../models/registry.ts';
import type { InputLookup } from '../../models/weights.ts';
import type { Precision } from '../../nn/linear.ts';
import { decodeRows, rowBytes } from './rows.ts';
import { checksumOf, hashOf, readSegment, type SegmentOwner } from './segment.ts';

/** Of the files; another is not read. */
const FORMAT = 1;

/** What hidden states depend on, beside the text. */
export interface PrefixModel {
  readonly spec: DecoderSpec;
  /** Of the base's weights. */
  readonly fingerprint: string;
  /** The layers below this one are those that are cached. */
  readonly layer: number;
  /** How the weights of those layers are held and multiplied. */
  readonly precision: Precision;
}

/** Whose states a folder of the cache holds: base with its configuration, layer, precision, format. */
const cacheKey = ({ spec, fingerprint, layer, precision }: PrefixModel): string =>
  createHash('sha256')
    .update(JSON.stringify([FORMAT, fingerprint, layer, precision, spec]))
    .digest('hex');

/** The folder below `root` with the states of a model. */
export const prefixFolder = (root: string, model: PrefixModel): string =>
  join(root, `layer-${model.layer}-${model.precision}-${cacheKey(model).slice(0, 16)}`);

const isSegment = (name: string): boolean => /^\d{6}\.safetensors$/.test(name);
const NOWHERE = -1;

/**
 * The hidden states that enter one layer of one base, of texts by their token ids: on disk, in segments that are written
 * once. Of a text, some 50 bytes stay in memory.
 */
export class PrefixCache {
  readonly dir: string;
  readonly owner: SegmentOwner;
  /** Files that are damaged. */
  readonly damaged: string[] = [];
  readonly #index = new HashIndex();
  /** For each number of the index: the segment, and where in it; {@link NOWHERE} for a text without states. */
  readonly #segment: number[] = [];
  readonly #offset: number[] = [];
  readonly #checksum: number[] = [];
  readonly #files: { readonly path: string; handle?: Promise<FileHandle> }[] = [];

  private constructor(dir: string, owner: SegmentOwner) {
    this.dir = dir;
    this.owner = owner;
  }

  /** Opens the states of a model below the folder `root`; there need not be any yet, nor a folder. */
  static async open(root: string, model: PrefixModel): Promise<PrefixCache> {
    const dir = prefixFolder(root, model);
    const cache = new PrefixCache(dir, { key: cacheKey(model), width: model.spec.config.hidden_size });
    const names = (await readdir(dir).catch(() => [])).filter(isSegment).sort();
    for (const name of names) await cache.add(join(dir, name));
    return cache;
  }

  /** The path of the next segment. */
  get nextPath(): string {
    const last = this.#files.at(-1)?.path;
    const number = last === undefined ? 0 : Number(basename(last, '.safetensors'));
    return join(this.dir, `${String(number + 1).padStart(6, '0')}.safetensors`);
  }

  /** Takes in a segment; where it has a text that is in another already, its states count. */
  async add(path: string): Promise<void> {
    const texts = await readSegment(path, this.owner).catch(() => undefined);
    if (!texts) {
      this.damaged.push(path);
      return;
    }
    const segment = this.#files.push({ path }) - 1;
    for (const { high, low, checksum, offset } of texts) {
      const n = this.#number(high, low);
      this.#segment[n] = segment;
      this.#offset[n] = offset;
      this.#checksum[n] = checksum;
    }
  }

  /** Whether a text has states, as far as is known without reading them. */
  has(ids: Int32Array): boolean {
    return this.#segment[this.#number(...hashOf(ids))] !== NOWHERE;
  }

  /** Whether a text has states that are whole. */
  async holds(ids: Int32Array): Promise<boolean> {
    return this.has(ids) && (await this.#read(ids).catch(() => undefined)) !== undefined;
  }

  /**
   * States of texts, one after the other, as their graph takes them. [N, C]
   *
   * @throws CheckpointError if they have been damaged since the run began.
   */
  readonly states: InputLookup = async (ids, texts) => {
    const { width } = this.owner;
    const out = new Float32Array(ids.length * width);
    let token = 0;
    await Promise.all(
      texts.map(async (text) => {
        const into = out.subarray(token * width, (token + text.length) * width);
        token += text.length;
        decodeRows(new Int16Array(await this.#read(text)), into, width);
      }),
    );
    return float32(out, [ids.length, width]);
  };

  async close(): Promise<void> {
    for (const { handle } of this.#files) await (await handle?.catch(() => undefined))?.close();
  }

  #number(high: number, low: number): number {
    const n = this.#index.place(high, low);
    if (n === this.#segment.length) {
      this.#segment.push(NOWHERE);
      this.#offset.push(0);
      this.#checksum.push(0);
    }
    return n;
  }

  async #read(ids: Int32Array): Promise<ArrayBuffer> {
    const n = this.#number(...hashOf(ids));
    const file = this.#files[this.#segment[n]!] ?? internal(`a text of ${ids.length} tokens is not in ${this.dir}`);
    const bytes = new Uint8Array(ids.length * rowBytes(this.owner.width));
    const damage = (why: string): CheckpointError =>
      new CheckpointError(
        `${file.path}: ${why} since the run began; go on with it (--resume), which computes it again`,
      );
    file.handle ??= open(file.path, 'r');
    const handle = await file.handle.catch((error: Error) => {
      throw damage(`cannot be opened (${error.message})`);
    });
    const { bytesRead } = await handle.read(bytes, 0, bytes.length, this.#offset[n]!);
    if (bytesRead !== bytes.length || checksumOf(bytes) !== this.#checksum[n]) throw damage('was damaged');
    return bytes.buffer;
  }
}
