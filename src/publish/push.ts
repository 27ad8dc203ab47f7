import { basename, join } from 'node:path';
import { stringify } from 'yaml';
import { exists } from '../checkpoint/exists.ts';
import { CheckpointError, ConfigError } from '../core/errors.ts';
import type { HubOptions } from '../hub/options.ts';
import { requireRepositoryId } from '../hub/repository-name.ts';
import { type Upload, type Uploaded, uploadFiles } from '../hub/upload.ts';
import { modelCard } from './card.ts';
import { type PublishedRun, readRun } from './run.ts';

/** What is published, and where. */
export interface PushOptions {
  /** `org/name`; made if it is not there. */
  readonly repository: string;
  readonly isPrivate?: boolean | undefined;
  /** Licence of the adapter. Default: that of the base. */
  readonly license?: string | undefined;
  /** The base's name on the Hub, for a run that had it from a folder. */
  readonly base?: string | undefined;
}

/** Everything that would be sent. */
export interface Publication {
  readonly files: readonly Upload[];
  readonly card: string;
  /** What the author should see to. */
  readonly notes: readonly string[];
  /** Why it cannot be published so; undefined if it can. */
  readonly obstacle: string | undefined;
}

const weights = 'adapter_model.safetensors';

/**
 * Puts together what is published of a run: adapter, labels, settings, results and a model card. No path of this machine is in it.
 *
 * @throws ConfigError, CheckpointError if the folder is no whole run, or a name is none.
 */
export async function preparePush(dir: string, options: PushOptions): Promise<Publication> {
  const repository = requireRepositoryId(options.repository, '--repo');
  const run = await readRun(dir, options.base);
  const file = join(dir, weights);
  if (!(await exists(file))) throw new CheckpointError(`${dir}: no ${weights}; is this the folder of a whole run?`);
  const licence = options.license ?? run.artifact.base.licence;
  const card = modelCard(run, { repository, licence });
  const json = (path: string, value: unknown): Upload => ({ path, text: `${JSON.stringify(value, null, 2)}\n` });
  return {
    card,
    files: [
      { path: 'README.md', text: card },
      json('adapter_config.json', run.adapterConfig),
      { path: weights, file },
      json('emotune.json', run.artifact),
      { path: 'config.yaml', text: stringify(publicSettings(run)) },
      ...(run.result ? [json('result.json', withoutPath(run.result))] : []),
    ],
    notes: notes(run),
    obstacle:
      licence === undefined
        ? `the licence of the base ${run.baseName} is not known, so neither is the adapter's: name it with --license, as in --license llama3`
        : undefined,
  };
}

/** Settings by which others can train the same; not those that are about this machine or who watches it. */
function publicSettings({ config, artifact }: PublishedRun): Record<string, unknown> {
  const { out, overwrite, dataDir, device, threads, track, mlflowUri, mlflowExperiment, ...settings } = config;
  const { data, validation, test, initFrom } = settings;
  return {
    ...settings,
    base: artifact.base.path,
    data: Array.isArray(data) ? data.map((path) => basename(path)) : basename(data),
    ...(validation === undefined ? {} : { validation: basename(validation) }),
    ...(test === undefined ? {} : { test: basename(test) }),
    ...(initFrom === undefined ? {} : { initFrom: basename(initFrom) }),
  };
}

const withoutPath = ({ out: _, ...result }: NonNullable<PublishedRun['result']>) => result;

function notes({ artifact, base, baseName, isEmbedded, result }: PublishedRun): string[] {
  return [
    base || isEmbedded
      ? []
      : `the base is named '${baseName}', after its folder: name it with --base organisation/name if it is on the Hub`,
    artifact.data?.licence === undefined
      ? 'the licence of the data is not known: the card says so, fill it in there'
      : [],
    result?.test ? [] : 'the run did not come to its end: the card has no results',
  ].flat();
}

/**
 * Publishes a run on the Hub, as one commit.
 *
 * @throws ConfigError if its licence is not known, or there is no token; as {@link preparePush}.
 * @throws HubError    if the Hub refuses or cannot be reached.
 */
export async function push(dir: string, options: PushOptions & { readonly hub?: HubOptions }): Promise<Uploaded> {
  const { files, obstacle } = await preparePush(dir, options);
  if (obstacle !== undefined) throw new ConfigError(obstacle);
  const request = {
    id: options.repository,
    isPrivate: options.isPrivate ?? false,
    summary: 'Publish with emotune',
    files,
  };
  return uploadFiles(request, options.hub ?? {});
}
