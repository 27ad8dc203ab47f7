/** A model's own tokenizer, from its tokenizer.json, run by Hugging Face's implementation. */
import { randomUUID } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type JsEncoding, Tokenizer as Native } from 'tokenizers';
import { CheckpointError } from '../core/errors.ts';
import { codeUnitOffsets } from './offsets.ts';

export interface EncodeOptions {
  /** Whether the template adds its tokens (`<|begin_of_text|>`, `[CLS]` … `[SEP]`). Default true. */
  readonly addSpecialTokens?: boolean;
  /**
   * Whether a special token's name inside a text becomes that token, as in Python's `tokenizers` by default.
   * Default false: what a user writes is text.
   */
  readonly parseSpecialTokens?: boolean;
}

/** One token and the part of the text it stands for, `text.slice(start, end)`; empty for the template's own tokens. */
export interface Token {
  readonly id: number;
  readonly token: string;
  readonly start: number;
  readonly end: number;
}

export interface Tokenizer {
  /** How many tokens there are, the added ones included. */
  readonly vocabSize: number;
  /** Names of the special tokens. */
  readonly specialTokens: readonly string[];
  /** The tokens that the template puts around a text: `<|begin_of_text|>`, or `[CLS]` and `[SEP]`. */
  readonly template: { readonly before: readonly number[]; readonly after: readonly number[] };
  /** The ids of many texts at once, of any length. A lone surrogate is read as U+FFFD. */
  encode(texts: readonly string[], options?: EncodeOptions): Promise<Int32Array<ArrayBuffer>[]>;
  /** The tokens of one text with their places in it; the ids are those of {@link Tokenizer.encode}. */
  tokenize(text: string, options?: EncodeOptions): Promise<Token[]>;
  /** The text of ids, without the special tokens. */
  decode(ids: ArrayLike<number>): Promise<string>;
  /** The id of a token by its exact name, special or not. */
  tokenToId(token: string): number | undefined;
}

/** Bounds what the native side holds: its encodings carry far more than the ids. */
const batchTexts = 2048;

/**
 * Loads a tokenizer from a model's folder, or from a tokenizer.json. Truncation and padding set in the file are ignored.
 *
 * @throws CheckpointError if there is none or it cannot be read.
 */
export async function loadTokenizer(path: string): Promise<Tokenizer> {
  const file = await findFile(path);
  const definition = await readDefinition(file);
  const asText = native(withoutSpecialTokens(definition), file);
  let parsing: Promise<Native> | undefined;
  const parsingSpecials = (): Promise<Native> => {
    parsing ??= readDefinition(file).then((again) => native(again, file)); // kept, it would take several times its size
    return parsing;
  };
  const pick = async (options: EncodeOptions) => (options.parseSpecialTokens ? parsingSpecials() : asText);
  const specialIds = new Map(definition.added_tokens.map(({ content, id }) => [content, id]));
  const special = definition.added_tokens.filter((token) => token.special).map(({ content }) => content);

  return {
    vocabSize: asText.getVocabSize(true),
    specialTokens: special,
    template: templateOf(await asText.encode('a')),
    async encode(texts, options = {}) {
      const out: Int32Array<ArrayBuffer>[] = [];
      const tokenizer = await pick(options);
      for (let i = 0; i < texts.length; i += batchTexts) {
        const batch = texts.slice(i, i + batchTexts);
        for (const encoding of await tokenizer.encodeBatch(batch, nativeOptions(options)))
          out.push(Int32Array.from(encoding.getIds()));
      }
      return out;
    },
    async tokenize(text, options = {}) {
      const encoding = await (await pick(options)).encode(text, null, nativeOptions(options));
      const [ids, tokens, offsets] = [encoding.getIds(), encoding.getTokens(), encoding.getOffsets()];
      const codeUnits = codeUnitOffsets(text);
      return ids.map((id, i) => {
        const [start, end] = offsets[i] as [number, number];
        return { id, token: tokens[i]!, start: codeUnits[start]!, end: codeUnits[end]! };
      });
    },
    decode: async (ids) => (await parsingSpecials()).decode(Array.from(ids), true),
    tokenToId: (token) => specialIds.get(token) ?? asText.tokenToId(token) ?? undefined,
  };
}

const nativeOptions = ({ addSpecialTokens = true }: EncodeOptions) => ({ addSpecialTokens });

/** What stands before the first and after the last token of a text. */
function templateOf(encoding: JsEncoding): Tokenizer['template'] {
  const [ids, isTemplate] = [encoding.getIds(), encoding.getSpecialTokensMask()];
  return { before: ids.slice(0, isTemplate.indexOf(0)), after: ids.slice(isTemplate.lastIndexOf(0) + 1) };
}

/** The parts of a tokenizer.json that are read here; the native side checks the whole. */
interface Definition {
  readonly added_tokens: readonly { readonly id: number; readonly content: string; readonly special: boolean }[];
  readonly model: { readonly vocab: Readonly<Record<string, number>> | readonly (readonly [string, number])[] };
}

/**
 * The same tokenizer, except that no text contains a special token. The binding lacks `encode_special_tokens`, and the
 * template names its tokens by id, so they need not be known by name. One that the model's own vocabulary holds is
 * taken from the list; any other is renamed to what no text says, since the ids of those after it count on its place.
 */
function withoutSpecialTokens(definition: Definition): Definition {
  const { vocab } = definition.model;
  const ids = Array.isArray(vocab)
    ? new Map(vocab.map(([token], id) => [token, id]))
    : new Map(Object.entries(vocab as Readonly<Record<string, number>>));
  const added_tokens = definition.added_tokens.flatMap((token) => {
    if (!token.special) return [token];
    return ids.get(token.content) === token.id ? [] : [{ ...token, content: randomUUID() }];
  });
  return { ...definition, added_tokens };
}

function native(definition: Definition, file: string): Native {
  try {
    return Native.fromString(JSON.stringify({ ...definition, truncation: null, padding: null }));
  } catch (cause) {
    throw unreadable(file, cause);
  }
}

async function readDefinition(file: string): Promise<Definition> {
  const json = await readFile(file, 'utf8');
  let value: Partial<Definition> | null;
  try {
    value = JSON.parse(json);
  } catch (cause) {
    throw unreadable(file, cause);
  }
  if (!value?.model?.vocab) throw unreadable(file, new Error('it has no model with a vocabulary'));
  return { ...value, model: value.model, added_tokens: value.added_tokens ?? [] };
}

const unreadable = (file: string, cause: unknown): CheckpointError =>
  new CheckpointError(
    `${file}: not a tokenizer that can be read: ${(cause as Error).message}; download it again, or save it anew with transformers (AutoTokenizer.from_pretrained(…).save_pretrained(…))`,
    { cause },
  );

async function findFile(path: string): Promise<string> {
  const found = await stat(path).catch(() => undefined);
  const file = found?.isDirectory() ? join(path, 'tokenizer.json') : path;
  if (await stat(file).catch(() => undefined)) return file;
  throw new CheckpointError(
    `${file}: no such file; a model that has only tokenizer.model or vocab.txt gets one from transformers (AutoTokenizer.from_pretrained(…).save_pretrained(…))`,
  );
}
