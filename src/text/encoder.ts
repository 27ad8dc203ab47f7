import { ConfigError } from '../core/errors.ts';
import { noPrompt, type Part, type Prompt, render, type Turn, tokensOf } from './prompt.ts';
import type { Tokenizer } from './tokenizer.ts';

/** How a classifier reads texts; saved with it. */
export interface Reading {
  /** The most tokens the model reads at once, everything around the text included. */
  readonly maxLength: number;
  /** What is put around a text. */
  readonly prompt: Prompt;
  /** What becomes of a text that is too long: its end is dropped, or it is read in overlapping windows. */
  readonly longTexts: LongTexts;
  /** Tokens that neighbouring windows share. */
  readonly windowOverlap: number;
}

export const longTextRules = ['truncate', 'windows'] as const;
export type LongTexts = (typeof longTextRules)[number];

/** A text, and what was said before it. */
export interface Passage {
  readonly text: string;
  readonly context?: readonly Turn[];
}

/** What a model reads of a passage. */
export interface EncodedPassage {
  /** Token ids, one sequence or a window each. */
  readonly sequences: readonly Int32Array[];
  /** Whether the end of the text was dropped. */
  readonly truncated: boolean;
  /** How many of the oldest turns were dropped to make room. */
  readonly turnsDropped: number;
}

/** Turns passages into what a model reads. */
export interface Encoder {
  encode(passages: readonly Passage[]): Promise<EncodedPassage[]>;
  /** The least `maxLength` that goes with the rest of the reading: the prompt, what windows share, and a token of text. */
  readonly leastLength: number;
}

/**
 * An encoder for a tokenizer.
 *
 * The ids are those the tokenizer gives for the prompt as one string, except that special tokens are only recognised in
 * the prompt's own markup: what people write is text. What is too long loses its oldest turns first, then the end of the
 * text (or is cut into windows); instruction, prefix and suffix always stay.
 *
 * @throws ConfigError if the tokenizer lacks the format's tokens, or the prompt alone leaves no room for text.
 */
export async function openEncoder(tokenizer: Tokenizer, reading: Reading): Promise<Encoder> {
  const { prompt, maxLength } = reading;
  const missing = tokensOf(prompt).filter((token) => tokenizer.tokenToId(token) === undefined);
  if (missing.length > 0)
    throw new ConfigError(
      `the prompt format '${prompt.format}' needs ${missing.join(', ')}, which the base's tokenizer does not have: choose 'plain', or a base that was trained on it`,
    );
  const writer = new Writer(tokenizer);
  const [empty] = await writer.write([render(prompt, '', [])]);
  const overlap = reading.longTexts === 'windows' ? reading.windowOverlap : 0;
  const leastLength = empty!.length + overlap + 1;
  if (maxLength < leastLength)
    throw new ConfigError(
      `maxLength is ${maxLength}, the prompt alone takes ${empty!.length} tokens${overlap > 0 ? ` and windows overlap by ${overlap}` : ''}: use ${leastLength} or more`,
    );
  return {
    leastLength,
    async encode(passages) {
      const whole = await writer.write(passages.map(({ text, context = [] }) => render(prompt, text, context)));
      return Promise.all(
        passages.map((passage, i) => {
          if (whole[i]!.length <= maxLength) return { sequences: [whole[i]!], truncated: false, turnsDropped: 0 };
          return encodeLong(writer, passage, reading);
        }),
      );
    },
  };
}

/** The reading of models that were trained without any of it. */
export const plainReading = (maxLength: number): Reading => ({
  maxLength,
  prompt: noPrompt,
  longTexts: 'truncate',
  windowOverlap: 0,
});

async function encodeLong(writer: Writer, passage: Passage, reading: Reading): Promise<EncodedPassage> {
  const { maxLength, prompt } = reading;
  const { text, context = [] } = passage;
  const shorter = await withFewestDropped(writer, passage, reading);
  if (shorter) return shorter;
  const { head, body, tail } = await writer.writeApart(render(prompt, text, []));
  const room = maxLength - head.length - tail.length;
  if (room < 1) throw new ConfigError(`maxLength is ${maxLength}, the prompt alone takes as much: use more`);
  const sequence = (from: number): Int32Array => joined([head, body.slice(from, from + room), tail]);
  const turnsDropped = context.length;
  if (reading.longTexts === 'truncate') return { sequences: [sequence(0)], truncated: true, turnsDropped };
  const starts = windowStarts(body.length, room, Math.min(reading.windowOverlap, room - 1));
  return { sequences: starts.map(sequence), truncated: false, turnsDropped };
}

/**
 * A passage that is too long, without its oldest turns: as few as it takes to fit; undefined if the text alone is too long.
 *
 * Searched by halves, for every turn makes a passage longer. Where turns are joined as plain text that need not hold to
 * the token: what a turn's neighbours are tokenised to depends on whether it stands between them. What is found still fits,
 * and with one more turn would not; in such a case, another number of turns might have done as well.
 */
async function withFewestDropped(
  writer: Writer,
  { text, context = [] }: Passage,
  { maxLength, prompt }: Reading,
): Promise<EncodedPassage | undefined> {
  const write = async (dropped: number): Promise<Int32Array> =>
    (await writer.write([render(prompt, text, context.slice(dropped))]))[0]!;
  let tooFew = 0;
  let enough = context.length;
  let found = await write(enough);
  if (found.length > maxLength) return undefined;
  while (enough - tooFew > 1) {
    const dropped = (tooFew + enough) >> 1;
    const ids = await write(dropped);
    if (ids.length > maxLength) tooFew = dropped;
    else [enough, found] = [dropped, ids];
  }
  return { sequences: [found], truncated: false, turnsDropped: enough };
}

/** Where windows begin that cover `length` tokens, each of `size` and sharing at least `overlap` with the one before. */
export function windowStarts(length: number, size: number, overlap: number): number[] {
  const starts = [0];
  while (starts.at(-1)! + size < length) starts.push(Math.min(starts.at(-1)! + size - overlap, length - size));
  return starts;
}

/** A special token, or a run of ordinary words that are tokenised as one; where in it the text stands, if it does. */
type Run = { readonly special: number } | { readonly words: string; readonly text: Span | undefined };
interface Span {
  readonly start: number;
  readonly end: number;
}

/** Writes rendered parts as token ids. */
class Writer {
  readonly #tokenizer: Tokenizer;
  readonly #specials: RegExp | undefined;

  constructor(tokenizer: Tokenizer) {
    this.#tokenizer = tokenizer;
    const names = tokenizer.specialTokens.map((name) => name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
    this.#specials = names.length > 0 ? new RegExp(`(${names.join('|')})`) : undefined;
  }

  /** The ids of several renderings, each with the tokenizer's own template around it. Equal runs are tokenised once. */
  async write(renderings: readonly (readonly Part[])[]): Promise<Int32Array[]> {
    const all = renderings.map((parts) => this.#runs(parts));
    const words = [...new Set(all.flatMap((runs) => runs.flatMap((run) => ('words' in run ? [run.words] : []))))];
    const encoded = await this.#tokenizer.encode(words, { addSpecialTokens: false });
    const idsOf = new Map(words.map((run, i) => [run, encoded[i]!]));
    const { before, after } = this.#tokenizer.template;
    return all.map((runs) => {
      const ids = runs.map((run) => ('special' in run ? [run.special] : idsOf.get(run.words)!));
      return joined([before, ...ids, after]);
    });
  }

  /** The ids of one rendering, those of the text apart from what is before and after it. */
  async writeApart(parts: readonly Part[]): Promise<Record<'head' | 'body' | 'tail', readonly number[]>> {
    const { before, after } = this.#tokenizer.template;
    const ids = { head: [...before], body: [] as number[], tail: [] as number[] };
    let into = ids.head;
    for (const run of this.#runs(parts)) {
      if ('special' in run) into.push(run.special);
      else
        for (const { id, start, end } of await this.#tokenizer.tokenize(run.words, { addSpecialTokens: false })) {
          const isText = run.text !== undefined && start >= run.text.start && end <= run.text.end;
          if (isText) ids.body.push(id);
          else into.push(id);
          if (isText) into = ids.tail;
        }
      if ('words' in run && run.text) into = ids.tail;
    }
    ids.tail.push(...after);
    return ids;
  }

  /** Markup split at its special tokens, and the words between two of them joined. */
  #runs(parts: readonly Part[]): Run[] {
    const runs: Run[] = [];
    for (const { kind, content } of parts) {
      const pieces = kind === 'markup' && this.#specials ? content.split(this.#specials) : [content];
      for (const [i, piece] of pieces.entries()) {
        if (i % 2 === 1) runs.push({ special: this.#tokenizer.tokenToId(piece)! });
        else if (piece !== '' || kind === 'text') appendWords(runs, piece, kind === 'text');
      }
    }
    return runs;
  }
}

/** Ids one after the other, without the arrays in between: every text of a training set comes through here. */
function joined(parts: readonly ArrayLike<number>[]): Int32Array {
  const ids = new Int32Array(parts.reduce((n, part) => n + part.length, 0));
  let at = 0;
  for (const part of parts) {
    ids.set(part, at);
    at += part.length;
  }
  return ids;
}

function appendWords(runs: Run[], piece: string, isText: boolean): void {
  const last = runs.at(-1);
  const joins = last !== undefined && 'words' in last;
  const before = joins ? last.words : '';
  const span = { start: before.length, end: before.length + piece.length };
  const run = { words: before + piece, text: isText ? span : joins ? last.text : undefined };
  if (joins) runs[runs.length - 1] = run;
  else runs.push(run);
}
