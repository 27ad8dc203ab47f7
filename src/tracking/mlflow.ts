/** A run on an MLflow server, told in the background: training neither waits for the server nor fails with it. */
import { basename, resolve } from 'node:path';
import { ConfigError } from '../core/errors.ts';
import type { TrainEvent, TrainPlan } from '../train/events.ts';
import {
  batchLimits,
  type MlflowClient,
  MlflowError,
  type MlflowMetric,
  type MlflowRun,
  type MlflowServer,
  type MlflowStatus,
  mlflowClient,
} from './mlflow-client.ts';
import { metricKey } from './mlflow-params.ts';
import { openMlflowRun } from './mlflow-run.ts';
import { recordedBytes, recordedEvents } from './run-files.ts';
import { pointOf } from './scalars.ts';
import { type Ending, processWarning, type Sink, type SinkOptions } from './sink.ts';

export interface MlflowOptions extends MlflowServer, SinkOptions {
  /** Made if the server has none of this name. Default: emotune. */
  readonly experiment?: string;
  /** Default: the name of the run's folder. */
  readonly runName?: string;
  /** Where the defaults do not suit. */
  readonly pace?: Partial<Pace>;
}

/** How often and how long the server is asked. */
interface Pace {
  /** Between batches of metrics. */
  readonly everyMs: number;
  /** After a failure; doubled with each, up to `maxRetryMs`. */
  readonly retryMs: number;
  readonly maxRetryMs: number;
  /** For one answer. */
  readonly timeoutMs: number;
  /** At the end, for all that is left. */
  readonly closeMs: number;
  /** Metrics kept in memory while the server is away; then they are read again from metrics.jsonl. */
  readonly maxPending: number;
}

const defaultPace: Pace = {
  everyMs: 5000,
  retryMs: 1000,
  maxRetryMs: 60_000,
  timeoutMs: 10_000,
  closeMs: 10_000,
  maxPending: 100_000,
};

/**
 * Logs a run to an MLflow server: the configuration as parameters, the numbers of its steps and evaluations as
 * metrics, and how it ended.
 *
 * The run's id is kept in mlflow.json in the run's folder. When the run goes on, or after an answer that never came, the
 * server is asked what it has, and is sent what it lacks: no step is logged twice, none is left out.
 *
 * @throws ConfigError if the address cannot be used.
 */
export function mlflow({ warn = processWarning, pace, ...options }: MlflowOptions): Sink {
  checkAddress(options.uri);
  return new Mlflow({ ...options, warn }, { ...defaultPace, ...pace });
}

/** The address is in messages and in config.yaml, so it must hold no password; nor is it repeated here. */
function checkAddress(uri: string): void {
  const url = URL.canParse(uri) ? new URL(uri) : undefined;
  if (url?.username || url?.password)
    throw new ConfigError(
      'the address of the MLflow server holds a user or password, which would be written to files: leave them out and set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD',
    );
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:')
    throw new ConfigError(
      `the MLflow server cannot be ${JSON.stringify(uri)}: an address such as http://localhost:5000 is needed (mlflow server starts one)`,
    );
}

const statusOf: Readonly<Record<Ending, MlflowStatus>> = { finished: 'FINISHED', stopped: 'KILLED', failed: 'FAILED' };

class Mlflow implements Sink {
  readonly #options: MlflowOptions & Required<SinkOptions>;
  readonly #pace: Pace;
  readonly #client: MlflowClient;
  readonly #abort = new AbortController();
  #plan: TrainPlan | undefined;
  #work: Promise<void> | undefined;
  #queue: MlflowMetric[] = [];
  /** Metrics that were not kept for want of room and have not been read again. */
  #dropped = 0;
  /** How much of metrics.jsonl is to be sent before the queue. */
  #behindBytes = 0;
  /** What the server has; unknown before the first answer, and again after a failure. */
  #run: MlflowRun | undefined;
  #steps = new Map<string, number>();
  #ending: Ending | undefined;
  #ended = false;
  #failing = false;
  #warned = false;
  #refused = false;
  #wake: (reason: 'batch' | 'close') => void = () => {};

  constructor(options: MlflowOptions & Required<SinkOptions>, pace: Pace) {
    this.#options = options;
    this.#pace = pace;
    this.#client = mlflowClient({ ...options, timeoutMs: pace.timeoutMs, signal: this.#abort.signal });
  }

  async event(event: TrainEvent): Promise<void> {
    if (event.type === 'started') {
      this.#plan = event;
      this.#behindBytes = await recordedBytes(event.out).catch(() => 0);
      this.#work ??= this.#deliver();
      return;
    }
    this.#queue.push(...this.#metricsOf(event));
    if (this.#refused || this.#queue.length > this.#pace.maxPending) this.#dropQueue();
    if (event.type === 'evaluated' || this.#queue.length >= batchLimits.metrics) this.#wake('batch');
  }

  async close(ending: Ending): Promise<void> {
    if (!this.#work) return;
    this.#ending = ending;
    this.#wake('close');
    const timer = setTimeout(() => {
      this.#abort.abort();
      this.#wake('close');
    }, this.#pace.closeMs);
    await this.#work;
    clearTimeout(timer);
    const unsent = this.#queue.length + this.#dropped;
    if (unsent > 0) this.#say(`${unsent} metric values could not be sent; metrics.jsonl has them`);
    else if (!this.#ended) this.#say(`it was not told that the run has ${ending}`);
  }

  #say(message: string): void {
    this.#options.warn(`MLflow at ${this.#options.uri}: ${message}`);
  }

  #metricsOf(event: TrainEvent): MlflowMetric[] {
    const point = this.#plan && pointOf(event, this.#plan);
    if (!point) return [];
    const timestamp = Date.now();
    return [...point.scalars].map(([name, value]) => ({ key: metricKey(name), value, timestamp, step: point.step }));
  }

  #dropQueue(): void {
    this.#dropped += this.#queue.length;
    this.#queue = [];
    this.#behindBytes = Number.POSITIVE_INFINITY;
  }

  /** Sends what there is, again and again, until the run has ended and all is sent, or no more can be. */
  async #deliver(): Promise<void> {
    let pauseMs = this.#pace.everyMs;
    let retryMs = this.#pace.retryMs;
    for (;;) {
      await this.#pause(pauseMs);
      const ending = this.#ending;
      const wasFailing = this.#failing;
      try {
        await this.#send();
        if (ending) return await this.#end(ending);
        this.#failing = false;
        [pauseMs, retryMs] = [this.#pace.everyMs, this.#pace.retryMs];
      } catch (error) {
        this.#fail(error as Error);
        // At the end, a server that has been away gets one more chance, one that has just gone away gets the time there is.
        if (this.#refused || (ending && (wasFailing || this.#abort.signal.aborted))) return;
        const endedMeanwhile = this.#ending && !ending;
        pauseMs = endedMeanwhile ? 0 : Math.max(retryMs, (error as Partial<MlflowError>).retryAfterMs ?? 0);
        retryMs = Math.min(2 * retryMs, this.#pace.maxRetryMs);
      }
    }
  }

  /** Returns early for a full batch, unless the server is failing, and for the end of the run. */
  #pause(ms: number): Promise<void> {
    if (this.#ending && !this.#failing) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = (reason) => {
        if (reason === 'batch' && this.#failing) return;
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #fail(error: Error): void {
    const { temporary, mayBeDone } = error instanceof MlflowError ? error : { temporary: true, mayBeDone: true };
    if (mayBeDone) this.#run = undefined;
    this.#failing = true;
    this.#refused = !temporary;
    if (this.#refused) this.#dropQueue();
    if (this.#warned) return;
    this.#warned = true;
    this.#say(
      `${error.message}; training goes on, ${temporary ? 'its metrics are kept and sent when they can be' : 'nothing more is sent'}`,
    );
  }

  /** What is read again comes before the queue: of each metric, the server is sent steps in their order only. */
  async #send(): Promise<void> {
    if (!this.#run) await this.#open();
    for (;;) {
      if (this.#behindBytes > 0) await this.#catchUp();
      else if (this.#queue.length > 0) await this.#sendBatch();
      else return;
    }
  }

  async #sendBatch(): Promise<void> {
    const batch = this.#queue.splice(0, batchLimits.metrics);
    try {
      await this.#log(batch);
    } catch (error) {
      this.#queue.unshift(...batch);
      throw error;
    }
  }

  /** Sends what metrics.jsonl has: of the run's earlier lives, or what there was no room to keep. */
  async #catchUp(): Promise<void> {
    const bytes = this.#behindBytes;
    const dropped = this.#dropped;
    const batch: MlflowMetric[] = [];
    let read = 0;
    for await (const event of recordedEvents(this.#plan!.out, bytes)) {
      const metrics = this.#metricsOf(event);
      read += metrics.length;
      batch.push(...metrics);
      if (batch.length >= batchLimits.metrics) await this.#log(batch.splice(0, batchLimits.metrics));
    }
    await this.#log(batch);
    const hasDroppedMore = this.#dropped > dropped;
    if (hasDroppedMore) return;
    this.#behindBytes = 0;
    if (read > 0) this.#dropped = 0;
  }

  /** Logs those of at most 1000 metrics that the server does not have. */
  async #log(metrics: readonly MlflowMetric[]): Promise<void> {
    const missing = metrics.filter(({ key, step }) => step > (this.#steps.get(key) ?? -1));
    if (missing.length === 0) return;
    await this.#client.logBatch(this.#run!.id, { metrics: missing });
    for (const { key, step } of missing) this.#steps.set(key, step);
  }

  async #end(ending: Ending): Promise<void> {
    await this.#client.updateRun(this.#run!.id, statusOf[ending]);
    this.#ended = true;
  }

  async #open(): Promise<void> {
    const { uri, experiment = 'emotune', runName } = this.#options;
    const plan = this.#plan!;
    const name = runName ?? basename(resolve(plan.out));
    // A run that is gone from the server is logged anew, from its beginning.
    const onGone = () => {
      this.#behindBytes = Number.POSITIVE_INFINITY;
    };
    this.#run = await openMlflowRun(this.#client, { uri, experiment, name, plan, onGone });
    this.#steps = new Map(this.#run.steps);
  }
}
