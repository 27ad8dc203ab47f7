import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Checkpoint, openCheckpoint } from '../checkpoint/checkpoint.ts';
import { CheckpointError, ConfigError } from '../core/errors.ts';
import { type Task, tasks } from '../core/task.ts';
import { float32, type Tensor } from '../core/tensor.ts';
import { withLora } from '../lora/lora.ts';
import { type Adapter, readAdapter } from '../lora/peft.ts';
import { adapterLayout, isHeadParameter, isTrained } from '../lora/trained.ts';
import { baseFolder } from '../models/base.ts';
import { HEAD } from '../models/heads.ts';
import { type DecoderSpec, describeModel } from '../models/registry.ts';
import { dense } from '../nn/linear.ts';
import { type FlatLayout, pack } from '../optim/flat.ts';
import { plainReading, type Reading } from '../text/encoder.ts';
import { type Artifact, readArtifact, tokenizerFingerprint } from './artifact.ts';
import type { ClassifierModel } from './scorer.ts';
import type { WindowPooling } from './scores.ts';

/** How a classifier reads texts and decides. */
export interface Settings extends Reading {
  readonly task: Task;
  readonly labels: readonly string[];
  readonly threshold: number;
  readonly windowPooling: WindowPooling;
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
 * Reads a run's folder, an adapter folder of PEFT's, or a merged checkpoint.
 *
 * @throws CheckpointError if something is missing or damaged, or the adapter belongs to another base.
 * @throws ConfigError if a PEFT folder does not say which base it belongs to.
 */
export async function readClassifier(path: string, options: { readonly base?: string } = {}): Promise<SavedClassifier> {
  const isAdapter = await exists(join(path, 'adapter_config.json'));
  if (!isAdapter && !(await exists(join(path, 'config.json')))) {
    throw new CheckpointError(
      `${path} is no trained model: it has neither adapter_config.json (a run, or a PEFT folder) nor config.json (a merged checkpoint)`,
    );
  }
  return isAdapter ? readAdapted(path, options.base) : readMerged(path);
}

async function readAdapted(path: string, givenBase: string | undefined): Promise<SavedClassifier> {
  const adapter = await readAdapter(path);
  const artifact = await readArtifact(path);
  const base = givenBase ?? artifact?.base?.path ?? adapter.baseModel;
  if (base === undefined)
    throw new ConfigError(`${path} does not say which base it belongs to: name the base's folder (--base)`);
  const folder = baseFolder(base);
  if (givenBase === undefined && !(await exists(folder))) {
    throw new CheckpointError(`${path} was trained on ${folder}, which is not there: name the base's folder (--base)`);
  }
  const checkpoint = await openCheckpoint(folder);
  if (artifact) await checkBase(path, artifact, checkpoint);
  const spec = describeModel(checkpoint.config);
  const ownHead = [...adapter.tensors.keys()].some(isHeadParameter);
  const count = artifact?.labels.length ?? adapter.tensors.get(`${HEAD}.weight`)?.shape[0];
  const settings = artifact ?? settingsOf(checkpoint, spec, count);
  const include = (name: string) => isTrained(name) && (ownHead || !isHeadParameter(name));
  const layout = adapterLayout(spec, settings.labels.length, adapter.options, include);
  checkTensors(path, layout, adapter);
  const parameters = pack(layout, (name) => adapter.tensors.get(name)!);
  return {
    checkpoint,
    spec,
    settings,
    layout,
    parameters,
    adapter,
    labels: settings.labels.length,
    linear: withLora(dense, adapter.options),
  };
}

async function readMerged(path: string): Promise<SavedClassifier> {
  const checkpoint = await openCheckpoint(path);
  const spec = describeModel(checkpoint.config);
  const settings =
    (await readArtifact(path)) ?? settingsOf(checkpoint, spec, checkpoint.tensors.get(`${HEAD}.weight`)?.shape[0]);
  const layout: FlatLayout = { size: 0, parts: new Map() };
  return {
    checkpoint,
    spec,
    settings,
    layout,
    parameters: float32([]),
    adapter: undefined,
    labels: settings.labels.length,
    linear: dense,
  };
}

async function checkBase(path: string, { base, tokenizer }: Artifact, checkpoint: Checkpoint): Promise<void> {
  if (base && base.fingerprint !== (await checkpoint.fingerprint())) {
    throw new CheckpointError(
      `${path} was trained on another base than ${checkpoint.dir}: their weights differ. Name the right one with --base (the run used ${base.path})`,
    );
  }
  if (tokenizer.fingerprint !== (await tokenizerFingerprint(checkpoint.dir))) {
    throw new CheckpointError(`${checkpoint.dir}/tokenizer.json is not the tokenizer ${path} was trained with`);
  }
}

/** Every tensor the adapter must have, and none besides. */
function checkTensors(path: string, layout: FlatLayout, { tensors }: Adapter): void {
  const problems: string[] = [];
  for (const [name, { shape }] of layout.parts) {
    const found = tensors.get(name);
    if (!found) problems.push(`${name} [${shape.join(', ')}] is missing`);
    else if (found.shape.join() !== shape.join())
      problems.push(`${name} is [${found.shape.join(', ')}], the base wants [${shape.join(', ')}]`);
  }
  for (const name of tensors.keys()) if (!layout.parts.has(name)) problems.push(`${name} has no place in the base`);
  if (problems.length === 0) return;
  const more = problems.length > 10 ? `\n  … and ${problems.length - 10} more` : '';
  throw new CheckpointError(
    `${path} does not fit its base; is it an adapter of another model?\n  ${problems.slice(0, 10).join('\n  ')}${more}`,
  );
}

/** Labels and task as a transformers config.json says them. */
function settingsOf({ config, dir }: Checkpoint, spec: DecoderSpec, count: number | undefined): Settings {
  const names = Object.entries((config.id2label as Record<string, string> | undefined) ?? {}).sort(
    ([a], [b]) => Number(a) - Number(b),
  );
  const size = count ?? names.length;
  if (size === 0)
    throw new CheckpointError(
      `${dir} says no labels (id2label in config.json) and there is no ${HEAD}.weight; is it a classifier?`,
    );
  if (names.length > 0 && names.length !== size)
    throw new CheckpointError(`${dir}/config.json names ${names.length} labels (id2label), the head has ${size}`);
  const labels =
    names.length > 0 ? names.map(([, label]) => label) : Array.from({ length: size }, (_, k) => `LABEL_${k}`);
  const inferred: Task = size === 1 ? 'regression' : 'single_label_classification';
  const task = tasks.find((t) => t === config.problem_type) ?? inferred;
  const reading = plainReading(Math.min(DEFAULT_LENGTH, spec.contextLength));
  return { task, labels, threshold: 0.5, windowPooling: 'mean', ...reading };
}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );
