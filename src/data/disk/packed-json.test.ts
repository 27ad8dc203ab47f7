import fc from 'fast-check';
import { expect, it } from 'vitest';
import { packJson, unpackJson } from './packed-json.ts';

it('packed JSON gives back any JSON value, through UTF-8 too', () => {
  fc.assert(
    fc.property(fc.jsonValue({ stringUnit: 'binary' }), (value) => {
      const expected = JSON.parse(JSON.stringify(value));
      expect(unpackJson(Buffer.from(packJson(value)).toString('utf8'))).toEqual(expected);
    }),
  );
});

it('packed JSON keeps a key that assigning would lose', () => {
  const value = JSON.parse('{"__proto__":{"a":1},"b":"c"}');
  expect(JSON.stringify(unpackJson(packJson(value)))).toBe(JSON.stringify(value));
});

it('packed JSON has no string in the part that is parsed, except one with a lone surrogate', () => {
  const value = { id: '7', labels: [3, 'x'], half: 'a\ud83d', none: undefined, weight: 0.5, yes: true };
  expect(packJson(value)).toBe('{"id":1,"labels":[[[3],1]],"half":"a\\ud83d","weight":[0.5],"yes":true}\n7x');
  expect(unpackJson(packJson(value))).toEqual({ id: '7', labels: [3, 'x'], half: 'a\ud83d', weight: 0.5, yes: true });
});
