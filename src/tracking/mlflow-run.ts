/** Which run on the MLflow server a run is: the one it was before it was interrupted, or a new one. */
import { randomUUID } from 'node:crypto';
import type { TrainPlan } from '../train/events.ts';
import { batchLimits, type MlflowClient, MlflowError, type MlflowRun } from './mlflow-client.ts';
import { type Identity, readIdentity, writeIdentity } from './mlflow-identity.ts';
import { cutParam, paramsOf } from './mlflow-params.ts';
import { configText } from './run-files.ts';

export interface RunPlace {
  readonly uri: string;
  readonly experiment: string;
  /** Of the run, if it is made. */
  readonly name: string;
  readonly plan: TrainPlan;
  /** Called if the server no longer has the run, before it is made anew. */
  readonly onGone: () => void;
}

const KEY_TAG = 'emotune.run';
/** Longest values of parameters: today's servers, older ones. */
const paramLengths = [6000, 500];

/**
 * Finds or makes the run on the server, running and with its parameters. Each answer that takes it further is kept in
 * mlflow.json, so that what fails on the way goes on from there.
 *
 * @returns what the server has of it.
 */
export async function openMlflowRun(client: MlflowClient, place: RunPlace): Promise<MlflowRun> {
  const run = await findOrCreate(client, place);
  if (run.status !== 'RUNNING') await client.updateRun(run.id, 'RUNNING');
  await logParams(client, run, place.plan);
  return run;
}

async function findOrCreate(client: MlflowClient, place: RunPlace): Promise<MlflowRun> {
  const known = await readIdentity(place.plan.out, place);
  if (known?.runId === undefined) return create(client, place, known);
  const run = await client.run(known.runId);
  if (run && !run.deleted) return run;
  place.onGone();
  return create(client, place, undefined);
}

/** Makes a run, or finds the one that was made when an earlier attempt, `begun`, was not told so. */
async function create(client: MlflowClient, place: RunPlace, begun: Identity | undefined): Promise<MlflowRun> {
  const { uri, experiment, name, plan } = place;
  let identity: Identity = begun ?? { uri, experiment, key: randomUUID() };
  const keep = async (more: Partial<Identity>): Promise<void> => {
    identity = { ...identity, ...more };
    await writeIdentity(plan.out, identity);
  };
  const experimentId = identity.experimentId ?? (await client.experiment(experiment));
  await keep({ experimentId });
  const tag = { key: KEY_TAG, value: identity.key };
  const found = begun && (await client.findRun(experimentId, tag));
  const tags = [tag, { key: 'mlflow.runName', value: name }, { key: 'mlflow.source.name', value: 'emotune' }];
  const id = found ?? (await client.createRun({ experimentId, name, tags }));
  await keep({ runId: id });
  const run = found === undefined ? undefined : await client.run(found);
  return run ?? { id, deleted: false, status: 'RUNNING', steps: new Map(), params: new Set() };
}

/** Parameters cannot be changed once they are logged. */
async function logParams(client: MlflowClient, { id, params }: MlflowRun, plan: TrainPlan): Promise<void> {
  const missing = paramsOf(plan, await configText(plan.out)).filter(({ key }) => !params.has(key));
  for (let from = 0; from < missing.length; from += batchLimits.params) {
    const batch = missing.slice(from, from + batchLimits.params);
    const [long, short] = paramLengths.map((length) => batch.map((param) => cutParam(param, length)));
    await client.logBatch(id, { params: long! }).catch((error: unknown) => {
      if (!(error instanceof MlflowError) || error.code !== 'INVALID_PARAMETER_VALUE') throw error;
      return client.logBatch(id, { params: short! });
    });
  }
}
