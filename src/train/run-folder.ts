import { appendFile, mkdir, readdir, rm, stat } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import { stringify } from 'yaml';
import { writeFileAtomic, writeJson } from '../checkpoint/atomic.ts';
import { ConfigError } from '../core/errors.ts';
import { type Adapter, writeAdapter } from '../lora/peft.ts';
import { type Artifact, writeArtifact } from '../predict/artifact.ts';
import type { TrainConfig } from './config.ts';
import type { TrainEvent, TrainResult } from './events.ts';

/**
 * A run on disk:
 *
 *     adapter_config.json, adapter_model.safetensors   the best weights so far, as PEFT loads them
 *     emotune.json                                     labels, task, threshold, fingerprints
 *     config.yaml                                      the configuration, complete
 *     metrics.jsonl                                    one line per event
 *     result.json                                      written last: scores, time, memory
 */
export interface RunFolder {
  readonly dir: string;
  log(event: TrainEvent): Promise<void>;
  saveAdapter(adapter: Adapter, artifact: Omit<Artifact, 'version'>): Promise<void>;
  saveResult(result: TrainResult): Promise<void>;
}

const files = [
  'adapter_config.json',
  'adapter_model.safetensors',
  'emotune.json',
  'config.yaml',
  'metrics.jsonl',
  'result.json',
];

/**
 * Where a new run is to be kept.
 *
 * @throws ConfigError if the folder holds something already and may not be replaced.
 */
export async function chooseRunFolder({ base, data, out, overwrite }: TrainConfig): Promise<string> {
  const dir = out ?? (await freshFolder(join('runs', `${basename(base)}-${basename(data, extname(data))}`)));
  const inside = await readdir(dir).catch(() => []);
  if (inside.length > 0 && !overwrite)
    throw new ConfigError(`${dir} is not empty: choose another --out, or replace what is there with --overwrite`);
  return dir;
}

/** Makes the folder of a run that is ready to start. What an earlier run left there is removed first. */
export async function createRunFolder(dir: string, { overwrite: _, ...config }: TrainConfig): Promise<RunFolder> {
  for (const file of files) await rm(join(dir, file), { force: true });
  await mkdir(dir, { recursive: true });
  await writeFileAtomic(join(dir, 'config.yaml'), stringify({ ...config, out: dir }));
  await writeFileAtomic(join(dir, 'metrics.jsonl'), '');
  return {
    dir,
    log: (event) => appendFile(join(dir, 'metrics.jsonl'), `${JSON.stringify(event)}\n`),
    async saveAdapter(adapter, artifact) {
      await writeArtifact(dir, artifact);
      await writeAdapter(dir, adapter);
    },
    saveResult: (result) => writeJson(join(dir, 'result.json'), result),
  };
}

/** The first of `path`, `path-2`, `path-3` … that does not exist. */
async function freshFolder(path: string): Promise<string> {
  for (let n = 1; ; n++) {
    const candidate = n === 1 ? path : `${path}-${n}`;
    const exists = await stat(candidate).then(
      () => true,
      () => false,
    );
    if (!exists) return candidate;
  }
}
