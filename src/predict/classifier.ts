import { isBaseline, readBaseline } from '../baselines/files.ts';
import { type Decision, decide, withThreshold } from '../core/decision.ts';
import type { Task } from '../core/task.ts';
import type { HubOptions } from '../hub/options.ts';
import type { Precision } from '../nn/linear.ts';
import { openDevice } from '../runtime/open-device.ts';
import type { Choice, DeviceName } from '../runtime/provider.ts';
import { openEncoder, type Passage } from '../text/encoder.ts';
import { loadTokenizer } from '../text/tokenizer.ts';
import { baselineClassifier } from './baseline-classifier.ts';
import { cleanPassages } from './passages.ts';
import { classifierIn, readClassifier } from './saved-classifier.ts';
import { openScorer } from './scorer.ts';
import { pooledScores } from './scores.ts';

/** What a text is found to say. */
export interface Prediction {
  /** Labels given to the text; none for values, and in ordinal tasks those above level 0. */
  readonly labels: readonly string[];
  /** Probability of every label, its value, or its expected level. */
  readonly scores: Readonly<Record<string, number>>;
  /** Whether the text was longer than the model reads, and cut. */
  readonly truncated: boolean;
}

/** A trained classifier, ready to use. Dispose of it to free its memory. */
export interface Classifier {
  readonly task: Task;
  readonly labels: readonly string[];
  /** How scores become labels. */
  readonly decision: Decision;
  /** What computes, and why `auto` chose it. */
  readonly device: Choice;
  /** What it was trained on and how that was split, where it says so. */
  readonly trainedOn: { readonly name: string; readonly split: string } | undefined;
  /**
   * Classifies texts, in the order given; a text may come with the turns of a conversation before it. They are cleaned as
   * training texts are (data/clean.ts).
   *
   * @throws DataError naming the first text that is empty.
   */
  classify(texts: readonly (string | Passage)[]): Promise<Prediction[]>;
  dispose(): Promise<void>;
}

/** How a classifier is loaded. */
export interface ClassifierOptions {
  /** The base, where it is not where the run found it: a folder, or a model on the Hub. */
  readonly base?: string;
  /** How what is on the Hub is fetched. */
  readonly hub?: HubOptions;
  /** Multi-label: probability from which any label is given, instead of the run's. */
  readonly threshold?: number;
  /** How the base is computed with; default: as in training. */
  readonly precision?: Precision;
  /** What computes; `auto` is the fastest that works here. Default: cpu. */
  readonly device?: DeviceName;
  /** Threads of the engine on the processor; default: all cores. */
  readonly threads?: number;
}

/**
 * Loads a run's folder (of a baseline, too), an adapter folder of PEFT's (labels and task then come from the base's config.json), or a merged
 * checkpoint; or any of them from the Hub, as `org/name`.
 *
 * @throws CheckpointError if something is missing or damaged, or the base is not the one the adapter was trained on;
 *         ConfigError if the device does not work here.
 *
 * @example
 * const classifier = await loadClassifier('runs/demo');
 * const [{ labels, scores }] = await classifier.classify(['I cannot believe they did that!']);
 * await classifier.dispose();
 */
export async function loadClassifier(path: string, options: ClassifierOptions = {}): Promise<Classifier> {
  if (await isBaseline(path)) return baselineClassifier(await readBaseline(path), options);
  const read = await readClassifier(path, options);
  const saved = await classifierIn(read, options.precision ?? read.settings.precision, options.hub);
  const { task, labels, windowPooling: pooling } = saved.settings;
  const decision = withThreshold(saved.settings.decision, task, options.threshold);
  const encoder = await openEncoder(await loadTokenizer(saved.checkpoint.dir), saved.settings);
  const device = await openDevice(options);
  try {
    const scorer = await openScorer(device, saved);
    const parameters = await device.put(saved.parameters);
    return {
      task,
      labels,
      decision,
      device: device.choice,
      trainedOn: saved.settings.data,
      async classify(texts) {
        const encoded = await encoder.encode(cleanPassages(texts));
        const logits = await scorer.logits(
          encoded.flatMap(({ sequences }) => sequences),
          parameters,
        );
        const counts = encoded.map(({ sequences }) => sequences.length);
        return pooledScores(task, logits, { counts, pooling, labels: labels.length, ...decision }).map((scores, i) => {
          return {
            labels: decide[task](scores, decision).map((k) => labels[k]!),
            scores: Object.fromEntries(labels.map((label, k) => [label, scores[k]!])),
            truncated: encoded[i]!.truncated,
          };
        });
      },
      dispose: () => device.close(),
    };
  } catch (error) {
    await device.close();
    throw error;
  }
}
