/** The worker thread: the only place that runs sessions, because a run blocks its thread until it is done. */
import { MessageChannel, parentPort } from 'node:worker_threads';
import * as ort from 'onnxruntime-node';
import type { Tensor, TensorData } from '../core/tensor.ts';
import {
  type Envelope,
  type Feed,
  type Reply,
  type Request,
  type Results,
  type SessionOptions,
  UNANSWERED,
} from './protocol.ts';

// What fails is thrown; the engine's log would say it once more, in its own words.
ort.env.logLevel = 'fatal';

const port = parentPort!;
const sessions = new Map<number, { readonly session: ort.InferenceSession; readonly label: string }>();
const buffers = new Map<number, ort.Tensor>();
let count = 0;

const toOrt = ({ dtype, data, shape }: Tensor): ort.Tensor => new ort.Tensor(dtype, data, shape);

/** The same memory, to be handed over. */
const toTensor = (from: ort.Tensor): Tensor => ({
  dtype: from.type as Tensor['dtype'],
  shape: from.dims,
  data: from.data as TensorData,
});

function copyOf(from: ort.Tensor): Tensor {
  const tensor = toTensor(from);
  return { ...tensor, data: tensor.data.slice() as TensorData };
}

/** Nobody listens at its other end. */
const { port1: nowhere, port2: otherEnd } = new MessageChannel();
otherEnd.close();

/**
 * Frees the memory of tensors at once. The garbage collector would let some vectors of megabytes each pile up: it sees small
 * objects. What is sent to where nobody listens is not there any more.
 */
function discard(tensors: Iterable<ort.Tensor>): void {
  const memory = new Set<ArrayBuffer>();
  for (const tensor of tensors) {
    memory.add((tensor.data as TensorData).buffer as ArrayBuffer);
    tensor.dispose();
  }
  nowhere.postMessage(null, [...memory]);
}

function keep(tensor: ort.Tensor): number {
  buffers.set(++count, tensor);
  return count;
}

function free(id: number): void {
  const tensor = buffers.get(id);
  if (tensor) discard([tensor]);
  buffers.delete(id);
}

const handlers: {
  [K in Request['kind']]: (request: Extract<Request, { kind: K }>) => Promise<Results[K]> | Results[K];
} = {
  async load({ model, label, options }) {
    const session = await ort.InferenceSession.create(model, {
      executionProviders: executionProviders(options),
      graphOptimizationLevel: 'all',
      intraOpNumThreads: options.threads,
      interOpNumThreads: 1,
      enableMemPattern: false,
      logSeverityLevel: 4,
      extra: {
        session: {
          ...(options.weightsDir === undefined
            ? {}
            : { model_external_initializers_file_folder_path: options.weightsDir }),
          disable_prepacking: options.prepack ? '0' : '1',
          // A session's threads go on spinning after a run, and would compete with the next session's.
          force_spinning_stop: '1',
        },
      },
    }).catch((error: unknown) => {
      throw new Error(`${label}: ${message(error)}`);
    });
    sessions.set(++count, { session, label });
    return count;
  },
  async run({ session: id, feeds, keep: kept }) {
    const { session, label } = sessions.get(id)!;
    const passing: ort.Tensor[] = [];
    const given: Record<string, ort.Tensor> = {};
    for (const [name, feed] of Object.entries(feeds)) {
      given[name] = 'buffer' in feed ? buffers.get(feed.buffer)! : toOrt(feed);
      if (!('buffer' in feed)) passing.push(given[name]);
    }
    const results = await session.run(given).catch((error: unknown) => {
      throw new Error(`${label}: ${message(error)}`);
    });
    discard(passing);
    return Object.fromEntries(
      Object.entries(results).map(([name, tensor]): [string, Feed] => [
        name,
        kept.includes(name) ? { buffer: keep(tensor) } : toTensor(tensor),
      ]),
    );
  },
  put: ({ tensor }) => keep(toOrt(tensor)),
  read: ({ buffer }) => copyOf(buffers.get(buffer)!),
  free({ buffers: ids }) {
    for (const id of ids) free(id);
    return undefined;
  },
  async release({ session: id }) {
    await sessions.get(id)?.session.release();
    sessions.delete(id);
    return undefined;
  },
};

/** In the order of preference: what the first lacks falls to the processor, and its tensors are copied there and back. */
function executionProviders({ provider, onProcessor }: SessionOptions): ort.InferenceSession.ExecutionProviderConfig[] {
  if (provider === 'cpu') return ['cpu'];
  // The engine refuses an empty list.
  const options = provider === 'webgpu' && onProcessor.length > 0 ? { forceCpuNodeNames: onProcessor } : {};
  return [{ name: provider, ...options }, 'cpu'];
}

const message = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Memory handed over rather than copied. */
function owned(result: Results[keyof Results]): ArrayBuffer[] {
  if (typeof result !== 'object') return [];
  const parts = 'data' in result ? [result as Tensor] : Object.values(result as Record<string, Feed>);
  return parts.flatMap((part) => ('data' in part ? [part.data.buffer] : []));
}

async function answer({ id, request }: Envelope): Promise<void> {
  try {
    const handle = handlers[request.kind] as (request: Request) => Promise<Results[keyof Results]>;
    const result = await handle(request);
    if (id === UNANSWERED) return;
    port.postMessage({ id, result } satisfies Reply, owned(result));
  } catch (error) {
    if (id !== UNANSWERED) port.postMessage({ id, error: message(error) } satisfies Reply);
  }
}

/** One request after the other, in the order they came. */
let queue = Promise.resolve();
port.on('message', (envelope: Envelope) => {
  queue = queue.then(() => answer(envelope));
});
