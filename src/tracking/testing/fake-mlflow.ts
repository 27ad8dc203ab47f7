/** An MLflow server for tests: keeps what it is sent, checks it as the real one does, and fails when it is told to. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

export interface FakeRun {
  readonly id: string;
  readonly experiment: string;
  readonly name: string;
  status: string;
  endTime: number | undefined;
  deleted: boolean;
  readonly tags: Map<string, string>;
  readonly params: Map<string, string>;
  readonly metrics: { readonly key: string; readonly value: number | string; readonly step: number }[];
}

/** How a request goes wrong: a status, maybe with Retry-After; a connection that breaks before or after the work. */
export type Fault =
  | { readonly status: number; readonly retryAfter?: string; readonly body?: string }
  | 'broken before'
  | 'broken after';

interface Refusal {
  readonly code: string;
  readonly message: string;
}

function refuse(code: string, message: string): never {
  throw { code, message } satisfies Refusal;
}

interface Pair {
  readonly key: string;
  readonly value: string;
}

/** The fields of all requests; each has some of them. */
interface Body {
  readonly experiment_name: string;
  readonly experiment_id: string;
  readonly name: string;
  readonly run_name: string;
  readonly run_id: string;
  readonly filter: string;
  readonly status: string;
  readonly end_time?: number;
  readonly tags: readonly Pair[];
  readonly params?: readonly Pair[];
  readonly metrics?: FakeRun['metrics'];
}

export class FakeMlflow {
  readonly experiments = new Map<string, string>();
  readonly runs = new Map<string, FakeRun>();
  /** `POST runs/log-batch` and so on, in order. */
  readonly requests: string[] = [];
  readonly authorizations = new Set<string | undefined>();
  /** Says what goes wrong with a request, by its path. */
  fault: (path: string) => Fault | undefined = () => undefined;
  maxParamLength = 6000;
  #server: Server | undefined;
  #port = 0;

  get uri(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Listens, on the same port if it has listened before. */
  async listen(): Promise<this> {
    this.#server = createServer((request, response) => void this.#handle(request, response));
    this.#server.listen(this.#port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.#port = (this.#server.address() as AddressInfo).port;
    return this;
  }

  async stop(): Promise<void> {
    const server = this.#server;
    if (!server) return;
    this.#server = undefined;
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  }

  /** The only run there is. */
  get run(): FakeRun {
    if (this.runs.size !== 1) throw new Error(`${this.runs.size} runs on the server`);
    return [...this.runs.values()][0]!;
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '', this.uri);
    const path = url.pathname.replace('/api/2.0/mlflow/', '');
    const body = (
      request.method === 'POST' ? JSON.parse(await text(request)) : Object.fromEntries(url.searchParams)
    ) as Body;
    this.requests.push(`${request.method} ${path}`);
    this.authorizations.add(request.headers.authorization);
    const fault = this.fault(path);
    if (fault === 'broken before') {
      request.socket.destroy();
      return;
    }
    if (typeof fault === 'object') {
      response.writeHead(fault.status, fault.retryAfter === undefined ? {} : { 'retry-after': fault.retryAfter });
      response.end(fault.body ?? '');
      return;
    }
    const [status, answer] = this.#answer(`${request.method} ${path}`, body);
    if (fault === 'broken after') request.socket.destroy();
    else response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
  }

  #answer(request: string, body: Body): [number, unknown] {
    try {
      const route = this.#routes[request] ?? refuse('ENDPOINT_NOT_FOUND', `no ${request}`);
      return [200, route(body)];
    } catch (error) {
      const { code, message } = error as Refusal;
      return [/NOT_EXIST|NOT_FOUND/.test(code) ? 404 : 400, { error_code: code, message }];
    }
  }

  readonly #routes: Readonly<Record<string, (body: Body) => unknown>> = {
    'GET experiments/get-by-name': ({ experiment_name: name }) => ({
      experiment: {
        experiment_id: this.experiments.get(name) ?? refuse('RESOURCE_DOES_NOT_EXIST', `no experiment ${name}`),
      },
    }),
    'POST experiments/create': ({ name }) => {
      if (this.experiments.has(name)) refuse('RESOURCE_ALREADY_EXISTS', `there is an experiment ${name}`);
      this.experiments.set(name, String(this.experiments.size + 1));
      return { experiment_id: this.experiments.get(name) };
    },
    'POST runs/create': ({ experiment_id: experiment, run_name: name, tags }) => {
      const id = String(this.runs.size).padStart(32, 'a');
      this.runs.set(id, {
        id,
        experiment,
        name,
        status: 'RUNNING',
        endTime: undefined,
        deleted: false,
        tags: new Map(tags.map((tag) => [tag.key, tag.value])),
        params: new Map(),
        metrics: [],
      });
      return { run: { info: { run_id: id } } };
    },
    'POST runs/search': ({ filter }) => {
      const [, key, value] = /^tags\.`(.+)` = '(.+)'$/.exec(filter) ?? refuse('INVALID_PARAMETER_VALUE', filter);
      const runs = [...this.runs.values()].filter((run) => !run.deleted && run.tags.get(key!) === value);
      return runs.length === 0 ? {} : { runs: runs.map(({ id }) => ({ info: { run_id: id } })) };
    },
    'GET runs/get': ({ run_id: id }) => {
      const run = this.#find(id);
      const last = new Map<string, { key: string; step: string }>();
      for (const { key, step } of run.metrics)
        if (step >= Number(last.get(key)?.step ?? 0)) last.set(key, { key, step: String(step) });
      const info = { run_id: id, status: run.status, lifecycle_stage: run.deleted ? 'deleted' : 'active' };
      const params = [...run.params].map(([key, value]) => ({ key, value }));
      return { run: { info, data: { metrics: [...last.values()], params } } };
    },
    'POST runs/log-batch': (body) => this.#logBatch(body),
    'POST runs/update': ({ run_id: id, status, end_time: endTime }) => {
      Object.assign(this.#find(id), { status, endTime });
      return { run_info: {} };
    },
  };

  #logBatch({ run_id: id, metrics = [], params = [] }: Body): unknown {
    const run = this.#find(id);
    const invalid = (message: string) => refuse('INVALID_PARAMETER_VALUE', message);
    if (metrics.length > 1000) invalid('at most 1000 metrics');
    if (params.length > 100) invalid('at most 100 params');
    for (const { key, value } of params) {
      if (value.length > this.maxParamLength) invalid(`param ${key} is too long`);
      if (run.params.has(key) && run.params.get(key) !== value) invalid(`param ${key} was logged before`);
      run.params.set(key, value);
    }
    for (const metric of metrics) {
      if (!/^[/\w.\- ]+$/.test(metric.key)) invalid(`Invalid metric name: ${metric.key}`);
      if (typeof metric.value !== 'number' && !/^(NaN|-?Infinity)$/.test(metric.value))
        invalid(`value of ${metric.key}`);
      run.metrics.push(metric);
    }
    return {};
  }

  #find(id: string): FakeRun {
    return this.runs.get(id) ?? refuse('RESOURCE_DOES_NOT_EXIST', `no run ${id}`);
  }
}
