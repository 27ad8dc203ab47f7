/** The worker thread: the only place that runs sessions, because a run blocks its thread until it is done. */
import { parentPort } from 'node:worker_threads';
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

/** A copy that owns its memory, so that it can be handed over and the runtime's can be freed. */
function toTensor(from: ort.Tensor): Tensor {
  return {
    dtype: from.type as Tensor['dtype'],
    shape: from.dims,
    data: (from.data as TensorData).slice() as TensorData,
  };
}

function keep(tensor: ort.Tensor): number {
  buffers.set(++count, tensor);
  return count;
}

function free(id: number): void {
  buffers.get(id)?.dispose();
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
      logSeverityLevel: 3,
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
    const given = Object.fromEntries(
      Object.entries(feeds).map(([name, feed]) => [name, 'buffer' in feed ? buffers.get(feed.buffer)! : toOrt(feed)]),
    );
    const results = await session.run(given).catch((error: unknown) => {
      throw new Error(`${label}: ${message(error)}`);
    });
    const out: Record<string, Feed> = {};
    for (const [name, tensor] of Object.entries(results)) {
      if (kept.includes(name)) out[name] = { buffer: keep(tensor) };
      else {
        out[name] = toTensor(tensor);
        tensor.dispose();
      }
    }
    return out;
  },
  put: ({ tensor }) => keep(toOrt(tensor)),
  read: ({ buffer }) => toTensor(buffers.get(buffer)!),
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
