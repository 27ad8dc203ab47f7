import { expect, test } from 'vitest';
import { packTokens, sharedTokens } from './packing.ts';

const texts = [
  [7, 8, 1, 2],
  [7, 8, 3],
  [7, 8, 1, 5, 6],
];
const values = ({ ids, feeds }: ReturnType<typeof packTokens>) => ({
  ids: [...ids],
  ...Object.fromEntries(Object.entries(feeds).map(([name, { data }]) => [name, [...data]])),
});

test('examples lie one after the other, and empty slots point past them', () =>
  expect(values(packTokens(texts))).toEqual({
    ids: texts.flat(),
    positions: [0, 1, 2, 3, 0, 1, 2, 0, 1, 2, 3, 4],
    slots: [...[0, 1, 2, 3, 12], ...[4, 5, 6, 12, 12], ...[7, 8, 9, 10, 11]],
    places: [0, 1, 2, 3, 5, 6, 7, 10, 11, 12, 13, 14],
    last: [3, 6, 11],
  }));

test('what all begin with lies there once, and every example points to it', () =>
  expect(values(packTokens(texts, 2))).toEqual({
    ids: [7, 8, 1, 2, 3, 1, 5, 6],
    positions: [0, 1, 2, 3, 2, 2, 3, 4],
    slots: [...[0, 1, 2, 3, 8], ...[0, 1, 4, 8, 8], ...[0, 1, 5, 6, 7]],
    places: [0, 1, 2, 3, 7, 12, 13, 14],
    last: [3, 4, 7],
  }));

test.each([
  [2, texts],
  [0, [[1, 2], [3]]],
  [0, [[1], [1, 2]]],
  [
    1,
    [
      [1, 2],
      [1, 2],
    ],
  ],
  [0, [[1, 2, 3]]],
  [0, []],
])('%i tokens can be shared, and never the last of an example', (count, examples) =>
  expect(sharedTokens(examples)).toBe(count),
);
