/**
 * The part of MLflow's REST API 2.0 that a run needs.
 *
 * @see https://mlflow.org/docs/latest/rest-api.html
 */
import { z } from 'zod';
import { showIssues } from '../core/errors.ts';
import { jsonOrUndefined } from '../core/json.ts';

/** Where the server is, and who asks: a token, or a user with a password. */
export interface MlflowServer {
  /** `http://localhost:5000` */
  readonly uri: string;
  readonly token?: string;
  readonly username?: string;
  readonly password?: string;
}

/** What the server did not do, and whether it may do it later. */
export class MlflowError extends Error {
  readonly temporary: boolean;
  /** MLflow's own word for what is wrong, such as RESOURCE_DOES_NOT_EXIST; empty if it did not answer. */
  readonly code: string;
  /** Whether the server may have done what it was asked, for all we know. */
  readonly mayBeDone: boolean;
  /** How long the server wants to be left alone. */
  readonly retryAfterMs: number | undefined;

  constructor(
    message: string,
    { temporary, code = '', mayBeDone = true, retryAfterMs }: Partial<MlflowError> & { readonly temporary: boolean },
  ) {
    super(message);
    this.temporary = temporary;
    this.code = code;
    this.mayBeDone = mayBeDone;
    this.retryAfterMs = retryAfterMs;
  }
}

export interface MlflowMetric {
  readonly key: string;
  readonly value: number;
  /** Milliseconds since 1970. */
  readonly timestamp: number;
  readonly step: number;
}

export interface MlflowPair {
  readonly key: string;
  readonly value: string;
}

/** What the server has of a run. */
export interface MlflowRun {
  readonly id: string;
  readonly deleted: boolean;
  readonly status: MlflowStatus;
  /** The last step of each metric. */
  readonly steps: ReadonlyMap<string, number>;
  readonly params: ReadonlySet<string>;
}

const statuses = ['RUNNING', 'SCHEDULED', 'FINISHED', 'FAILED', 'KILLED'] as const;
export type MlflowStatus = (typeof statuses)[number];

/** What a request of {@link MlflowClient.logBatch} may hold. */
export const batchLimits = { metrics: 1000, params: 100 };

export interface MlflowClient {
  /** The id of the experiment of a name, which is made if there is none. */
  experiment(name: string): Promise<string>;
  createRun(run: { experimentId: string; name: string; tags: readonly MlflowPair[] }): Promise<string>;
  /** The run of an experiment that has a tag. */
  findRun(experimentId: string, tag: MlflowPair): Promise<string | undefined>;
  /** Undefined if the server does not know the run. */
  run(id: string): Promise<MlflowRun | undefined>;
  /** At most as many of each as {@link batchLimits} says. */
  logBatch(id: string, batch: { metrics?: readonly MlflowMetric[]; params?: readonly MlflowPair[] }): Promise<void>;
  updateRun(id: string, status: MlflowStatus): Promise<void>;
}

interface Connection extends MlflowServer {
  readonly timeoutMs: number;
  /** Ends requests in progress. */
  readonly signal: AbortSignal;
}

/** Every method throws an {@link MlflowError} if the server does not do what it is asked. */
export function mlflowClient(connection: Connection): MlflowClient {
  const get = <T>(path: string, query: Record<string, string>, answer: z.ZodType<T>): Promise<T> =>
    ask(connection, `${path}?${new URLSearchParams(query)}`, undefined, answer);
  const post = <T>(path: string, body: unknown, answer: z.ZodType<T>): Promise<T> =>
    ask(connection, path, body, answer);

  const existing = (name: string): Promise<string | undefined> =>
    get('experiments/get-by-name', { experiment_name: name }, experimentAnswer).then(
      ({ experiment }) => experiment.experiment_id,
      orUndefined('RESOURCE_DOES_NOT_EXIST'),
    );
  return {
    async experiment(name) {
      const made = async () =>
        (await post('experiments/create', { name }, experimentCreated).catch(orUndefined('RESOURCE_ALREADY_EXISTS')))
          ?.experiment_id;
      // Between the two, another run may have made it.
      const id = (await existing(name)) ?? (await made()) ?? (await existing(name));
      if (id === undefined)
        throw new MlflowError(`the experiment ${JSON.stringify(name)} can neither be found nor made`, {
          temporary: false,
        });
      return id;
    },
    async createRun({ experimentId, name, tags }) {
      const body = { experiment_id: experimentId, run_name: name, start_time: Date.now(), tags };
      return (await post('runs/create', body, runCreated)).run.info.run_id;
    },
    async findRun(experimentId, { key, value }) {
      const filter = `tags.\`${key}\` = '${value}'`;
      const body = { experiment_ids: [experimentId], filter, max_results: 1 };
      return (await post('runs/search', body, runsFound)).runs[0]?.info.run_id;
    },
    run: (id) => get('runs/get', { run_id: id }, runAnswer).then(toRun, orUndefined('RESOURCE_DOES_NOT_EXIST')),
    async logBatch(id, { metrics = [], params = [] }) {
      await post('runs/log-batch', { run_id: id, metrics: metrics.map(toWire), params, tags: [] }, anything);
    },
    async updateRun(id, status) {
      const end = status === 'RUNNING' ? {} : { end_time: Date.now() };
      await post('runs/update', { run_id: id, status, ...end }, anything);
    },
  };
}

/** JSON has no word for what is no number; protobuf's mapping to JSON, which the server reads, takes a text. */
const toWire = ({ value, ...metric }: MlflowMetric) => ({
  ...metric,
  value: Number.isFinite(value) ? value : String(value),
});

const orUndefined = (code: string) => (error: unknown) => {
  if (error instanceof MlflowError && error.code === code) return undefined;
  throw error;
};

const anything = z.unknown();
const experimentAnswer = z.object({ experiment: z.object({ experiment_id: z.string() }) });
const experimentCreated = z.object({ experiment_id: z.string() });
const info = z.object({
  run_id: z.string(),
  status: z.enum(statuses).default('RUNNING'),
  lifecycle_stage: z.string().optional(),
});
const runCreated = z.object({ run: z.object({ info }) });
const runsFound = z.object({ runs: z.array(z.object({ info })).default([]) });
const runAnswer = z.object({
  run: z.object({
    info,
    data: z
      .object({
        // A 64-bit number may come as a text; zero may be left out.
        metrics: z.array(z.object({ key: z.string(), step: z.coerce.number().default(0) })).default([]),
        params: z.array(z.object({ key: z.string() })).default([]),
      })
      .default({ metrics: [], params: [] }),
  }),
});

const toRun = ({ run: { info, data } }: z.output<typeof runAnswer>): MlflowRun => ({
  id: info.run_id,
  deleted: info.lifecycle_stage === 'deleted',
  status: info.status,
  steps: new Map(data.metrics.map(({ key, step }) => [key, step])),
  params: new Set(data.params.map(({ key }) => key)),
});

async function ask<T>(connection: Connection, path: string, body: unknown, answer: z.ZodType<T>): Promise<T> {
  const { response, text } = await send(connection, path, body);
  if (response.status !== 200) throw refusal(response, hide(text, connection));
  const parsed = answer.safeParse(jsonOrUndefined(text));
  if (parsed.success) return parsed.data;
  throw new MlflowError(`its answer to ${path.split('?')[0]} is not MLflow's: ${showIssues(parsed.error.issues)}`, {
    temporary: false,
  });
}

async function send(
  connection: Connection,
  path: string,
  body: unknown,
): Promise<{ readonly response: Response; readonly text: string }> {
  const { uri, timeoutMs, signal } = connection;
  try {
    const response = await fetch(`${uri.replace(/\/+$/, '')}/api/2.0/mlflow/${path}`, {
      method: body === undefined ? 'GET' : 'POST',
      headers: { ...authorization(connection), 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      // A redirect would turn a POST into a GET, and could take the token elsewhere.
      redirect: 'manual',
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
    });
    return { response, text: await response.text() };
  } catch (error) {
    throw new MlflowError(`no answer (${reasonOf(error)})`, { temporary: true });
  }
}

function authorization({ token, username, password }: MlflowServer): Record<string, string> {
  if (token) return { authorization: `Bearer ${token}` };
  if (!username) return {};
  return { authorization: `Basic ${Buffer.from(`${username}:${password ?? ''}`).toString('base64')}` };
}

/** fetch says only that it failed; why is in its cause. */
function reasonOf(error: unknown): string {
  const { message, name, cause } = error as Error;
  if (name === 'TimeoutError') return 'it took too long';
  const { code, message: inner } = (cause ?? {}) as NodeJS.ErrnoException;
  return code ?? (inner || message);
}

function refusal(response: Response, text: string): MlflowError {
  const { status, statusText, headers } = response;
  const parsed = errorBody.safeParse(jsonOrUndefined(text));
  const { error_code: code, message } = parsed.success ? parsed.data : { error_code: '', message: '' };
  const location = headers.get('location');
  const details = [`${status} ${statusText}`.trim(), code, message.slice(0, 300), location && `goes to ${location}`];
  return new MlflowError(details.filter(Boolean).join(': '), {
    temporary: status >= 500 || [408, 425, 429].includes(status),
    code,
    mayBeDone: status !== 429,
    retryAfterMs: retryAfter(headers.get('retry-after')),
  });
}

const errorBody = z.object({ error_code: z.coerce.string().default(''), message: z.string().default('') });

/** Seconds, or a date. */
function retryAfter(header: string | null): number | undefined {
  if (header === null) return undefined;
  const seconds = Number(header);
  const ms = Number.isNaN(seconds) ? Date.parse(header) - Date.now() : seconds * 1000;
  return Number.isNaN(ms) ? undefined : Math.max(0, ms);
}

/** A server may repeat what it was sent. */
const hide = (text: string, { token, password }: MlflowServer): string =>
  [token, password].reduce<string>((shown, secret) => (secret ? shown.replaceAll(secret, '…') : shown), text);
