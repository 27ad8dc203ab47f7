import { stat } from 'node:fs/promises';
import { type Checkpoint, openCheckpoint } from '../checkpoint/checkpoint.ts';
import { CheckpointError, ConfigError } from '../core/errors.ts';
import { type Adapter, readAdapter } from '../lora/peft.ts';
import { adapterLayout, isHeadParameter, isTrained } from '../lora/trained.ts';
import { baseFolder } from '../models/base.ts';
import { HEAD } from '../models/heads.ts';
import { type DecoderSpec, describeModel } from '../models/registry.ts';
import type { FlatLayout } from '../optim/flat.ts';
import { type Artifact, readArtifact, tokenizerFingerprint } from './artifact.ts';

/** The adapter of a run or a PEFT folder, checked against its base. */
export interface SavedAdapter {
  readonly adapter: Adapter;
  /** What a run says of itself; a bare PEFT folder has none. */
  readonly artifact: Artifact | undefined;
  /** What names the base: a folder, or an embedded one's name. */
  readonly base: string;
  readonly checkpoint: Checkpoint;
  readonly spec: DecoderSpec;
  readonly layout: FlatLayout;
  /** How many labels the head has; undefined where the adapter has none and nothing says it. */
  readonly headRows: number | undefined;
}

/**
 * Reads the adapter of a run or a PEFT folder and checks that it belongs to its base.
 *
 * @param givenBase folder of the base, where it is not where the folder says.
 * @throws CheckpointError if something is missing or damaged, or the adapter belongs to another base.
 * @throws ConfigError if a PEFT folder does not say which base it belongs to.
 */
export async function readSavedAdapter(path: string, givenBase: string | undefined): Promise<SavedAdapter> {
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
  const headRows = artifact?.labels.length ?? adapter.tensors.get(`${HEAD}.weight`)?.shape[0];
  const include = (name: string) => isTrained(name) && (ownHead || !isHeadParameter(name));
  const layout = adapterLayout(spec, headRows ?? 1, adapter.options, include);
  checkTensors(path, layout, adapter);
  return { adapter, artifact, base, checkpoint, spec, layout, headRows };
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

/** Whether there is something at a path. */
export const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );
