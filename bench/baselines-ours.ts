/**
 * One of our baselines in a process of its own: the side of baselines.ts that is ours.
 *
 *     node bench/dist/bench/baselines-ours.js FOLDER count|tfidf|MODEL    reads FOLDER/data.json; prints what was measured
 *
 * `count` and `tfidf` make features only, and write them to FOLDER/ours-*.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { answersOf, fitBaseline } from '../src/baselines/baseline.ts';
import { fitVectorizer } from '../src/baselines/features/vectorizer.ts';
import type { BaselineName } from '../src/baselines/names.ts';
import { peakMemoryBytes } from '../src/runtime/memory.ts';
import type { BaselineJob, Cost, Measured } from './baselines.ts';
import { median } from './versus-peft/job.ts';

/** Fits that take longer than this are not repeated. */
const REPEATED_BELOW = 5;
const REPEATS = 5;

const [folder, what] = process.argv.slice(2) as [string, string];
const { texts, targets, testTexts }: BaselineJob = JSON.parse(readFileSync(join(folder, 'data.json'), 'utf8'));

/** What `work` gives, what the first time took, and what it takes once the code is warm. */
async function measured<T>(work: () => Promise<T>): Promise<{ readonly result: T; readonly cost: Cost }> {
  const timed = async () => {
    const from = performance.now();
    const result = await work();
    return { result, seconds: (performance.now() - from) / 1000 };
  };
  const { result, seconds } = await timed();
  const peak = peakMemoryBytes();
  const again: number[] = [];
  while (seconds < REPEATED_BELOW && again.length < REPEATS) again.push((await timed()).seconds);
  return {
    result,
    cost: {
      seconds,
      warmSeconds: again.length > 0 ? median(again) : seconds,
      repeatedSeconds: again.reduce((a, b) => a + b, 0),
      peakMemoryBytes: peak,
    },
  };
}

async function features(weighting: 'count' | 'tfidf'): Promise<Cost> {
  const settings = { analyzer: 'word', ngrams: [1, 1], minDf: 1, weighting, sublinearTf: false } as const;
  const { result, cost } = await measured(() => fitVectorizer(texts, settings));
  const { vocabulary, matrix } = result;
  writeFileSync(join(folder, 'ours-terms.json'), JSON.stringify(vocabulary.terms));
  writeFileSync(join(folder, 'ours-starts'), matrix.starts);
  writeFileSync(join(folder, 'ours-indices'), matrix.indices);
  writeFileSync(join(folder, 'ours-values'), matrix.values);
  return cost;
}

async function model(name: BaselineName): Promise<Measured> {
  const lessons = texts.map((text, i) => ({ text, target: targets[i]! }));
  const options = { task: 'multi_label_classification', outputs: targets[0]!.length, seed: 0 } as const;
  const { result: baseline, cost } = await measured(() => fitBaseline(name, lessons, options));
  const from = baseline.fitted.gives === 'logits' ? 0 : 0.5;
  const given = answersOf(baseline)(testTexts).map((row) => row.map((answer) => Number(answer > from)));
  return { ...cost, given };
}

const isFeatures = what === 'count' || what === 'tfidf';
console.log(JSON.stringify(await (isFeatures ? features(what) : model(what as BaselineName))));
