import { type Checkpoint, openCheckpoint } from '../checkpoint/checkpoint.ts';
import { CheckpointError, ConfigError, DataError } from '../core/errors.ts';
import { type Task, tasks } from '../core/task.ts';
import { float32, type Tensor } from '../core/tensor.ts';
import { withLora } from '../lora/lora.ts';
import { type Adapter, readAdapter } from '../lora/peft.ts';
import { baseFolder } from '../models/base.ts';
import { HEAD } from '../models/heads.ts';
import { type DecoderSpec, describeModel } from '../models/registry.ts';
import { dense, type Linear } from '../nn/linear.ts';
import { type FlatLayout, pack } from '../optim/flat.ts';
import { Device } from '../runtime/device.ts';
import { loadTokenizer } from '../text/tokenizer.ts';
import { type Artifact, readArtifact, tokenizerFingerprint } from './artifact.ts';
import { openScorer } from './scorer.ts';
import { decide, scoresOf } from './scores.ts';

/** What a text is found to say. */
export interface Prediction {
  /** Labels given to the text; none for regression. */
  readonly labels: readonly string[];
  /** Probability of every label, or its value for regression. */
  readonly scores: Readonly<Record<string, number>>;
  /** Whether the text was longer than the model reads. */
  readonly truncated: boolean;
}

/** A trained classifier, ready to use. Dispose of it to free its memory. */
export interface Classifier {
  readonly task: Task;
  readonly labels: readonly string[];
  /** @throws DataError naming the first text that is empty. */
  classify(texts: readonly string[]): Promise<Prediction[]>;
  dispose(): Promise<void>;
}

export interface ClassifierOptions {
  /** Folder of the base, where it is not where the run found it. */
  readonly base?: string;
  /** Multi-label: probability from which a label is given, instead of the run's. */
  readonly threshold?: number;
  readonly threads?: number;
}

/**
 * Loads a run's folder, an adapter folder of PEFT's (with `base`), or a merged checkpoint.
 *
 * @throws CheckpointError if something is missing or damaged, or the base is not the one the adapter was trained on.
 */
export async function loadClassifier(path: string, options: ClassifierOptions = {}): Promise<Classifier> {
  const model = await describe(path, options);
  const { checkpoint, spec, layout, settings } = model;
  const tokenizer = await loadTokenizer(checkpoint.dir);
  const device = new Device(options.threads === undefined ? {} : { threads: options.threads });
  const { task, labels, maxLength } = settings;
  const threshold = options.threshold ?? settings.threshold;
  try {
    const scorer = await openScorer(device, { checkpoint, spec, layout, linear: model.linear, labels: labels.length });
    const parameters = await device.put(model.parameters);
    return {
      task,
      labels,
      async classify(texts) {
        const encoded = await tokenizer.encode(texts, { maxLength });
        const empty = texts.findIndex((text, i) => text.trim() === '' || encoded[i]!.ids.length === 0);
        if (empty >= 0) throw new DataError(`text ${empty} is empty: there is nothing to classify`);
        const logits = await scorer.logits(encoded.map((e) => e.ids), parameters);
        return logits.map((row, i) => {
          const scores = scoresOf[task](row);
          return {
            labels: decide[task](scores, threshold).map((k) => labels[k]!),
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

type Settings = Pick<Artifact, 'task' | 'labels' | 'maxLength' | 'threshold'>;

interface Described {
  readonly checkpoint: Checkpoint;
  readonly spec: DecoderSpec;
  readonly settings: Settings;
  readonly linear: Linear;
  readonly layout: FlatLayout;
  readonly parameters: Tensor;
}

async function describe(path: string, options: ClassifierOptions): Promise<Described> {
  const isAdapter = await readAdapter(path).catch((error: unknown) => missingConfig(path, error));
  if (!isAdapter) return describeMerged(path);
  const artifact = await readArtifact(path);
  const base = options.base ?? artifact?.base.path ?? isAdapter.baseModel;
  if (!base) throw new ConfigError(`${path} does not say which base it belongs to: name its folder with --base`);
  const checkpoint = await openCheckpoint(baseFolder(base));
  if (artifact) await checkBase(path, artifact, checkpoint);
  const spec = describeModel(checkpoint.config);
  const settings = artifact ?? settingsFrom(checkpoint, spec);
  const layout = layoutOf(isAdapter, spec, settings.labels.length, path);
  const parameters = pack(layout, (name) => isAdapter.tensors.get(name)!);
  return { checkpoint, spec, settings, layout, parameters, linear: withLora(dense, isAdapter.options) };
}
