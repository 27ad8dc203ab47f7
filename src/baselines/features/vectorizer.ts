import { DataError } from '../../core/errors.ts';
import { type SparseMatrix, transpose } from '../sparse.ts';
import { TermCounter } from './counter.ts';
import { byCodePoint, type TermRule } from './terms.ts';

/** How texts become rows of numbers. */
export interface VectorizerSettings extends TermRule {
  /** Terms in fewer texts than this are left out. */
  readonly minDf: number;
  /** Only the terms that occur most often; of equals the first in the vocabulary. */
  readonly maxFeatures?: number | undefined;
  /** Counts as they are, or weighted by rarity and scaled to length 1. */
  readonly weighting: 'count' | 'tfidf';
  /** 1 + ln(count) in place of the count; with `tfidf` only. */
  readonly sublinearTf: boolean;
}

/** What was learnt of the texts of training. */
export interface Vocabulary {
  /** The terms of the columns, in the order of their code points. */
  readonly terms: readonly string[];
  /** How many texts there were, and how many of them have each term. */
  readonly documents: number;
  readonly documentFrequencies: Uint32Array<ArrayBuffer>;
}

/**
 * Learns the terms of texts; what scikit-learn's CountVectorizer and TfidfVectorizer make of them.
 *
 * @returns the vocabulary, and the rows of the texts: [texts, terms]
 * @throws DataError if no term is left.
 * @see vectorizer.test.ts, which compares with scikit-learn's matrices.
 */
export async function fitVectorizer(
  texts: Iterable<string> | AsyncIterable<string>,
  settings: VectorizerSettings,
): Promise<{ readonly vocabulary: Vocabulary; readonly matrix: SparseMatrix }> {
  const counter = new TermCounter(settings);
  for await (const text of texts) counter.add(text);
  const counts = counter.counts();
  const terms = [...counter.columns.keys()];
  const byTerm = transpose(counts);
  const kept = keptColumns(byTerm, terms, settings);
  if (kept.length === 0) throw new DataError(nothingLeft(counts, settings));
  const frequencies = kept.map((column) => byTerm.starts[column + 1]! - byTerm.starts[column]!);
  const vocabulary = {
    terms: kept.map((column) => terms[column]!),
    documents: counts.rows,
    documentFrequencies: Uint32Array.from(frequencies),
  };
  return { vocabulary, matrix: weighted(transpose(chosenRows(byTerm, kept)), vocabulary, settings) };
}

/**
 * A function that makes rows of other texts, by the terms that are known: [texts, terms].
 *
 *     tfidf: x_t = tf_t · idf_t, then x / ‖x‖₂     idf_t = ln((1 + n) / (1 + df_t)) + 1     tf_t = count, or 1 + ln(count)
 */
export function vectorizer(
  vocabulary: Vocabulary,
  settings: VectorizerSettings,
): (texts: readonly string[]) => SparseMatrix {
  const columns = new Map(vocabulary.terms.map((term, column) => [term, column]));
  return (texts) => {
    const counter = new TermCounter(settings, columns);
    for (const text of texts) counter.add(text);
    return weighted(transpose(transpose(counter.counts())), vocabulary, settings);
  };
}

function nothingLeft({ rows, columns }: SparseMatrix, { analyzer, minDf }: VectorizerSettings): string {
  if (columns > 0)
    return `none of ${columns} terms is in ${minDf} of the ${rows} training texts: lower minDf, or train on more texts`;
  const what = analyzer === 'word' ? 'a word of two letters or more' : 'a character besides white space';
  return `none of the ${rows} training texts has ${what}: there is nothing to learn from; look at the text column`;
}

/** The columns that the settings keep, in the vocabulary's order. */
function keptColumns(
  byTerm: SparseMatrix,
  terms: readonly string[],
  { minDf, maxFeatures = Number.POSITIVE_INFINITY }: VectorizerSettings,
): number[] {
  const { starts, values } = byTerm;
  const frequent = terms
    .map((_, column) => column)
    .filter((column) => starts[column + 1]! - starts[column]! >= minDf)
    .sort((a, b) => byCodePoint(terms[a]!, terms[b]!));
  if (frequent.length <= maxFeatures) return frequent;
  const total = (column: number) => values.subarray(starts[column]!, starts[column + 1]!).reduce((a, b) => a + b, 0);
  const totals = new Map(frequent.map((column) => [column, total(column)]));
  const most = [...frequent].sort((a, b) => totals.get(b)! - totals.get(a)!).slice(0, maxFeatures);
  const chosen = new Set(most);
  return frequent.filter((column) => chosen.has(column));
}

function chosenRows({ columns, starts, indices, values }: SparseMatrix, rows: readonly number[]): SparseMatrix {
  const ends = new Uint32Array(rows.length + 1);
  rows.forEach((row, i) => {
    ends[i + 1] = ends[i]! + starts[row + 1]! - starts[row]!;
  });
  const size = ends[rows.length]!;
  const chosen = { indices: new Uint32Array(size), values: new Float64Array(size) };
  rows.forEach((row, i) => {
    chosen.indices.set(indices.subarray(starts[row]!, starts[row + 1]!), ends[i]!);
    chosen.values.set(values.subarray(starts[row]!, starts[row + 1]!), ends[i]!);
  });
  return { rows: rows.length, columns, starts: ends, ...chosen };
}

function weighted(
  counts: SparseMatrix,
  { documents, documentFrequencies }: Vocabulary,
  { weighting, sublinearTf }: VectorizerSettings,
): SparseMatrix {
  if (weighting === 'count') return counts;
  const idf = Float64Array.from(documentFrequencies, (df) => Math.log((1 + documents) / (1 + df)) + 1);
  const { rows, starts, indices, values } = counts;
  const out = new Float64Array(values.length);
  for (let row = 0; row < rows; row++) {
    const [from, to] = [starts[row]!, starts[row + 1]!];
    let square = 0;
    for (let at = from; at < to; at++) {
      const tf = sublinearTf ? 1 + Math.log(values[at]!) : values[at]!;
      out[at] = tf * idf[indices[at]!]!;
      square += out[at]! ** 2;
    }
    const norm = Math.sqrt(square);
    for (let at = from; at < to; at++) out[at]! /= norm;
  }
  return { ...counts, values: out };
}
