import { createHash } from 'node:crypto';
import { expect, it, onTestFinished } from 'vitest';
import { openWorkFolder } from '../data/disk/work-folder.ts';
import { type Example, examplesOf } from '../data/example.ts';
import type { Encoder } from '../text/encoder.ts';
import { encodeExamples } from './encoded-examples.ts';

/** A token for each character; what is longer than five is read in two windows, or cut if it ends in an x. */
const encoder: Pick<Encoder, 'encode'> = {
  encode: async (passages) =>
    passages.map(({ text }) => {
      const ids = Int32Array.from(text, (character) => character.codePointAt(0)!);
      const long = ids.length > 5;
      const truncated = long && text.endsWith('x');
      return { sequences: long && !truncated ? [ids.slice(0, 5), ids.slice(-5)] : [ids], truncated, turnsDropped: 0 };
    }),
};

async function encode(list: readonly Example[], places?: Uint32Array) {
  const work = await openWorkFolder();
  onTestFinished(() => work.close());
  const hash = createHash('sha256');
  const encoded = await encodeExamples(examplesOf(list), { encoder, work, name: 'split', hash, places });
  return { encoded, fingerprint: hash.digest('hex') };
}

const list: Example[] = Array.from({ length: 200 }, (_, i) => ({
  id: `é ${i}`,
  text: 'abcdefghx'.slice(0, 1 + (i % 9)),
  target: [i / 3, -i],
  ...(i % 2 ? { weight: 0.1 * i } : {}),
}));

it('gives back ids, sequences, targets and weights by number', async () => {
  const { encoded } = await encode(list);
  expect(encoded.length).toBe(200);
  expect(encoded.truncated).toBe(list.filter(({ text }) => text.endsWith('x')).length);
  const [first, last] = encoded.read([6, 199]);
  expect(first).toEqual({
    id: 'é 6',
    sequences: [Int32Array.from(Buffer.from('abcde')), Int32Array.from(Buffer.from('cdefg'))],
    target: [2, -6],
    weight: 1,
  });
  expect(last).toMatchObject({ id: 'é 199', target: [199 / 3, -199], weight: 0.1 * 199 });
});

it('encodes chosen places only, in their order', async () => {
  const { encoded } = await encode(list, Uint32Array.of(150, 3, 77));
  expect(encoded.read([0, 1, 2]).map(({ id }) => id)).toEqual(['é 150', 'é 3', 'é 77']);
});

it.each([
  ['a text', { text: 'abd' }],
  ['a target', { target: [1, 2] }],
  ['a weight', { weight: 2 }],
  ['an id', { id: 'other' }],
])('has another fingerprint if %s changes', async (_, change) => {
  const changed = list.map((example, i) => (i === 2 ? { ...example, ...change } : example));
  expect((await encode(changed)).fingerprint).not.toBe((await encode(list)).fingerprint);
  expect((await encode([...list])).fingerprint).toBe((await encode(list)).fingerprint);
});
