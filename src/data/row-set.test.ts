import fc from 'fast-check';
import { expect, it } from 'vitest';
import { RowSet } from './row-set.ts';

it('a row set holds the rows in a state, and finds each by its place', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 5000 }), fc.integer({ min: 1, max: 3000 }), (count, sparseness) => {
      const states = Uint8Array.from({ length: count }, (_, row) => ((row * 7919) % sparseness === 0 ? 1 : 0));
      const expected = [...states.keys()].filter((row) => states[row] === 1);
      const rows = new RowSet(states, (state) => state === 1);
      expect(rows.length).toBe(expected.length);
      expect(expected.map((_, place) => rows.at(place))).toEqual(expected);
      expect([...states.keys()].filter((row) => rows.has(row))).toEqual(expected);
      expect(() => rows.at(rows.length)).toThrow(`internal: place ${rows.length} of ${rows.length} rows`);
    }),
    { numRuns: 50 },
  );
});
