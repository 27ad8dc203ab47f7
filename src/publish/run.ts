/** A run as it is published: everything its folder says, and nothing of the machine it was made on. */
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { CheckpointError, ConfigError, showIssues } from '../core/errors.ts';
import { jsonOrUndefined } from '../core/json.ts';
import { findSource } from '../data/sources/registry.ts';
import type { Source } from '../data/sources/source.ts';
import { parseRepositoryName } from '../hub/repository-name.ts';
import type { Evaluation } from '../metrics/evaluate.ts';
import { isEmbedded } from '../models/base.ts';
import { type Artifact, readArtifact } from '../predict/artifact.ts';
import { recordedEvents } from '../tracking/run-files.ts';
import type { TrainConfig } from '../train/config.ts';
import { readRunConfig } from '../train/run-folder.ts';

/** The parts of result.json that are published. */
const resultSchema = z.looseObject({
  reason: z.string(),
  bestEpoch: z.number().optional(),
  test: z.custom<Evaluation>().optional(),
  validation: z.custom<Evaluation>().optional(),
  trainingSeconds: z.number(),
  tokensPerSecond: z.number(),
  peakMemoryBytes: z.number(),
});

/** The event that starts metrics.jsonl. */
const startedSchema = z.looseObject({
  type: z.literal('started'),
  examples: z.object({ train: z.number(), validation: z.number(), test: z.number() }),
  steps: z.number(),
  learningRate: z.number(),
  parameters: z.object({ trained: z.number(), total: z.number() }),
});

export interface PublishedRun {
  readonly artifact: Artifact & { readonly base: NonNullable<Artifact['base']> };
  /** The base on the Hub, with the commit that was trained on; undefined if it is not known to be there. */
  readonly base: { readonly id: string; readonly revision?: string } | undefined;
  /** What to call the base: its name on the Hub, or that of its folder. */
  readonly baseName: string;
  /** Whether the base comes with emotune. */
  readonly isEmbedded: boolean;
  readonly config: TrainConfig;
  /** Undefined for a run that was interrupted. */
  readonly result: z.output<typeof resultSchema> | undefined;
  readonly started: z.output<typeof startedSchema> | undefined;
  /** The dataset, if emotune knows it by name. */
  readonly source: Source | undefined;
  /** adapter_config.json, its base named as others can find it. */
  readonly adapterConfig: Readonly<Record<string, unknown>>;
}

/**
 * Reads a run to publish it.
 *
 * @param base the base's name on the Hub, for a run that had it from a folder.
 * @throws ConfigError     if the folder is no run of emotune's, or `base` is no name on the Hub.
 * @throws CheckpointError if a file of it is missing or damaged.
 */
export async function readRun(dir: string, base: string | undefined): Promise<PublishedRun> {
  const artifact = await readArtifact(dir);
  if (!artifact?.base)
    throw new ConfigError(
      `${dir} is no run with an adapter (emotune.json and adapter_config.json): name the folder of a training`,
    );
  const named = nameOnHub(artifact.base.path, base);
  const adapterConfig = await readJson(
    join(dir, 'adapter_config.json'),
    z.looseObject({ base_model_name_or_path: z.string() }),
  );
  if (!adapterConfig) throw new CheckpointError(`${dir}: no adapter_config.json; is this the folder of a whole run?`);
  const baseName = named?.id ?? basename(adapterConfig.base_model_name_or_path);
  const config = await readRunConfig(dir);
  const { data } = artifact;
  const source = data && findSource(data.name);
  return {
    artifact: { ...artifact, base: { ...artifact.base, path: publicPath(artifact.base.path, named) } },
    base: named,
    baseName,
    isEmbedded: isEmbedded(artifact.base.path),
    config,
    result: await readJson(join(dir, 'result.json'), resultSchema),
    started: await readStarted(dir),
    // A file of one's own may be called like a dataset.
    source: source?.licence === data?.licence ? source : undefined,
    adapterConfig: {
      ...adapterConfig,
      base_model_name_or_path: baseName,
      revision: named?.revision ?? null,
    },
  };
}

function nameOnHub(path: string, given: string | undefined): PublishedRun['base'] {
  const known = parseRepositoryName(path);
  const name = given === undefined ? known : parseRepositoryName(given);
  if (given !== undefined && !name)
    throw new ConfigError(`--base: '${given}' is no model on the Hub: expected organisation/name`);
  if (!name) return undefined;
  const { id, revision } = name;
  return revision === 'main' ? { id } : { id, revision };
}

/** How emotune.json names the base: by its name on the Hub, or one that comes with emotune; never by a path of this machine. */
function publicPath(path: string, named: PublishedRun['base']): string {
  if (named) return named.revision === undefined ? named.id : `${named.id}@${named.revision}`;
  return basename(path);
}

/** From the first of a run's events; the rest, which may be long, is not read. */
async function readStarted(run: string): Promise<PublishedRun['started']> {
  for await (const event of recordedEvents(run, Number.POSITIVE_INFINITY)) {
    const parsed = startedSchema.safeParse(event);
    return parsed.success ? parsed.data : undefined;
  }
  return undefined;
}

/** @returns undefined if there is no such file. */
async function readJson<S extends z.ZodType>(path: string, schema: S): Promise<z.output<S> | undefined> {
  const text = await readFile(path, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  const parsed = schema.safeParse(jsonOrUndefined(text));
  if (parsed.success) return parsed.data;
  throw new CheckpointError(`${path} cannot be used: ${showIssues(parsed.error.issues)}`);
}
