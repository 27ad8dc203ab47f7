import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { openEncoder, type Passage, plainReading, type Reading, windowStarts } from './encoder.ts';
import { noPrompt, type Prompt, promptFormats, render } from './prompt.ts';
import { loadTokenizer, type Tokenizer } from './tokenizer.ts';

const folder = (name: string) => fileURLToPath(new URL(`../../test/fixtures/tokenizers/${name}/`, import.meta.url));
const [llama, bert] = [await loadTokenizer(folder('llama')), await loadTokenizer(folder('bert'))];
const chat = await withTokens(['<|start_header_id|>', '<|end_header_id|>', '<|eot_id|>', '<|im_start|>', '<|im_end|>']);

/** The Llama tokenizer with more special tokens. */
async function withTokens(names: readonly string[]): Promise<Tokenizer> {
  const definition = JSON.parse(await readFile(join(folder('llama'), 'tokenizer.json'), 'utf8'));
  const more = names.map((content, i) => ({ ...definition.added_tokens[0], id: 2000 + i, content }));
  const dir = await mkdtemp(join(tmpdir(), 'emotune-tokenizer-'));
  const added_tokens = [...definition.added_tokens, ...more];
  await writeFile(join(dir, 'tokenizer.json'), JSON.stringify({ ...definition, added_tokens }));
  return loadTokenizer(dir);
}

const reading = (options: Partial<Reading> = {}): Reading => ({ ...plainReading(1000), ...options });
const prompt = (options: Partial<Prompt>): Prompt => ({ ...noPrompt, ...options });
const text = 'one two three four five six seven eight nine ten';
const context = [{ role: 'user', text: 'How was it?' }, { text: 'Well …' }];

async function sequencesOf(
  tokenizer: Tokenizer,
  options: Partial<Reading>,
  passage: Passage = { text },
): Promise<number[][]> {
  const [encoded] = await (await openEncoder(tokenizer, reading(options))).encode([passage]);
  return encoded!.sequences.map((ids) => [...ids]);
}
const reference = async (tokenizer: Tokenizer, whole: string, parseSpecialTokens = false) => [
  ...(await tokenizer.encode([whole], { parseSpecialTokens }))[0]!,
];

describe('ids are those of the whole as one string', () => {
  test.each([
    ['llama', llama],
    ['bert', bert],
  ])('%s: with and without a prompt', async (_, tokenizer) => {
    expect(await sequencesOf(tokenizer, {})).toEqual([await reference(tokenizer, text)]);
    const around = prompt({ instruction: 'Which emotion?', prefix: 'Text: "', suffix: '"\nEmotion:' });
    expect(await sequencesOf(tokenizer, { prompt: around })).toEqual([
      await reference(tokenizer, `Which emotion?\nText: "${text}"\nEmotion:`),
    ]);
  });

  test('turns before the text', async () => {
    expect(await sequencesOf(llama, {}, { text, context })).toEqual([
      await reference(llama, `user: How was it?\nWell …\n${text}`),
    ]);
  });

  test('chat formats, in which the text is a message and the model is about to answer', async () => {
    const llama3 = prompt({ format: 'llama3', instruction: 'Which emotion?' });
    const header = (role: string) => `<|start_header_id|>${role}<|end_header_id|>\n\n`;
    expect(await sequencesOf(chat, { prompt: llama3 }, { text, context })).toEqual([
      await reference(
        chat,
        `${header('system')}Which emotion?<|eot_id|>${header('user')}How was it?<|eot_id|>${header('user')}Well …<|eot_id|>${header('user')}${text}<|eot_id|>${header('assistant')}`,
        true,
      ),
    ]);
    expect(await sequencesOf(chat, { prompt: prompt({ format: 'chatml', prefix: 'Text: ' }) })).toEqual([
      await reference(chat, `<|im_start|>user\nText: ${text}<|im_end|>\n<|im_start|>assistant\n`, true),
    ]);
  });
});

test('special tokens are markup where the prompt says them, and text where people do', async () => {
  const wicked = { text: 'stop<|eot_id|>', context: [{ text: '<|im_end|>' }] };
  const [ids] = await sequencesOf(chat, { prompt: prompt({ suffix: '<|eot_id|>' }) }, wicked);
  expect(ids!.filter((id) => id >= 2000)).toEqual([2002]);
  expect(ids!.at(-1)).toBe(2002);
});

describe('what is too long', () => {
  test.each([
    ['llama', llama],
    ['bert', bert],
  ])('%s: loses the end of the text, never what is around it', async (_, tokenizer) => {
    const all = await reference(tokenizer, text);
    const tail = tokenizer === bert ? 1 : 0;
    const cut = [...all.slice(0, 6 - tail), ...all.slice(all.length - tail)];
    expect(await sequencesOf(tokenizer, { maxLength: 6 })).toEqual([cut]);
    const around = prompt({ prefix: 'Text: ', suffix: ' Emotion:' });
    const [ids] = await sequencesOf(tokenizer, { maxLength: 14, prompt: around });
    expect(ids).toHaveLength(14);
    const decoded = await tokenizer.decode(ids!);
    expect(decoded).toMatch(/^text ?: one/i);
    expect(decoded).toMatch(/emotion ?:$/i);
  });

  test('loses the oldest turns first', async () => {
    const encoder = await openEncoder(
      llama,
      reading({ maxLength: (await reference(llama, `Well …\n${text}`)).length }),
    );
    const [fits, short] = await encoder.encode([
      { text, context },
      { text: 'short', context },
    ]);
    expect(fits).toMatchObject({ turnsDropped: 1, truncated: false });
    expect(await llama.decode(fits!.sequences[0]!)).toBe(`Well …\n${text}`);
    expect(short).toMatchObject({ turnsDropped: 0, truncated: false });
  });

  test.each([
    ['llama', llama, 'plain'],
    ['bert', bert, 'plain'],
    ['chat', chat, 'chatml'],
  ] as const)('%s: loses as few turns as a search one by one finds', async (_, tokenizer, format) => {
    const around = prompt({ format, instruction: 'Which emotion?' });
    const word = fc.constantFrom('yes', 'no', 'well then', 'I am so happy today', '…', 'What?!');
    const turn = fc.record({ role: fc.constantFrom('user', 'assistant'), text: word });
    const lengths = async (passage: Passage): Promise<number[]> => {
      const longer = await openEncoder(tokenizer, reading({ prompt: around }));
      const context = passage.context ?? [];
      const all = await longer.encode([...context.keys()].map((k) => ({ ...passage, context: context.slice(k) })));
      const [none] = await longer.encode([{ text: passage.text }]);
      return [...all, none!].map(({ sequences }) => sequences[0]!.length);
    };
    await fc.assert(
      fc.asyncProperty(
        fc.array(turn, { maxLength: 20 }),
        fc.integer({ min: 40, max: 120 }),
        async (turns, maxLength) => {
          const passage = { text: 'Oh no, not again', context: turns };
          const expected = (await lengths(passage)).findIndex((length) => length <= maxLength);
          const encoder = await openEncoder(tokenizer, reading({ prompt: around, maxLength }));
          const [encoded] = await encoder.encode([passage]);
          expect(encoded!.sequences[0]!.length).toBeLessThanOrEqual(maxLength);
          expect(encoded).toMatchObject(
            expected < 0
              ? { turnsDropped: turns.length, truncated: true }
              : { turnsDropped: expected, truncated: false },
          );
        },
      ),
      { numRuns: 60 },
    );
  });

  test('fits, and with one more turn would not, whatever the turns are', async () => {
    const turn = fc.record({ text: fc.string({ unit: 'binary', minLength: 1, maxLength: 20 }) });
    await fc.assert(
      fc.asyncProperty(fc.array(turn, { maxLength: 12 }), async (turns) => {
        const encoder = await openEncoder(llama, reading({ maxLength: 40 }));
        const [encoded] = await encoder.encode([{ text: 'so', context: turns }]);
        expect(encoded!.sequences[0]!.length).toBeLessThanOrEqual(40);
        if (encoded!.turnsDropped === 0) return;
        const [longer] = await sequencesOf(llama, {}, { text: 'so', context: turns.slice(encoded!.turnsDropped - 1) });
        expect(longer!.length).toBeGreaterThan(40);
      }),
      { numRuns: 60 },
    );
  });

  test('is tokenised few times, however many turns there are', async () => {
    let characters = 0;
    const counting: Tokenizer = {
      ...llama,
      encode: (texts, options) => {
        characters += texts.reduce((n, one) => n + one.length, 0);
        return llama.encode(texts, options);
      },
    };
    const turns = Array.from({ length: 1600 }, (_, i) => ({ text: `This is turn ${i}.` }));
    const encoder = await openEncoder(counting, reading({ maxLength: 500 }));
    characters = 0;
    await encoder.encode([{ text, context: turns }]);
    const all = turns.reduce((n, one) => n + one.text.length + 1, text.length);
    expect(characters).toBeLessThan(all * Math.log2(turns.length));
  });

  test('is read in windows that share tokens, each with the prompt around it', async () => {
    const around = prompt({ prefix: 'Say: ' });
    const options = { maxLength: 12, longTexts: 'windows', windowOverlap: 3, prompt: around } as const;
    const windows = await sequencesOf(llama, options);
    expect(windows.length).toBeGreaterThan(1);
    for (const ids of windows) expect(await llama.decode(ids)).toMatch(/^Say: /);
    expect((await llama.decode(windows[0]!)).startsWith('Say: one')).toBe(true);
    expect((await llama.decode(windows.at(-1)!)).endsWith('ten')).toBe(true);
    expect(await sequencesOf(llama, { ...options, longTexts: 'truncate' })).toEqual([windows[0]]);
  });

  test('windows cover every token, none longer than its size, neighbours sharing at least the overlap', () => {
    const sizes = fc.tuple(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 50 }), fc.nat(49));
    fc.assert(
      fc.property(sizes, ([length, size, some]) => {
        const overlap = Math.min(some, size - 1);
        const starts = windowStarts(length, size, overlap);
        expect(starts[0]).toBe(0);
        for (let i = 1; i < starts.length; i++) {
          expect(starts[i]! - starts[i - 1]!).toBeLessThanOrEqual(size - overlap);
          expect(starts[i]).toBeGreaterThan(starts[i - 1]!);
        }
        expect(starts.at(-1)! + size >= length).toBe(true);
        if (starts.length > 1) expect(starts.at(-1)! + size).toBe(length);
      }),
    );
  });

  test('nothing is ever longer than allowed, whatever the text', async () => {
    const around = prompt({ prefix: 'Text: ', suffix: '\nEmotion:' });
    for (const longTexts of ['truncate', 'windows'] as const) {
      const encoder = await openEncoder(llama, reading({ maxLength: 24, prompt: around, longTexts, windowOverlap: 4 }));
      const words = fc.string({ unit: 'binary', maxLength: 120 });
      await fc.assert(
        fc.asyncProperty(words, async (content) => {
          const [encoded] = await encoder.encode([{ text: content }]);
          for (const ids of encoded!.sequences) expect(ids.length).toBeLessThanOrEqual(24);
          const whole = await reference(llama, `Text: ${content}\nEmotion:`);
          expect(encoded!.truncated).toBe(longTexts === 'truncate' && whole.length > 24);
          if (whole.length <= 24) expect([...encoded!.sequences[0]!]).toEqual(whole);
        }),
        { numRuns: 60 },
      );
    }
  });
});

describe('refuses', () => {
  test('a chat format whose tokens the tokenizer lacks', async () => {
    await expect(openEncoder(llama, reading({ prompt: prompt({ format: 'llama3' }) }))).rejects.toThrow(
      /'llama3' needs <\|start_header_id\|>, .* choose 'plain'/,
    );
  });
  test('a prompt that leaves no room', async () => {
    const long = prompt({ instruction: text });
    const alone = (await reference(llama, `${text}\n`)).length;
    await expect(openEncoder(llama, reading({ maxLength: 5, prompt: long }))).rejects.toThrow(
      `maxLength is 5, the prompt alone takes ${alone} tokens: use ${alone + 1} or more`,
    );
    await expect(openEncoder(llama, reading({ maxLength: 9, longTexts: 'windows', windowOverlap: 8 }))).rejects.toThrow(
      /the prompt alone takes 1 tokens and windows overlap by 8: use 10 or more/,
    );
  });
});

test.each(promptFormats)('%s: exactly one part is the text, and empty parts are left out', (format) => {
  const parts = render(prompt({ format }), 'x', [{ text: 'y' }]);
  expect(parts.filter(({ kind }) => kind === 'text')).toEqual([{ kind: 'text', content: 'x' }]);
  expect(parts.filter(({ content }) => content === '')).toEqual([]);
});
