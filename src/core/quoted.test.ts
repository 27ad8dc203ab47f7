import { expect, test } from 'vitest';
import { cut, quoted } from './quoted.ts';

test.each([
  ['joy', '"joy"'],
  ['a "b"\n', '"a \\"b\\"\\n"'],
  [3, '3'],
  [null, 'null'],
  [undefined, 'undefined'],
  [['a', 1], '["a",1]'],
])('%j is quoted as %s', (value, expected) => expect(quoted(value)).toBe(expected));

test('what is longer than 80 characters is cut', () => {
  expect(quoted('x'.repeat(80))).toBe(`"${'x'.repeat(80)}"`);
  expect(quoted('x'.repeat(3_000_000))).toBe(`"${'x'.repeat(80)}…"`);
  expect(quoted(['x'.repeat(3_000_000)])).toBe(`["${'x'.repeat(78)}…`);
});

test('no character is cut in half', () => {
  expect(cut('😀'.repeat(80))).toBe('😀'.repeat(80));
  expect(cut(`a${'😀'.repeat(80)}`)).toBe(`a${'😀'.repeat(79)}…`);
  expect(cut(`${'x'.repeat(79)}😀😀`)).toBe(`${'x'.repeat(79)}😀…`);
});

test('what is nested too deeply to be written is quoted by its start', () => {
  const nested = JSON.parse('['.repeat(20_000) + ']'.repeat(20_000));
  expect(quoted(nested)).toBe('[[…');
  expect(quoted({ nested })).toBe('{…');
});
