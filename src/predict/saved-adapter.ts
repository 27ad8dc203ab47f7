import { type Checkpoint, openCheckpoint } from '../checkpoint/checkpoint.ts';
import { CheckpointError, ConfigError } from '../core/errors.ts';
import type { HubOptions } from '../hub/options.ts';
import { parseRepositoryName, repositoryReference } from '../hub/repository-name.ts';
import { type Adapter, readAdapter } from '../lora/peft.ts';
import { adapterLayout, isHeadParameter, isTrained } from '../lora/trained.ts';
import { type Base, findBase } from '../models/base.ts';
import { CUTPOINTS, HEAD } from '../models/heads.ts';
import { type DecoderSpec, describeModel } from '../models/registry.ts';
import type { FlatLayout } from '../optim/flat.ts';
import { type Artifact, readArtifact, tokenizerFingerprint } from './artifact.ts';

/** The adapter of a run or a PEFT folder, checked against its base. */
export interface SavedAdapter {
  readonly adapter: Adapter;
  /** What a run says of itself; a bare PEFT folder has none. */
  readonly artifact: Artifact | undefined;
  /** What names the base: a folder, an embedded one's name, or one on the Hub with its commit. */
  readonly base: string;
  readonly checkpoint: Checkpoint;
  readonly spec: DecoderSpec;
  readonly layout: FlatLayout;
  /** How many labels the head has; undefined where the adapter has none and nothing says it. */
  readonly headRows: number | undefined;
}

/** Where the base is, if not where the folder says, and how what is on the Hub is fetched. */
export interface ReadOptions {
  readonly base?: string | undefined;
  readonly hub?: HubOptions | undefined;
}

/**
 * Reads the adapter of a run or a PEFT folder and checks that it belongs to its base.
 *
 * @throws CheckpointError if something is missing or damaged, or the adapter belongs to another base.
 * @throws ConfigError if a PEFT folder does not say which base it belongs to.
 */
export async function readSavedAdapter(path: string, options: ReadOptions = {}): Promise<SavedAdapter> {
  const adapter = await readAdapter(path);
  const artifact = await readArtifact(path);
  const base = await baseOf(path, { adapter, artifact, ...options });
  const checkpoint = await openCheckpoint(base.dir);
  if (artifact) await checkBase(path, artifact, checkpoint);
  const spec = describeModel(checkpoint.config);
  const ownHead = [...adapter.tensors.keys()].some(isHeadParameter);
  const headRows = artifact?.labels.length ?? adapter.tensors.get(`${HEAD}.weight`)?.shape[0];
  const include = (name: string) => isTrained(name) && (ownHead || !isHeadParameter(name));
  const cutpoints = adapter.tensors.get(CUTPOINTS)?.shape[1];
  const layout = adapterLayout(spec, { labels: headRows ?? 1, cutpoints }, adapter.options, include);
  checkTensors(path, layout, adapter);
  return { adapter, artifact, base: base.name, checkpoint, spec, layout, headRows };
}

/** The base that is given, or the one that the run or PEFT's file names. */
async function baseOf(
  path: string,
  { adapter, artifact, base: given, hub }: ReadOptions & Pick<SavedAdapter, 'adapter' | 'artifact'>,
): Promise<Base> {
  const named = artifact?.base?.path ?? peftBase(adapter);
  const base = given ?? named;
  if (base === undefined)
    throw new ConfigError(`${path} does not say which base it belongs to: name the base's folder (--base)`);
  return findBase(base, hub).catch((error: unknown) => {
    if (given !== undefined || !(error instanceof CheckpointError)) throw error;
    throw new CheckpointError(`${path} was trained on ${base}, which is not there: name the base's folder (--base)`, {
      cause: error,
    });
  });
}

const peftBase = ({ baseModel, baseRevision }: Adapter): string | undefined => {
  const isOnHub = baseModel !== undefined && baseRevision !== undefined && parseRepositoryName(baseModel);
  return isOnHub ? repositoryReference(baseModel, baseRevision) : baseModel;
};

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
