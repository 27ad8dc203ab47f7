import type { Tensor } from '../core/tensor.ts';
import type { Provider } from './provider.ts';

/** What the main thread asks of the worker, and what it gets back. Tensors travel; buffers stay and go by number. */
export type Feed = Tensor | { readonly buffer: number };

export interface SessionOptions {
  /** Folder in which the weights files lie that the model uses in place. */
  readonly weightsDir?: string;
  /** What computes; an operation that it lacks is computed by the processor. */
  readonly provider: Provider;
  /** Names of nodes that the processor computes in any case. */
  readonly onProcessor: readonly string[];
  /** Threads of one operation on the processor. */
  readonly threads: number;
  /** Repack weights for the kernels when the session is made: faster, at the price of a second copy in memory. */
  readonly prepack: boolean;
}

export type Request =
  | { readonly kind: 'load'; readonly model: Uint8Array; readonly label: string; readonly options: SessionOptions }
  | {
      readonly kind: 'run';
      readonly session: number;
      readonly feeds: Readonly<Record<string, Feed>>;
      readonly keep: readonly string[];
    }
  | { readonly kind: 'put'; readonly tensor: Tensor }
  | { readonly kind: 'read'; readonly buffer: number }
  | { readonly kind: 'free'; readonly buffers: readonly number[] }
  | { readonly kind: 'release'; readonly session: number };

export interface Results {
  readonly load: number;
  readonly run: Readonly<Record<string, Feed>>;
  readonly put: number;
  readonly read: Tensor;
  readonly free: undefined;
  readonly release: undefined;
}

export type Reply = { readonly id: number } & (
  | { readonly result: Results[keyof Results] }
  | { readonly error: string }
);
/** The id of a request that wants no reply. */
export const UNANSWERED = 0;
export type Envelope = { readonly id: number; readonly request: Request };
