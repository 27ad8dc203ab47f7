import { join } from 'node:path';
import { type Checkpoint, openCheckpoint } from '../checkpoint/checkpoint.ts';
import { exists } from '../checkpoint/exists.ts';
import { CheckpointError } from '../core/errors.ts';
import { type Task, tasks } from '../core/task.ts';
import { float32, type Tensor } from '../core/tensor.ts';
import type { HubOptions } from '../hub/options.ts';
import { remoteName } from '../hub/repository-name.ts';
import { adapterFiles, baseFiles } from '../hub/selection.ts';
import { fetchSnapshot } from '../hub/snapshot.ts';
import { withLora } from '../lora/lora.ts';
import type { Adapter } from '../lora/peft.ts';
import { CUTPOINTS, HEAD } from '../models/heads.ts';
import { inPrecision } from '../models/precision.ts';
import { type DecoderSpec, describeModel } from '../models/registry.ts';
import { dense, frozenLinear, type Precision } from '../nn/linear.ts';
import { type FlatLayout, pack } from '../optim/flat.ts';
import { plainReading, type Reading } from '../text/encoder.ts';
import { readArtifact } from './artifact.ts';
import { type Decision, plainDecision } from './decision.ts';
import { type ReadOptions, readSavedAdapter } from './saved-adapter.ts';
import type { ClassifierModel } from './scorer.ts';
import type { WindowPooling } from './scores.ts';

/** How a classifier reads texts and decides. */
export interface Settings extends Reading {
  readonly task: Task;
  readonly labels: readonly string[];
  readonly decision: Decision;
  readonly windowPooling: WindowPooling;
  /** How the base was computed with in training. */
  readonly precision: Precision;
  /** What it was trained on and how that was split, where it says so. */
  readonly data?: { readonly name: string; readonly split: string } | undefined;
}

/** A saved classifier, read and checked but not loaded into the engine. */
export interface SavedClassifier extends ClassifierModel {
  readonly settings: Settings;
  /** Values of the layout's parameters. */
  readonly parameters: Tensor;
  /** The adapter, where there is one; a merged checkpoint has none. */
  readonly adapter: Adapter | undefined;
}

/** Texts of a folder that does not say how long they may be are cut here. */
const DEFAULT_LENGTH = 512;

/**
 * Reads a run's folder, an adapter folder of PEFT's, or a merged checkpoint; or any of them on the Hub, as `org/name`.
 *
 * @throws CheckpointError if something is missing or damaged, or the adapter belongs to another base.
 * @throws ConfigError if a PEFT folder does not say which base it belongs to.
 */
export async function readClassifier(model: string, options: ReadOptions = {}): Promise<SavedClassifier> {
  const path = await modelFolder(model, options.hub);
  const isAdapter = await exists(join(path, 'adapter_config.json'));
  if (!isAdapter && !(await exists(join(path, 'config.json')))) {
    throw new CheckpointError(
      `${path} is no trained model: it has neither adapter_config.json (a run, or a PEFT folder) nor config.json (a merged checkpoint)`,
    );
  }
  return isAdapter ? readAdapted(path, options) : readMerged(path);
}

async function modelFolder(model: string, hub: HubOptions | undefined): Promise<string> {
  const repository = await remoteName(model);
  if (!repository) return model;
  return (await fetchSnapshot(repository, [adapterFiles, baseFiles], hub)).dir;
}

async function readAdapted(path: string, options: ReadOptions): Promise<SavedClassifier> {
  const { adapter, artifact, checkpoint, spec, layout, headRows } = await readSavedAdapter(path, options);
  const settings = artifact ?? settingsOf(checkpoint, spec, headRows);
  const parameters = pack(layout, (name) => adapter.tensors.get(name)!);
  return {
    checkpoint,
    spec,
    settings,
    layout,
    parameters,
    adapter,
    labels: settings.labels.length,
    cutpoints: adapter.tensors.get(CUTPOINTS)?.shape[1],
    linear: withLora(dense, adapter.options),
  };
}

async function readMerged(path: string): Promise<SavedClassifier> {
  const checkpoint = await openCheckpoint(path);
  const spec = describeModel(checkpoint.config);
  const artifact = await readArtifact(path);
  const headRows = checkpoint.tensors.get(`${HEAD}.weight`)?.shape[0];
  const settings = artifact ?? settingsOf(checkpoint, spec, headRows);
  const layout: FlatLayout = { size: 0, parts: new Map() };
  return {
    checkpoint,
    spec,
    settings,
    layout,
    parameters: float32([]),
    adapter: undefined,
    labels: settings.labels.length,
    cutpoints: checkpoint.tensors.get(CUTPOINTS)?.shape[1],
    linear: dense,
  };
}

/**
 * The same classifier over a base that is computed with in another precision.
 *
 * @throws CheckpointError if rounded weights cannot be made or kept.
 */
export async function classifierIn<S extends SavedClassifier>(
  saved: S,
  precision: Precision,
  hub?: HubOptions,
): Promise<S> {
  const linear = frozenLinear[precision];
  return {
    ...saved,
    checkpoint: await inPrecision(saved.checkpoint, saved.spec, precision, hub),
    linear: saved.adapter ? withLora(linear, saved.adapter.options) : linear,
  };
}

/**
 * Labels and task as a base's config.json says them, for a bare PEFT folder or a plain checkpoint.
 *
 * @param headRows how many labels the head has, where it is known.
 */
export function settingsOf({ config, dir }: Checkpoint, spec: DecoderSpec, headRows: number | undefined): Settings {
  const names = labelsIn(config);
  const size = headRows ?? names.length;
  if (size === 0)
    throw new CheckpointError(
      `${dir} says no labels (id2label in config.json) and there is no ${HEAD}.weight; is it a classifier?`,
    );
  if (names.length > 0 && names.length !== size)
    throw new CheckpointError(`${dir}/config.json names ${names.length} labels (id2label), the head has ${size}`);
  const labels = names.length > 0 ? names : Array.from({ length: size }, (_, k) => `LABEL_${k}`);
  const inferred: Task = size === 1 ? 'regression' : 'single_label_classification';
  const task = tasks.find((t) => t === config.problem_type) ?? inferred;
  const reading = plainReading(Math.min(DEFAULT_LENGTH, spec.contextLength));
  const decision = plainDecision(labels.length);
  return { task, labels, decision, windowPooling: 'mean', precision: 'fp32', ...reading };
}

/** The labels that a transformers config.json names, in their order; none if it names none. */
export const labelsIn = (config: Checkpoint['config']): string[] =>
  Object.entries((config.id2label as Record<string, string> | undefined) ?? {})
    .sort(([a], [b]) => Number(a) - Number(b))
    .map(([, label]) => label);
