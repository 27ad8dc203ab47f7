import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { RuntimeFailure } from '../core/errors.ts';
import type { Tensor } from '../core/tensor.ts';
import { type OnnxModel, outputName, outputTensor } from '../onnx/emit.ts';
import {
  type Envelope,
  type Feed,
  type Reply,
  type Request,
  type Results,
  type SessionOptions,
  UNANSWERED,
} from './protocol.ts';
import { type Choice, lackingOperators } from './provider.ts';

/** A tensor that stays with the device between runs. Free it when it is no longer needed. */
export class DeviceBuffer {
  readonly #device: Device;
  readonly id: number;
  constructor(device: Device, id: number) {
    this.#device = device;
    this.id = id;
  }
  read(): Promise<Tensor> {
    return this.#device.ask({ kind: 'read', buffer: this.id });
  }
  /** At once for the caller; the device does it after what it was asked before. */
  free(): void {
    this.#device.tell({ kind: 'free', buffers: [this.id] });
  }
}

/** What a run gives: outputs as tensors, and those asked to stay as buffers. */
export interface RunResult<K extends string> {
  readonly tensors: Readonly<Record<string, Tensor>>;
  readonly buffers: Readonly<Record<K, DeviceBuffer>>;
}

/** A model loaded into the runtime. */
export class Session {
  readonly model: OnnxModel;
  readonly #device: Device;
  readonly #id: number;
  constructor(device: Device, id: number, model: OnnxModel) {
    this.#device = device;
    this.#id = id;
    this.model = model;
  }

  /**
   * Runs the model once. Feeds it does not read are left out; outputs named in `keep` stay with the device.
   *
   * @throws RuntimeFailure if an input is missing or the runtime fails.
   */
  async run<K extends string = never>(
    feeds: Readonly<Record<string, Tensor | DeviceBuffer>>,
    keep: readonly K[] = [],
  ): Promise<RunResult<K>> {
    const given: Record<string, Feed> = {};
    for (const name of this.model.inputs) {
      const feed = feeds[name];
      if (!feed) throw new RuntimeFailure(`internal: the model reads '${name}', which is not given`);
      given[name] = feed instanceof DeviceBuffer ? { buffer: feed.id } : feed;
    }
    const results = await this.#device.ask({
      kind: 'run',
      session: this.#id,
      feeds: given,
      keep: keep.map(outputTensor),
    });
    const tensors: Record<string, Tensor> = {};
    const buffers: Record<string, DeviceBuffer> = {};
    for (const [tensor, result] of Object.entries(results)) {
      const name = outputName(tensor);
      if ('buffer' in result) buffers[name] = new DeviceBuffer(this.#device, result.buffer);
      else tensors[name] = result;
    }
    return { tensors, buffers: buffers as Record<K, DeviceBuffer> };
  }

  release(): Promise<void> {
    return this.#device.ask({ kind: 'release', session: this.#id });
  }
}

export interface DeviceOptions {
  /** What computes; default: the processor. */
  readonly choice?: Choice;
  /** Threads of one operation on the processor; default: what the machine has. */
  readonly threads?: number;
}

/**
 * The inference runtime in a worker thread: loads models, runs them one after the other, holds buffers between runs.
 * The calling thread stays free.
 */
export class Device {
  readonly choice: Choice;
  readonly threads: number;
  readonly #worker: Worker;
  readonly #waiting = new Map<number, { resolve(result: never): void; reject(error: Error): void }>();
  #count = 0;
  #failure: Error | undefined;

  constructor({ choice = { provider: 'cpu' }, threads = availableParallelism() }: DeviceOptions = {}) {
    this.choice = choice;
    this.threads = threads;
    this.#worker = startWorker();
    this.#worker.on('message', (reply: Reply) => this.#settle(reply));
    this.#worker.on('error', (error) => this.#fail(new RuntimeFailure(`the engine's thread failed: ${String(error)}`)));
    this.#worker.on('exit', (code) => this.#fail(new RuntimeFailure(`the engine's thread has ended (code ${code})`)));
  }

  /** Operators to write models without: what computes has no kernels for them. */
  get lacking(): ReadonlySet<string> {
    return lackingOperators[this.choice.provider];
  }

  /**
   * Makes a session of a model. `label` names it in errors.
   *
   * Buffers lie in the memory of the processor, also where a GPU computes: what reads many and computes little is faster
   * there (`provider: 'cpu'`).
   */
  async load(
    model: OnnxModel,
    label: string,
    options: Partial<Pick<SessionOptions, 'weightsDir' | 'prepack' | 'provider'>> = {},
  ): Promise<Session> {
    const { threads } = this;
    const { provider } = this.choice;
    const onProcessor = model.nodes.filter(({ opType }) => isInexact(opType)).map(({ name }) => name);
    const id = await this.ask({
      kind: 'load',
      model: model.bytes,
      label,
      options: { provider, onProcessor, threads, prepack: true, ...options },
    });
    return new Session(this, id, model);
  }

  /** Hands a tensor to the device, to stay there. */
  async put(tensor: Tensor): Promise<DeviceBuffer> {
    return new DeviceBuffer(this, await this.ask({ kind: 'put', tensor }));
  }

  /** Ends the worker and with it every session and buffer. */
  async close(): Promise<void> {
    this.#failure = new RuntimeFailure('the device is closed');
    await this.#worker.terminate();
  }

  ask<R extends Request>(request: R): Promise<Results[R['kind']]> {
    if (this.#failure) return Promise.reject(this.#failure);
    const id = ++this.#count;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#worker.ref();
      this.#worker.postMessage({ id, request });
    });
  }

  /** A request nobody waits for. */
  tell(request: Request): void {
    if (!this.#failure) this.#worker.postMessage({ id: UNANSWERED, request } satisfies Envelope);
  }

  #settle(reply: Reply): void {
    const waiting = this.#waiting.get(reply.id);
    if (!waiting) return;
    this.#waiting.delete(reply.id);
    if (this.#waiting.size === 0) this.#worker.unref();
    if ('error' in reply) waiting.reject(new RuntimeFailure(reply.error));
    else waiting.resolve(reply.result as never);
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    for (const { reject } of this.#waiting.values()) reject(this.#failure);
    this.#waiting.clear();
  }
}

/**
 * WebGPU's shading language allows sines and cosines an error of 2⁻¹¹, and any outside [−π, π]: rotary embeddings need all
 * digits of angles as large as a position.
 */
const isInexact = (opType: string): boolean => opType === 'Sin' || opType === 'Cos';

/** The worker's file lies beside this one; when emotune runs from its TypeScript sources, a loader must compile it. */
function startWorker(): Worker {
  const compiled = new URL('./worker.js', import.meta.url);
  const fromSource = `import('tsx/esm/api').then(({ tsImport }) => tsImport('./worker.ts', '${import.meta.url}'))`;
  const worker = import.meta.url.endsWith('.js') ? new Worker(compiled) : new Worker(fromSource, { eval: true });
  worker.unref();
  return worker;
}
