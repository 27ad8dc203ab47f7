import { type Hash64, hash64 } from '../core/random.ts';
import type { Turn } from '../text/prompt.ts';
import { ByteList } from './disk/growing.ts';
import { packJson, unpackJson } from './disk/packed-json.ts';
import { type RecordChunk, RecordFile } from './disk/record-file.ts';
import type { WorkFolder } from './disk/work-folder.ts';
import { type SplitName, splitNames } from './example.ts';
import { textKey } from './text-key.ts';

/** A usable row of a table, cleaned. */
export interface StoredRow {
  readonly id: string;
  readonly text: string;
  /** As the table's label reader numbers them: labels held, or values. */
  readonly labels: readonly number[];
  readonly group?: string;
  readonly weight?: number;
  readonly context?: readonly Turn[];
  readonly meta?: Readonly<Record<string, unknown>>;
}

/** Where a row comes from. */
export interface RowOrigin {
  /** Sets groups and dialogues of different datasets apart. */
  readonly origin: string;
  /** The dialogue it is a turn of, where that is not its group: no dialogue is in two splits, either. */
  readonly dialogue?: string | undefined;
}

/** Places of the 32-bit words of a row's facts; a hash is two words. */
export const fact = { exact: 0, key: 2, id: 4, group: 6, dialogue: 8, length: 10 } as const;
const factWords = 12; // even, for the labels after them are doubles

/** The facts of some rows in a row. Valid until the next chunk is asked for. */
export interface FactChunk {
  /** The number of its first row. */
  readonly first: number;
  readonly length: number;
  /** Word `at` (see {@link fact}) of row `first + k`. */
  word(k: number, at: number): number;
  /** How many numbers the labels of row `first + k` are. */
  labelCount(k: number): number;
  label(k: number, at: number): number;
}

/** Which split a row is in, and whether it is still in any: one byte a row. */
export const rowState = { splitMask: 3, removed: 4 } as const;

/**
 * All rows of the datasets that are read, on disk: `rows` holds them whole, `facts` what is needed to compare,
 * count and split them: the hashes of the exact text, its key, the id, the group and the dialogue (0 where there is none),
 * the length in code points, and the numbers of the labels. In memory is one byte a row.
 */
export class ExampleStore {
  readonly #rows: RecordFile;
  readonly #facts: RecordFile;
  readonly #states = new ByteList();
  readonly #scratch = new ArrayBuffer(factWords * 4 + 8 * 4096);
  readonly #words: Hash64 = new Uint32Array(this.#scratch, 0, factWords);

  constructor(work: WorkFolder) {
    this.#rows = work.keep(new RecordFile(work.path('rows')));
    this.#facts = work.keep(new RecordFile(work.path('facts')));
  }

  get length(): number {
    return this.#rows.length;
  }

  /** A byte for each row; see {@link rowState}. They are changed in place. */
  get states(): Uint8Array {
    return this.#states.values;
  }

  add(row: StoredRow, split: SplitName, { origin, dialogue }: RowOrigin): void {
    const words = this.#words;
    hash64(
      withContext(row, (text) => text),
      words,
      fact.exact,
    );
    hash64(withContext(row, textKey), words, fact.key);
    hash64(row.id, words, fact.id);
    words.fill(0, fact.group, fact.dialogue + 2);
    if (row.group !== undefined) hash64(`${origin}\n${row.group}`, words, fact.group);
    if (dialogue !== undefined) hash64(`${origin}\n\n${dialogue}`, words, fact.dialogue);
    words[fact.length] = codePoints(row.text);
    this.#facts.appendBytes(this.#withLabels(row.labels));
    this.#rows.appendText(packJson(row));
    this.#states.push(splitNames.indexOf(split));
  }

  #withLabels(labels: readonly number[]): Uint8Array {
    const start = factWords * 4;
    const size = start + labels.length * 8;
    if (size > this.#scratch.byteLength) return concatenated(this.#words, labels);
    new Float64Array(this.#scratch, start, labels.length).set(labels);
    return new Uint8Array(this.#scratch, 0, size);
  }

  /** Makes all rows readable. */
  flush(): void {
    this.#rows.flush();
    this.#facts.flush();
  }

  read(place: number): StoredRow {
    return rowOf(this.#rows.read(place).toString('utf8'));
  }

  /** All rows in order, some at a time; see {@link rowOf}. */
  rows(): AsyncGenerator<RecordChunk, void> {
    return this.#rows.chunks();
  }

  /** The facts of all rows in order, some at a time. */
  async *facts(): AsyncGenerator<FactChunk, void> {
    for await (const chunk of this.#facts.chunks()) yield factsOf(chunk);
  }
}

/** What a model reads of a row, turns before it and who said them included, after a change of every text; as one text. */
function withContext({ text, context = [] }: StoredRow, change: (text: string) => string): string {
  if (context.length === 0) return change(text);
  const turns = context.map((turn) => [turn.role === undefined ? null : change(turn.role), change(turn.text)]);
  return `${JSON.stringify(turns)}\u0000${change(text)}`;
}

/** The row that a record of {@link ExampleStore.rows} holds. */
export const rowOf = (record: string): StoredRow => unpackJson(record) as StoredRow;

function concatenated(words: Uint32Array, labels: readonly number[]): Uint8Array {
  return Buffer.concat([
    new Uint8Array(words.buffer, 0, factWords * 4),
    new Uint8Array(Float64Array.from(labels).buffer),
  ]);
}

function factsOf(chunk: RecordChunk): FactChunk {
  const { buffer, byteOffset, byteLength } = chunk.buffer;
  const words = new Uint32Array(buffer, byteOffset, byteLength >>> 2);
  const doubles = new Float64Array(buffer, byteOffset, byteLength >>> 3);
  return {
    first: chunk.first,
    length: chunk.length,
    word: (k, at) => words[chunk.start(k) / 4 + at]!,
    labelCount: (k) => (chunk.end(k) - chunk.start(k)) / 8 - factWords / 2,
    label: (k, at) => doubles[chunk.start(k) / 8 + factWords / 2 + at]!,
  };
}

/** The length of a text in code points; a lone surrogate counts as one. */
function codePoints(text: string): number {
  let count = text.length;
  for (let i = 0; i + 1 < text.length; i++) {
    if ((text.charCodeAt(i) & 0xfc00) !== 0xd800 || (text.charCodeAt(i + 1) & 0xfc00) !== 0xdc00) continue;
    count--;
    i++;
  }
  return count;
}
