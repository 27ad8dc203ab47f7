import { ConfigError } from '../core/errors.ts';
import { hasValues, type Task } from '../core/task.ts';
import type { Example } from '../data/example.ts';
import type { Passage } from '../text/encoder.ts';
import { type Estimator, estimators, type Fitted } from './estimators.ts';
import { fitVectorizer, type VectorizerSettings, type Vocabulary, vectorizer } from './features/vectorizer.ts';
import { type BaselineName, baselineNames } from './names.ts';
import type { SparseMatrix } from './sparse.ts';

const counts: VectorizerSettings = {
  analyzer: 'word',
  ngrams: [1, 1],
  minDf: 1,
  weighting: 'count',
  sublinearTf: false,
};
const tfidf: VectorizerSettings = { ...counts, weighting: 'tfidf' };

/** A baseline: what it makes of texts, if it looks at them, and what learns from that. */
interface Recipe {
  readonly features: VectorizerSettings | undefined;
  readonly estimator: keyof typeof estimators;
}

const recipes: Readonly<Record<BaselineName, Recipe>> = {
  majority: { features: undefined, estimator: 'majority' },
  'bow-svm': { features: counts, estimator: 'svm' },
  'bow-lr': { features: counts, estimator: 'lr' },
  'bow-rf': { features: counts, estimator: 'rf' },
  'tfidf-svm': { features: tfidf, estimator: 'svm' },
  'tfidf-lr': { features: tfidf, estimator: 'lr' },
  'tfidf-rf': { features: tfidf, estimator: 'rf' },
  'tfidf-ridge': { features: tfidf, estimator: 'ridge' },
};

/** How texts become features, as it was learnt. */
export interface LearntFeatures {
  readonly settings: VectorizerSettings;
  readonly vocabulary: Vocabulary;
}

/** What is learnt from. */
export type Lesson = Pick<Example, 'text' | 'target' | 'weight' | 'context'>;

/** A baseline that has learnt. */
export interface Baseline {
  readonly name: BaselineName;
  /** Undefined for one that does not look at texts. */
  readonly features: LearntFeatures | undefined;
  readonly fitted: Fitted;
}

export const estimatorOf = (name: BaselineName): Estimator => estimators[recipes[name].estimator];

/** @throws ConfigError if a baseline is not for the task, naming those that are. */
export function checkBaselineTask(name: BaselineName, task: Task): void {
  const wanted = hasValues(task) ? 'values' : 'classification';
  const fits = (other: BaselineName) => ['both', wanted].includes(estimatorOf(other).does);
  if (fits(name)) return;
  throw new ConfigError(`${name} is not for ${task}: choose one of ${baselineNames.filter(fits).join(', ')}`);
}

export interface BaselineOptions {
  readonly task: Task;
  /** How many labels or values there are. */
  readonly outputs: number;
  readonly seed: number;
  /** Whether rare classes count more. Default: all examples alike. */
  readonly balanced?: boolean;
  /** Called between parts of the work; what it throws ends it. */
  readonly onPart?: (() => Promise<void>) | undefined;
}

/**
 * Fits a baseline to examples, whose texts are not kept.
 *
 * @throws ConfigError if it is not for the task; DataError if no text holds a term.
 */
export async function fitBaseline(
  name: BaselineName,
  examples: Iterable<Lesson> | AsyncIterable<Lesson>,
  { task, outputs, seed, balanced = false, onPart }: BaselineOptions,
): Promise<Baseline> {
  checkBaselineTask(name, task);
  const targets: number[] = [];
  const weights: number[] = [];
  async function* texts() {
    for await (const example of examples) {
      targets.push(...example.target);
      weights.push(example.weight ?? 1);
      yield passageText(example);
    }
  }
  const { features, matrix } = await vectorized(texts(), recipes[name]);
  const problem = {
    features: matrix,
    targets: Float64Array.from(targets),
    outputs,
    weights: Float64Array.from(weights),
  };
  const kind = { exclusive: task === 'single_label_classification', values: hasValues(task) };
  const fitted = await estimatorOf(name).fit(problem, { ...kind, seed, balanced, onPart });
  return { name, fitted, features };
}

async function vectorized(
  texts: AsyncIterable<string>,
  { features: settings }: Recipe,
): Promise<{ readonly features: LearntFeatures | undefined; readonly matrix: SparseMatrix }> {
  if (settings) {
    const { vocabulary, matrix } = await fitVectorizer(texts, settings);
    return { features: { settings, vocabulary }, matrix };
  }
  let count = 0;
  for await (const _ of texts) count++;
  return { features: undefined, matrix: nothing(count) };
}

/** A function that answers for texts: N rows of [K]. */
export function answersOf({ features, fitted }: Baseline): (texts: readonly string[]) => number[][] {
  const transform = features ? vectorizer(features.vocabulary, features.settings) : undefined;
  return (texts) => fitted.answer(transform?.(texts) ?? nothing(texts.length));
}

const nothing = (rows: number): SparseMatrix => ({
  rows,
  columns: 0,
  starts: new Uint32Array(rows + 1),
  indices: new Uint32Array(),
  values: new Float64Array(),
});

/** What a baseline reads of a passage: the turns before the text, and the text, a line each. */
export const passageText = ({ text, context = [] }: Passage): string =>
  [...context.map((turn) => turn.text), text].join('\n');
