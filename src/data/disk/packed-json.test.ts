import fc from 'fast-check';
import { expect, it } from 'vitest';
import { isNestedDeeper, packJson, unpackJson } from './packed-json.ts';

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

it('packed JSON has null for what is no number in JSON', () => {
  const value = JSON.parse('{"score":1e999,"list":[-1e999,-0,5e-324]}');
  expect(unpackJson(packJson(value))).toEqual({ score: null, list: [null, 0, 5e-324] });
});

it('how deeply a value is nested is seen without going to its end', () => {
  expect([1, [1], [[1]], { a: { b: 1 } }, [null, [[]]]].map((value) => isNestedDeeper(value, 1))).toEqual([
    false,
    false,
    true,
    true,
    true,
  ]);
  expect(isNestedDeeper(JSON.parse('['.repeat(20_000) + ']'.repeat(20_000)), 100)).toBe(true);
});
