/**
 * Writes a CSV of synthetic posts, to measure with: texts of realistic lengths (log-normal, median 60 characters), Zipf
 * words, 7 labels of unequal frequency of which the words hint at one, 5 % wrong labels, 3 % exact and 2 % near repeats,
 * authors with 1 to some hundred posts, an agreement of annotators.
 *
 *     node --import tsx bench/synthetic-texts.ts --rows 100000 --out posts.csv [--seed 0]
 */
import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { parseArgs } from 'node:util';
import { type Random, random } from '../src/core/random.ts';

const { values: options } = parseArgs({
  options: { rows: { type: 'string' }, out: { type: 'string' }, seed: { type: 'string', default: '0' } },
});
if (!options.rows || !options.out) throw new Error('--rows and --out are needed');

const labels = ['joy', 'sadness', 'anger', 'fear', 'surprise', 'disgust', 'neutral'];
const frequencies = [0.25, 0.15, 0.15, 0.08, 0.06, 0.03, 0.28];
const syllables = 'ka lo mi ren ta su vel no ri dan pe go ash ul tor ben fi wa ex on'.split(' ');
const remembered = 4096;

const rng = random(Number(options.seed));
const vocabulary = Array.from({ length: 20_000 }, () =>
  Array.from({ length: 1 + rng.integer(4) }, () => syllables[rng.integer(syllables.length)]!).join(''),
);

/** A rank from 0 with a probability of about 1 / rank. */
const zipf = (size: number, r: Random): number => Math.floor(size ** r.uniform()) - 1;

function labelNumber(): number {
  let left = rng.uniform();
  for (const [k, frequency] of frequencies.entries()) {
    left -= frequency;
    if (left < 0) return k;
  }
  return labels.length - 1;
}

function newText(label: number): string {
  const length = Math.min(2000, 60 * Math.exp(0.8 * rng.normal()));
  let text = `${labels[label]!.slice(0, 3)}${vocabulary[zipf(500, rng)]}`;
  while (text.length < length)
    text += `${rng.integer(12) === 0 ? ', ' : ' '}${vocabulary[zipf(vocabulary.length, rng)]}`;
  return text;
}

const asCsv = (text: string): string => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

function* lines(rows: number): Generator<string, void> {
  const recent: { readonly text: string; readonly label: number }[] = [];
  let chunk = 'id,author,text,emotion,agreement\n';
  for (let i = 0; i < rows; i++) {
    const kind = i < 100 ? 1 : rng.uniform();
    const old = kind < 0.05 ? recent[rng.integer(recent.length)]! : undefined;
    const label = old?.label ?? labelNumber();
    const text = old === undefined ? newText(label) : kind < 0.03 ? old.text : `${old.text.toUpperCase()} `;
    recent[i % remembered] = { text, label };
    const told = rng.uniform() < 0.05 ? rng.integer(labels.length) : label;
    const author = `user${zipf(Math.max(2, Math.ceil(rows / 4)), rng)}`;
    chunk += `p${i},${author},${asCsv(text)},${labels[told]},${(0.4 + 0.2 * rng.integer(4)).toFixed(1)}\n`;
    if (chunk.length < 1 << 16) continue;
    yield chunk;
    chunk = '';
  }
  yield chunk;
}

await pipeline(Readable.from(lines(Number(options.rows))), createWriteStream(options.out));
