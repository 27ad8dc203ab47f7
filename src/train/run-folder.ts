import { mkdir, readdir, readFile, rm, rmdir } from 'node:fs/promises';
import { basename, extname, join, resolve } from 'node:path';
import { parse, stringify } from 'yaml';
import { baselineFiles, type SavedBaseline, writeBaseline } from '../baselines/files.ts';
import { makeFolder, syncFolder, writeFileAtomic, writeJson } from '../checkpoint/atomic.ts';
import { exists } from '../checkpoint/exists.ts';
import { CheckpointError, ConfigError } from '../core/errors.ts';
import { findSource } from '../data/sources/registry.ts';
import { type Adapter, writeAdapter } from '../lora/peft.ts';
import { isEmbedded, shortName } from '../models/base.ts';
import { type Artifact, writeArtifact } from '../predict/artifact.ts';
import { baselineKeys, parseTrainConfig, type TrainConfig } from './config.ts';
import type { TrainResult } from './events.ts';
import { MetricsLog } from './metrics-log.ts';
import { LOCK, lockRun } from './run-lock.ts';
import { TrainingCheckpoints } from './training-checkpoint.ts';

/**
 * A run on disk:
 *
 *     adapter_config.json, adapter_model.safetensors   the best weights so far, as PEFT loads them
 *     emotune.json                                     labels, task, threshold, fingerprints
 *     baseline.json, .safetensors, vocabulary.json     of a baseline, in place of these
 *     config.yaml                                      the configuration, complete
 *     metrics.jsonl                                    one line per event
 *     checkpoints/                                     all of the run's state, until it is done
 *     data.tmp/                                        the encoded examples, while it runs
 *     lock                                             the process that trains there, while it runs
 *     result.json                                      written last: scores, time, memory
 *     tensorboard/, mlflow.json                        where the run can be followed, if it was asked for
 */
export interface RunFolder {
  readonly dir: string;
  readonly metrics: MetricsLog;
  readonly checkpoints: TrainingCheckpoints;
  saveAdapter(adapter: Adapter, artifact: Omit<Artifact, 'version'>): Promise<void>;
  saveBaseline(saved: SavedBaseline): Promise<void>;
  saveResult(result: TrainResult): Promise<void>;
}

/** A run's folder that no other process works in. */
export interface RunClaim {
  readonly dir: string;
  /** Gives it back; a folder that nothing came into does not stay behind. */
  release(): Promise<void>;
}

const CONFIG = 'config.yaml';
const METRICS = 'metrics.jsonl';
const RESULT = 'result.json';
const WORK = 'data.tmp';
const files = [
  'adapter_config.json',
  'adapter_model.safetensors',
  'emotune.json',
  ...baselineFiles,
  CONFIG,
  METRICS,
  RESULT,
  'tensorboard',
  'mlflow.json',
];

/**
 * Where a new run would be kept.
 *
 * @throws ConfigError if the folder holds something already and may not be replaced.
 */
export async function chooseRunFolder(config: TrainConfig): Promise<string> {
  if (config.out !== undefined) {
    await checkVacant(config.out, config);
    return config.out;
  }
  return firstCandidate(config, async (folder) => !(await exists(folder)));
}

/**
 * Takes a folder for a new run.
 *
 * @throws ConfigError if it holds something already and may not be replaced, or another process is training there.
 */
export async function claimNewRun(config: TrainConfig): Promise<RunClaim> {
  if (config.out === undefined) return claimRun(await makeFreshFolder(config));
  await checkVacant(config.out, config);
  await makeFolder(config.out);
  const claim = await claimRun(config.out);
  try {
    await checkVacant(config.out, config); // another run may have come and gone
    return claim;
  } catch (error) {
    await claim.release();
    throw error;
  }
}

/**
 * Takes the folder of a run.
 *
 * @throws ConfigError if another process is training there.
 */
export async function claimRun(dir: string): Promise<RunClaim> {
  const unlock = await lockRun(dir);
  return {
    dir,
    async release() {
      await unlock();
      await rmdir(dir).catch(() => {}); // it holds something
    },
  };
}

async function checkVacant(dir: string, { overwrite }: TrainConfig): Promise<void> {
  const left = [WORK, LOCK]; // by a killed process
  const found = await readdir(dir).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw new ConfigError(`${dir} is no folder (${error.code}): choose another --out`);
  });
  const inside = found.filter((file) => !left.includes(file));
  if (inside.length === 0 || overwrite) return;
  const goOn = (await isInterrupted(dir)) ? `go on with the interrupted run there with --resume ${dir}, ` : '';
  throw new ConfigError(`${dir} is not empty: ${goOn}choose another --out, or replace what is there with --overwrite`);
}

/** Whether {@link resume} can go on with the run, or begin it again. */
const isInterrupted = async (dir: string): Promise<boolean> =>
  (await new TrainingCheckpoints(dir).exist()) || (await hasBarelyBegun(dir));

/** Whether a run has come to its end. */
export const isDone = async (dir: string): Promise<boolean> =>
  (await exists(join(dir, RESULT))) && !(await new TrainingCheckpoints(dir).exist());

/** Whether a run was killed before it had anything to go on from: it is begun again, and nothing is lost. */
export async function hasBarelyBegun(dir: string): Promise<boolean> {
  const inside: readonly string[] = await readdir(dir).catch(() => []);
  const hasResult = [RESULT, 'adapter_model.safetensors'].some((file) => inside.includes(file));
  return inside.includes(CONFIG) && !hasResult && !(await new TrainingCheckpoints(dir).exist());
}

const dataNames = (data: TrainConfig['data']): string =>
  [data]
    .flat()
    .map((name) => basename(name, extname(name)))
    .join('+');

/** Where a run's working files lie. */
export const workFolderOf = (dir: string): string => join(dir, WORK);

/** Fills the claimed folder of a run that is ready to start. What an earlier run left there is removed first. */
export async function createRunFolder(dir: string, { overwrite: _, ...config }: TrainConfig): Promise<RunFolder> {
  for (const file of files) await rm(join(dir, file), { force: true, recursive: true });
  await new TrainingCheckpoints(dir).clear();
  const all = Object.entries({ ...config, ...(await absolutePaths(config)), out: dir });
  const own = config.model === undefined ? all : all.filter(([key]) => baselineKeys.has(key));
  await writeFileAtomic(join(dir, CONFIG), stringify(Object.fromEntries(own)));
  return runFolder(dir, await MetricsLog.open(join(dir, METRICS)));
}

/** The paths of a configuration as they are from anywhere, so that a run can go on from another folder. */
async function absolutePaths({ base, data, dataDir, validation, test, initFrom }: Omit<TrainConfig, 'overwrite'>) {
  const absolute = async (path: string): Promise<string> => ((await exists(path)) ? resolve(path) : path);
  const ofData = (name: string): Promise<string> | string => (findSource(name) === undefined ? absolute(name) : name);
  const given = Object.entries({ dataDir, validation, test, initFrom });
  const paths = given.flatMap(([name, path]) => (path === undefined ? [] : [[name, resolve(path)] as const]));
  return {
    base: isEmbedded(base) ? base : await absolute(base),
    data: typeof data === 'string' ? await ofData(data) : await Promise.all(data.map(ofData)),
    ...Object.fromEntries(paths),
  };
}

/** Opens the claimed folder of an interrupted run to go on in it: its metrics end where its checkpoint was written. */
export async function openRunFolder(dir: string, metricsBytes: number): Promise<RunFolder> {
  const metrics = await MetricsLog.open(join(dir, METRICS), metricsBytes);
  await rm(join(dir, RESULT), { force: true });
  return runFolder(dir, metrics);
}

/**
 * The configuration of a run.
 *
 * @throws CheckpointError if the folder holds none, or one that cannot be used.
 */
export async function readRunConfig(dir: string): Promise<TrainConfig> {
  const path = join(dir, CONFIG);
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new CheckpointError(`${dir} is no run: it has no ${CONFIG}; start one with train --out`, { cause });
  });
  try {
    return parseTrainConfig({ ...parse(text), out: dir });
  } catch (cause) {
    throw new CheckpointError(`${path} cannot be used: ${(cause as Error).message}`, { cause });
  }
}

function runFolder(dir: string, metrics: MetricsLog): RunFolder {
  return {
    dir,
    metrics,
    checkpoints: new TrainingCheckpoints(dir),
    async saveAdapter(adapter, artifact) {
      await writeArtifact(dir, artifact);
      await writeAdapter(dir, adapter);
    },
    saveBaseline: (saved) => writeBaseline(dir, saved),
    saveResult: (result) => writeJson(join(dir, RESULT), result),
  };
}

/** The first of the folders under runs/ that are called after base and data, the plain one before `-2`, `-3` …, that will do. */
async function firstCandidate(
  { model, base, data }: TrainConfig,
  willDo: (folder: string) => Promise<boolean>,
): Promise<string> {
  const path = join('runs', `${model ?? shortName(base)}-${dataNames(data)}`);
  for (let n = 1; ; n++) {
    const folder = n === 1 ? path : `${path}-${n}`;
    if (await willDo(folder)) return folder;
  }
}

/** Makes the first candidate that nobody else has made. */
async function makeFreshFolder(config: TrainConfig): Promise<string> {
  await makeFolder('runs');
  const made = await firstCandidate(config, isNew);
  await syncFolder('runs');
  return made;
}

/** Makes a folder; whether there was none. */
async function isNew(folder: string): Promise<boolean> {
  try {
    await mkdir(folder);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}
