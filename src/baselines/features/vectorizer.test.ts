import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { DataError } from '../../core/errors.ts';
import type { SparseMatrix } from '../sparse.ts';
import { byCodePoint, termsOf } from './terms.ts';
import { fitVectorizer, type VectorizerSettings, vectorizer } from './vectorizer.ts';

interface Rows {
  readonly shape: readonly [number, number];
  readonly starts: number[];
  readonly indices: number[];
  readonly values: number[];
}
interface Case {
  readonly name: string;
  readonly settings: VectorizerSettings;
  readonly fitted: string[];
  readonly transformed: string[];
  readonly terms: string[];
  readonly fit: Rows;
  readonly transform: Rows;
}

const { features: cases }: { readonly features: Case[] } = JSON.parse(
  readFileSync(new URL('../../../test/fixtures/baselines.json', import.meta.url), 'utf8'),
);

function agree(got: SparseMatrix, wanted: Rows): void {
  expect([got.rows, got.columns]).toEqual(wanted.shape);
  expect([...got.starts]).toEqual(wanted.starts);
  expect([...got.indices]).toEqual(wanted.indices);
  const worst = Math.max(0, ...wanted.values.map((value, at) => Math.abs(value - got.values[at]!)));
  expect(worst, 're-run test/fixtures/make_baseline_fixtures.py?').toBeLessThan(1e-14);
}

const words: VectorizerSettings = {
  analyzer: 'word',
  ngrams: [1, 1],
  minDf: 1,
  weighting: 'tfidf',
  sublinearTf: false,
};

test.each(cases)("equals scikit-learn's features: $name", async ({ settings, fitted, transformed, terms, ...rows }) => {
  const { vocabulary, matrix } = await fitVectorizer(fitted, settings);
  expect(vocabulary.terms).toEqual(terms);
  agree(matrix, rows.fit);
  agree(vectorizer(vocabulary, settings)(transformed), rows.transform);
});

describe('terms', () => {
  test.each([
    ['letters, digits and _ of any script', 'Ça_va, x1 سعيد ②③', ['ça_va', 'x1', 'سعيد', '②③']],
    ['marks end a word, as in Python', 'cafe\u0301s au', ['cafe', 'au']],
    ['single letters are none', 'I a b', []],
    ['a letter above U+FFFF is one letter', '𝒜 𝒜𝒷', ['𝒜𝒷']],
  ])('%s', (_, text, terms) => expect(termsOf(text, words)).toEqual(terms));

  test('are sorted by code points, not by UTF-16 units', () =>
    expect(['\u{1d49c}', '\uff41', 'a', 'ab', ''].sort(byCodePoint)).toEqual(['', 'a', 'ab', '\uff41', '\u{1d49c}']));
});

test('texts are fitted as they come', async () => {
  async function* texts() {
    yield 'one two';
    yield 'two';
  }
  const { vocabulary } = await fitVectorizer(texts(), words);
  expect(vocabulary).toEqual({ terms: ['one', 'two'], documents: 2, documentFrequencies: Uint32Array.of(1, 2) });
});

test('of equally frequent terms the first ones stay', async () =>
  expect((await fitVectorizer(['bb aa cc', 'cc'], { ...words, maxFeatures: 2 })).vocabulary.terms).toEqual([
    'aa',
    'cc',
  ]));

test.each([
  ['no words', ['a', '! ?'], {}, 'none of the 2 training texts has a word of two letters or more'],
  ['no text', [], { analyzer: 'char_wb' }, 'none of the 0 training texts has a character besides white space'],
  ['only rare words', ['one', 'two'], { minDf: 2 }, 'none of 2 terms is in 2 of the 2 training texts: lower minDf'],
] as const)('refuses %s', async (_, texts, settings, message) => {
  const fit = fitVectorizer(texts, { ...words, ...settings });
  await expect(fit).rejects.toThrow(DataError);
  await expect(fit).rejects.toThrow(message);
});
