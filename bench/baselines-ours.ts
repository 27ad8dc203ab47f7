/**
 * One of our baselines in a process of its own: the side of baselines.ts that is ours.
 *
 *     node bench/dist/bench/baselines-ours.js FOLDER count|tfidf|MODEL    reads FOLDER/data.json; prints what was measured
 *
 * `count` and `tfidf` make features only, and write them to FOLDER/ours-*.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { answersOf, type BaselineName, fitBaseline } from '../src/baselines/baseline.ts';
import { fitVectorizer } from '../src/baselines/features/vectorizer.ts';
import { peakMemoryBytes } from '../src/runtime/memory.ts';
import type { BaselineJob, Measured } from './baselines.ts';

const [folder, what] = process.argv.slice(2) as [string, string];
const { texts, targets, testTexts }: BaselineJob = JSON.parse(readFileSync(join(folder, 'data.json'), 'utf8'));
const from = performance.now();
const seconds = () => (performance.now() - from) / 1000;

async function features(weighting: 'count' | 'tfidf'): Promise<Measured> {
  const settings = { analyzer: 'word', ngrams: [1, 1], minDf: 1, weighting, sublinearTf: false } as const;
  const { vocabulary, matrix } = await fitVectorizer(texts, settings);
  const measured = { seconds: seconds(), peakMemoryBytes: peakMemoryBytes() };
  writeFileSync(join(folder, 'ours-terms.json'), JSON.stringify(vocabulary.terms));
  writeFileSync(join(folder, 'ours-starts'), matrix.starts);
  writeFileSync(join(folder, 'ours-indices'), matrix.indices);
  writeFileSync(join(folder, 'ours-values'), matrix.values);
  return measured;
}

async function model(name: BaselineName): Promise<Measured> {
  const lessons = texts.map((text, i) => ({ text, target: targets[i]! }));
  const options = { task: 'multi_label_classification', outputs: targets[0]!.length, seed: 0 } as const;
  const baseline = await fitBaseline(name, lessons, options);
  const measured = { seconds: seconds(), peakMemoryBytes: peakMemoryBytes() };
  const from = baseline.fitted.gives === 'logits' ? 0 : 0.5;
  const given = answersOf(baseline)(testTexts).map((row) => row.map((answer) => Number(answer > from)));
  return { ...measured, given };
}

const isFeatures = what === 'count' || what === 'tfidf';
console.log(JSON.stringify(await (isFeatures ? features(what) : model(what as BaselineName))));
