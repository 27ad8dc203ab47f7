import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { cleanText } from './clean.ts';

describe('cleanText', () => {
  it.each([
    ['line ends', 'a\r\nb\rc', 'a\nb\nc', ['lineEndings']],
    ['Windows-1252 read as Latin-1', 'I\u0092m \u0085', 'I’m …', ['misreadCharacters']],
    ['control characters', 'a\0b\u0007\u007f', 'ab', ['controlCharacters']],
    ['lone surrogates', 'a\ud83d b\ude00', 'a\ufffd b\ufffd', ['loneSurrogates']],
    ['outer white space', ' \n a b\u00a0', 'a b', ['outerWhiteSpace']],
  ])('changes %s', (_, before, after, changed) => expect(cleanText(before)).toEqual({ text: after, changed }));

  it.each(['Case KEPT', 'two  spaces\tand\nlines', '😀 #tag @user [NAME] &amp;', 'e\u0301', 'c1 \u0081'])(
    'leaves %j alone',
    (text) => expect(cleanText(text)).toEqual({ text, changed: [] }),
  );

  it('changes nothing the second time', () =>
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('a', ' ', '\r', '\n', '\0', '\ud83d', '\ude00', '\u0085', '\u0081') }),
        (text) => {
          expect(cleanText(cleanText(text).text).changed).toEqual([]);
        },
      ),
    ));
});
