import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { audit, removeDuplicates, removeLeaks } from './audit.ts';
import { example, texts } from './testing/examples.ts';

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
  it('counts repeats within a split', () => {
    expect(audit(splits).duplicates).toEqual({ train: 1, validation: 0, test: 1 });
    expect(audit(splits).nearDuplicates).toEqual({ train: 2, validation: 0, test: 1 });
  });

  it('finds texts in two splits', () =>
    expect(audit({ ...splits, test: [...splits.test, example('So good', joy)] }).leaks).toEqual([
      { from: 'validation', into: 'train', exact: 0, normalised: 1 },
      { from: 'test', into: 'train', exact: 1, normalised: 1 },
      { from: 'test', into: 'validation', exact: 0, normalised: 1 },
    ]));

  it('finds equal texts with different labels, in all splits together', () =>
    expect(audit(splits).conflicts).toEqual({
      texts: 2,
      examples: 7,
      first: [
        ['a', 'b', 'c'],
        ['f', 'h', 'i'],
      ],
    }));

  it('finds nothing in distinct texts', () => {
    const { conflicts, leaks } = audit({ train: [example('a', joy)], test: [example('b', fear)] });
    expect([conflicts.texts, leaks]).toEqual([0, []]);
  });
});

it('removeDuplicates keeps the first of equal texts with the same labels, and all with other labels', () =>
  expect(ids(removeDuplicates(splits.train))).toBe('acd'));

describe('removeLeaks', () => {
  it('takes out of a split what is in a later one', () => {
    const kept = removeLeaks(splits);
    expect([ids(kept.train), ids(kept.validation), ids(kept.test)]).toEqual(['', 'e', 'ghi']);
  });

  it('leaves no leak, and test as it is', () => {
    const list = fc.array(texts.map((text) => example(text, joy)));
    fc.assert(
      fc.property(list, list, list, (train, validation, test) => {
        const kept = removeLeaks({ train, validation, test });
        expect(audit(kept).leaks).toEqual([]);
        expect(kept.test).toEqual(test);
      }),
    );
  });

  it('does not make up splits', () => expect(removeLeaks({ train: splits.train })).toEqual({ train: splits.train }));
});
