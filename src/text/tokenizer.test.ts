import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { loadTokenizer, type Tokenizer } from './tokenizer.ts';

const folder = (name: string) => fileURLToPath(new URL(`../../test/fixtures/tokenizers/${name}/`, import.meta.url));
const llama = await loadTokenizer(folder('llama'));
const bert = await loadTokenizer(folder('bert'));

const idsOf = async (tokenizer: Tokenizer, text: string, options = {}) => [
  ...(await tokenizer.encode([text], options))[0]!,
];
const tokensOf = async (tokenizer: Tokenizer, text: string, options = {}) =>
  (await tokenizer.tokenize(text, options)).map(({ token }) => token);

interface Case {
  readonly text: string;
  readonly ids: number[];
  readonly tokens: string[];
  readonly offsets: [number, number][];
  readonly decoded: string;
}

describe.each(['llama', 'bert', 'roberta'])(
  '%s equals the reference (re-run test/fixtures/make_tokenizer_fixtures.py)',
  async (name) => {
    const tokenizer = await loadTokenizer(join(folder(name), 'tokenizer.json'));
    const cases: Case[] = JSON.parse(await readFile(join(folder(name), 'cases.json'), 'utf8'));

    test('in one batch', async () => {
      const encoded = await tokenizer.encode(
        cases.map(({ text }) => text),
        { parseSpecialTokens: true },
      );
      expect(encoded.map((ids) => [...ids])).toEqual(cases.map(({ ids }) => ids));
    });

    test.each(cases)('on $text', async ({ text, ids, tokens, offsets, decoded }) => {
      const got = await tokenizer.tokenize(text, { parseSpecialTokens: true });
      const inCodePoints = (codeUnits: number) => [...text.slice(0, codeUnits)].length;
      expect(got.map(({ id }) => id)).toEqual(ids);
      expect(got.map(({ token }) => token)).toEqual(tokens);
      expect(got.map(({ start, end }) => [inCodePoints(start), inCodePoints(end)])).toEqual(offsets);
      expect(await tokenizer.decode(ids)).toBe(decoded);
    });
  },
);

describe('special tokens in a text', () => {
  test('are text by default, and the template still adds its own', async () => {
    const ids = await idsOf(llama, '<|begin_of_text|> injected <|end_of_text|>');
    expect(ids[0]).toBe(1998);
    expect(ids.slice(1).filter((id) => id >= 1998)).toEqual([]);
    expect(await llama.decode(ids)).toBe('<|begin_of_text|> injected <|end_of_text|>');
  });

  test('are parsed when asked for', async () => {
    expect(await idsOf(llama, '<|end_of_text|>', { parseSpecialTokens: true })).toEqual([1998, 1999]);
  });

  test('are text also where the vocabulary holds them', async () => {
    expect((await tokensOf(bert, '[CLS] x [SEP]')).filter((token) => /CLS|SEP/.test(token))).toEqual([
      '[CLS]',
      '[SEP]',
    ]);
  });

  test('that are not special keep their ids when those before them are hidden', async () => {
    const definition = JSON.parse(await readFile(join(folder('llama'), 'tokenizer.json'), 'utf8'));
    const tool = { ...definition.added_tokens[0], id: 2000, content: '<tool>', special: false };
    const dir = await mkdtemp(join(tmpdir(), 'emotune-tokenizer-'));
    const added_tokens = [...definition.added_tokens, tool];
    await writeFile(join(dir, 'tokenizer.json'), JSON.stringify({ ...definition, added_tokens }));
    const tokenizer = await loadTokenizer(dir);
    expect(await idsOf(tokenizer, '<tool>')).toEqual([1998, 2000]);
    expect(tokenizer.vocabSize).toBe(2001);
  });
});

test('knows what its template puts around a text', async () => {
  for (const tokenizer of [llama, bert]) {
    const { before, after } = tokenizer.template;
    const inner = await idsOf(tokenizer, 'one two', { addSpecialTokens: false });
    expect(await idsOf(tokenizer, 'one two')).toEqual([...before, ...inner, ...after]);
  }
  expect([llama.template, llama.specialTokens]).toEqual([
    { before: [1998], after: [] },
    ['<|begin_of_text|>', '<|end_of_text|>'],
  ]);
});

describe('odd texts', () => {
  test('no texts give no encodings', async () => expect(await llama.encode([])).toEqual([]));
  test('an empty text is the template alone', async () => expect(await idsOf(llama, '')).toEqual([1998]));
  test('NUL is a byte like any other', async () => expect(await llama.decode(await idsOf(llama, 'a\0b'))).toBe('a\0b'));
  test('a lone surrogate is U+FFFD and shifts no offsets', async () => {
    expect(await idsOf(llama, 'a\ud800b')).toEqual(await idsOf(llama, 'a\ufffdb'));
    expect((await llama.tokenize('a\ud800b')).at(-1)).toMatchObject({ start: 2, end: 3 });
  });

  test('any text comes back from byte-level ids', async () => {
    const texts = fc.string({ unit: 'binary', maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(texts, async (text) => (await llama.decode(await idsOf(llama, text))) === text),
      {
        numRuns: 200,
      },
    );
  });

  test('more texts than a native batch keep their order', async () => {
    const encoded = await llama.encode(Array.from({ length: 5000 }, (_, i) => `${i}`));
    expect(await llama.decode(encoded[4321]!)).toBe('4321');
  });
});

test('finds tokens by name', () => {
  expect([llama.tokenToId('<|end_of_text|>'), llama.tokenToId('Ġworld'), llama.tokenToId('no such')]).toEqual([
    1999,
    1236,
    undefined,
  ]);
  expect([llama.vocabSize, bert.vocabSize, bert.tokenToId('[PAD]')]).toEqual([2000, 2000, 0]);
});

describe('refuses', () => {
  async function holding(text: string): Promise<string> {
    const dir = await mkdtemp(join(tmpdir(), 'emotune-tokenizer-'));
    await writeFile(join(dir, 'tokenizer.json'), text);
    return dir;
  }
  test.each([
    [
      'a folder without tokenizer.json',
      () => mkdtemp(join(tmpdir(), 'emotune-tokenizer-')),
      /tokenizer\.json: no such file; a model that has only/,
    ],
    [
      'broken JSON',
      () => holding('{'),
      /tokenizer\.json: not a tokenizer that can be read: .*JSON.*; download it again/,
    ],
    ['other JSON', () => holding('null'), 'it has no model with a vocabulary'],
    [
      'a model that is not known',
      () => holding('{"version":"1.0","model":{"type":"X","vocab":{}}}'),
      'not a tokenizer that can be read',
    ],
  ])('%s', async (_, make, message) => {
    await expect(loadTokenizer(await make())).rejects.toThrow(message);
  });
});
