import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type { Example } from './example.ts';
import { example, texts } from './testing/examples.ts';
import { auditOf } from './testing/store.ts';

const joy = [1, 0];
const fear = [0, 1];
const splits = {
  train: [
    example('So good', joy, 'a'),
    example('so  GOOD', joy, 'b'),
    example('So good', fear, 'c'),
    example('ok', joy, 'd'),
  ],
  validation: [example('Ok', joy, 'e'), example('new', joy, 'f')],
  test: [example('so good', joy, 'g'), example('New', fear, 'h'), example('New', fear, 'i')],
};
const ids = (examples: readonly { readonly id: string }[] | undefined): string | undefined =>
  examples?.map(({ id }) => id).join('');

describe('audit', () => {
  it('counts repeats within a split', async () => {
    const found = await auditOf(splits);
    expect(found.duplicates).toEqual({ train: 1, validation: 0, test: 1 });
    expect(found.nearDuplicates).toEqual({ train: 2, validation: 0, test: 1 });
  });

  it('finds texts in two splits', async () =>
    expect((await auditOf({ ...splits, test: [...splits.test, example('So good', joy)] })).leaks).toEqual([
      { from: 'validation', into: 'train', exact: 0, normalised: 1 },
      { from: 'test', into: 'train', exact: 1, normalised: 1 },
      { from: 'test', into: 'validation', exact: 0, normalised: 1 },
    ]));

  it('finds equal texts with different labels, in all splits together', async () =>
    expect((await auditOf(splits)).conflicts).toEqual({
      texts: 2,
      examples: 7,
      first: [
        ['a', 'b', 'c'],
        ['f', 'h', 'i'],
      ],
    }));

  it('finds nothing in distinct texts', async () => {
    const { conflicts, leaks } = await auditOf({ train: [example('a', joy)], test: [example('b', fear)] });
    expect([conflicts.texts, leaks]).toEqual([0, []]);
  });
});

describe('what is removed', () => {
  it('are repeats of a train text with the same labels, not those with others', async () => {
    const { kept, removed } = await auditOf({ train: splits.train });
    expect(ids(kept.train)).toBe('acd');
    expect(removed.duplicates).toBe(1);
  });

  it('are texts of a later split', async () => {
    const { kept, removed } = await auditOf(splits);
    expect([ids(kept.train), ids(kept.validation), ids(kept.test)]).toEqual(['', 'e', 'ghi']);
    expect(removed.leaks).toEqual({ train: 4, validation: 1, test: 0 });
  });

  it('leaves no leak, and test as it is', async () => {
    const list = fc.array(texts.map((text) => example(text, joy)));
    await fc.assert(
      fc.asyncProperty(list, list, list, async (train, validation, test) => {
        const { kept } = await auditOf({ train, validation, test });
        expect((await auditOf(kept)).leaks).toEqual([]);
        expect(kept.test).toEqual(test);
      }),
      { numRuns: 30 },
    );
  });

  it('are groups of a later split', async () => {
    const of = (id: string, group?: string): Example => ({ ...example(id, joy), ...(group ? { group } : {}) });
    const { kept, removed } = await auditOf({
      train: [of('a', 'ann'), of('b', 'bob'), of('c')],
      validation: [of('d', 'bob'), of('e', 'cyd')],
      test: [of('f', 'cyd'), of('g', 'ann')],
    });
    expect([ids(kept.train), ids(kept.validation), ids(kept.test)]).toEqual(['c', 'd', 'fg']);
    expect(removed.groups).toEqual({ train: 2, validation: 1, test: 0 });
  });

  it('are no texts of rows that are themselves removed with their group', async () => {
    const { kept, removed, leaks } = await auditOf({
      train: [example('Said once', joy, 'a')],
      validation: [{ ...example('said once', joy, 'b'), group: 'ann' }, example('other', joy, 'c')],
      test: [{ ...example('new', joy, 'd'), group: 'ann' }],
    });
    expect([ids(kept.train), ids(kept.validation), ids(kept.test)]).toEqual(['a', 'c', 'd']);
    expect(removed.leaks).toEqual({ train: 0, validation: 0, test: 0 });
    expect(leaks).toEqual([{ from: 'validation', into: 'train', exact: 0, normalised: 1 }]); // as it was found
  });

  it('are no texts that were said in another context', async () => {
    const reply = (id: string, before: string): Example => ({ ...example('ok', joy, id), context: [{ text: before }] });
    const { kept, nearDuplicates } = await auditOf({
      train: [reply('a', 'Coming?'), reply('b', 'Sorry.'), reply('c', 'coming?')],
    });
    expect(ids(kept.train)).toBe('ab');
    expect(nearDuplicates.train).toBe(1);
  });

  it('are no texts that answer someone else', async () => {
    const reply = (id: string, role?: string): Example => ({
      ...example('ok', joy, id),
      context: [{ ...(role === undefined ? {} : { role }), text: 'Coming?' }],
    });
    const { kept, duplicates, nearDuplicates } = await auditOf({
      train: [reply('a', 'Ann'), reply('b', 'bob'), reply('c'), reply('d', 'ann'), reply('e', 'bob')],
    });
    expect(ids(kept.train)).toBe('abc');
    expect([duplicates.train, nearDuplicates.train]).toEqual([1, 2]);
  });
});
