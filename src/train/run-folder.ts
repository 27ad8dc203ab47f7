import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import { parse, stringify } from 'yaml';
import { writeFileAtomic, writeJson } from '../checkpoint/atomic.ts';
import { exists } from '../checkpoint/exists.ts';
import { CheckpointError, ConfigError } from '../core/errors.ts';
import { type Adapter, writeAdapter } from '../lora/peft.ts';
import { shortName } from '../models/base.ts';
import { type Artifact, writeArtifact } from '../predict/artifact.ts';
import { parseTrainConfig, type TrainConfig } from './config.ts';
import type { TrainResult } from './events.ts';
import { MetricsLog } from './metrics-log.ts';
import { lockRun } from './run-lock.ts';
import { TrainingCheckpoints } from './training-checkpoint.ts';

/**
 * A run on disk:
 *
 *     adapter_config.json, adapter_model.safetensors   the best weights so far, as PEFT loads them
 *     emotune.json                                     labels, task, threshold, fingerprints
 *     config.yaml                                      the configuration, complete
 *     metrics.jsonl                                    one line per event
 *     checkpoints/                                     all of the run's state, until it is done
 *     data.tmp/                                        the encoded examples, while it runs
 *     result.json                                      written last: scores, time, memory
 *     tensorboard/, mlflow.json                        where the run can be followed, if it was asked for
 */
export interface RunFolder {
  readonly dir: string;
  readonly metrics: MetricsLog;
  readonly checkpoints: TrainingCheckpoints;
  saveAdapter(adapter: Adapter, artifact: Omit<Artifact, 'version'>): Promise<void>;
  saveResult(result: TrainResult): Promise<void>;
  /** Gives the folder back to other processes. */
  close(): Promise<void>;
}

const CONFIG = 'config.yaml';
const METRICS = 'metrics.jsonl';
const RESULT = 'result.json';
const WORK = 'data.tmp';
const files = [
  'adapter_config.json',
  'adapter_model.safetensors',
  'emotune.json',
  CONFIG,
  METRICS,
  RESULT,
  'tensorboard',
  'mlflow.json',
];

/**
 * Where a new run is to be kept.
 *
 * @throws ConfigError if the folder holds something already and may not be replaced.
 */
export async function chooseRunFolder({ base, data, out, overwrite }: TrainConfig): Promise<string> {
  const dir = out ?? (await freshFolder(join('runs', `${shortName(base)}-${dataNames(data)}`)));
  const inside = (await readdir(dir).catch(() => [])).filter((file) => file !== WORK); // left by a killed process
  if (inside.length > 0 && !overwrite) {
    const interrupted = await new TrainingCheckpoints(dir).exist();
    const goOn = interrupted ? `go on with the interrupted run there with --resume ${dir}, ` : '';
    throw new ConfigError(
      `${dir} is not empty: ${goOn}choose another --out, or replace what is there with --overwrite`,
    );
  }
  return dir;
}

const dataNames = (data: TrainConfig['data']): string =>
  [data]
    .flat()
    .map((name) => basename(name, extname(name)))
    .join('+');

/** Where a run's working files lie. */
export const workFolderOf = (dir: string): string => join(dir, WORK);

/** Makes the folder of a run that is ready to start. What an earlier run left there is removed first. */
export async function createRunFolder(dir: string, { overwrite: _, ...config }: TrainConfig): Promise<RunFolder> {
  await mkdir(dir, { recursive: true });
  return locked(dir, async () => {
    for (const file of files) await rm(join(dir, file), { force: true, recursive: true });
    await new TrainingCheckpoints(dir).clear();
    await writeFileAtomic(join(dir, CONFIG), stringify({ ...config, out: dir }));
    return MetricsLog.open(join(dir, METRICS));
  });
}

/** Opens the folder of an interrupted run to go on in it: its metrics end where its checkpoint was written. */
export async function openRunFolder(dir: string, metricsBytes: number): Promise<RunFolder> {
  return locked(dir, async () => {
    await rm(join(dir, RESULT), { force: true });
    return MetricsLog.open(join(dir, METRICS), metricsBytes);
  });
}

/**
 * The configuration of a run.
 *
 * @throws CheckpointError if the folder holds none.
 */
export async function readRunConfig(dir: string): Promise<TrainConfig> {
  const path = join(dir, CONFIG);
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new CheckpointError(`${dir} is no run: it has no ${CONFIG}`, { cause });
  });
  return parseTrainConfig({ ...parse(text), out: dir });
}

async function locked(dir: string, openMetrics: () => Promise<MetricsLog>): Promise<RunFolder> {
  const unlock = await lockRun(dir);
  try {
    return runFolder(dir, await openMetrics(), unlock);
  } catch (error) {
    await unlock();
    throw error;
  }
}

function runFolder(dir: string, metrics: MetricsLog, unlock: () => Promise<void>): RunFolder {
  return {
    dir,
    metrics,
    checkpoints: new TrainingCheckpoints(dir),
    async saveAdapter(adapter, artifact) {
      await writeArtifact(dir, artifact);
      await writeAdapter(dir, adapter);
    },
    saveResult: (result) => writeJson(join(dir, RESULT), result),
    async close() {
      await metrics.close();
      await unlock();
    },
  };
}

/** The first of `path`, `path-2`, `path-3` … that does not exist. */
async function freshFolder(path: string): Promise<string> {
  for (let n = 1; ; n++) {
    const candidate = n === 1 ? path : `${path}-${n}`;
    if (!(await exists(candidate))) return candidate;
  }
}
