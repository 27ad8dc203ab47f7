import fc from 'fast-check';
import { expect, it } from 'vitest';

import { texts } from './testing/examples.ts';
import { textKey } from './text-key.ts';

it.each([
  ['Hello  World', ' hello\nworld '],
  ['ﬁne', 'FINE'],
  ['ｆｕｌｌ', 'full'],
  ['e\u0301', 'É'],
])('is the same for %j and %j', (a, b) => expect(textKey(a)).toBe(textKey(b)));

it.each([
  ['so good', 'so good!'],
  ['resume', 'résumé'],
  ['😀', '😁'],
])('differs for %j and %j', (a, b) => expect(textKey(a)).not.toBe(textKey(b)));

it('is its own key', () =>
  fc.assert(
    fc.property(texts, (text) => {
      expect(textKey(textKey(text))).toBe(textKey(text));
    }),
    { numRuns: 1000 },
  ));
