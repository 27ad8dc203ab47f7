import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Checkpoint } from '../../checkpoint/checkpoint.ts';
import { CheckpointError } from '../../core/errors.ts';
import { microBatches } from '../../data/batches.ts';
import { Graph } from '../../graph/graph.ts';
import { verify } from '../../graph/verify.ts';
import { withLock } from '../../hub/lock.ts';
import { hiddenStates } from '../../models/model.ts';
import { type InputLookup, openEmbeddings } from '../../models/weights.ts';
import { frozenLinear } from '../../nn/linear.ts';
import { flatLayout } from '../../optim/flat.ts';
import { loadOverCheckpoint, packedFeeds, SCORING_BUDGET } from '../../predict/scorer.ts';
import type { Device, Session } from '../../runtime/device.ts';
import { PrefixCache, type PrefixModel, prefixFolder } from './cache.ts';
import { encodeRows, rowBytes } from './rows.ts';
import { hashOf, writeSegment } from './segment.ts';

/** A segment is ended when it has reached this size: what a process that is killed loses at most. */
const SEGMENT_BYTES = 2 ** 27;

export interface FillOptions {
  readonly device: Device;
  readonly checkpoint: Checkpoint;
  readonly model: PrefixModel;
  readonly signal?: AbortSignal | undefined;
  /** Tokens whose states were computed. */
  readonly onProgress?: ((tokens: number) => void) | undefined;
  /** Called if another process is computing there. */
  readonly onWait?: ((owner: string) => void) | undefined;
}

/** The graph of the frozen layers below `layer`. Output: `states` [N, C]. */
export function prefixGraph({ spec, layer, precision }: Omit<PrefixModel, 'fingerprint'>): Graph {
  const graph = new Graph();
  graph.output('states', hiddenStates(graph, spec, { linear: frozenLinear[precision], to: layer }));
  verify(graph);
  return graph;
}

/**
 * Computes the states of the texts that the cache below `root` has none of, or damaged ones, segment by segment. One process
 * at a time does so; the next finds what it has done. No more than a micro-batch of states is in memory.
 *
 * @returns the cache, with states of all the texts.
 * @throws CheckpointError if they cannot be written; the signal's reason once it is aborted.
 */
export async function fillPrefix(
  root: string,
  { texts, ...options }: FillOptions & { readonly texts: Iterable<Int32Array> },
): Promise<PrefixCache> {
  const { model, signal, onWait } = options;
  const fill = async (): Promise<PrefixCache> => {
    const cache = await PrefixCache.open(root, model);
    let layers: FrozenLayers | undefined;
    try {
      await removeUseless(cache);
      for await (const segment of missing(cache, texts, signal)) {
        layers ??= await openLayers(options);
        await compute(cache, { segment, layers, ...options });
      }
      return cache;
    } catch (error) {
      await cache.close();
      throw error;
    } finally {
      await layers?.session.release();
    }
  };
  const lock = join(prefixFolder(root, model), 'lock');
  try {
    return await withLock(lock, fill, { signal, ...(onWait ? { onWait } : {}) });
  } catch (error) {
    throw unwritable(root, error);
  }
}

/** Segments that are damaged, and those that a killed process has not finished. */
async function removeUseless({ dir, damaged }: PrefixCache): Promise<void> {
  const unfinished = (await readdir(dir)).filter((name) => /^\d{6}\.safetensors\..*\.tmp$/.test(name));
  for (const path of [...damaged, ...unfinished.map((name) => join(dir, name))]) await rm(path, { force: true });
}

/** The texts without states, each once, cut into segments. */
async function* missing(
  cache: PrefixCache,
  texts: Iterable<Int32Array>,
  signal: AbortSignal | undefined,
): AsyncGenerator<Int32Array[], void> {
  const bytes = rowBytes(cache.owner.width);
  let segment = new Map<string, Int32Array>();
  let size = 0;
  for (const ids of texts) {
    signal?.throwIfAborted();
    const hash = hashOf(ids).join();
    if (segment.has(hash) || (await cache.holds(ids))) continue;
    segment.set(hash, ids);
    size += ids.length * bytes;
    if (size < SEGMENT_BYTES) continue;
    yield [...segment.values()];
    segment = new Map();
    size = 0;
  }
  if (size > 0) yield [...segment.values()];
}

/** The layers that are computed once, and what enters them. */
interface FrozenLayers {
  readonly session: Session;
  readonly embeddings: InputLookup;
}

async function openLayers({ device, checkpoint, model }: FillOptions): Promise<FrozenLayers> {
  const label = `the layers below ${model.layer}`;
  const session = await loadOverCheckpoint(device, prefixGraph(model), {
    checkpoint,
    layout: flatLayout([]),
    label,
  });
  return { session, embeddings: await openEmbeddings(checkpoint, model.spec) };
}

/** Writes a segment while its states are computed, a micro-batch at a time. */
async function compute(
  cache: PrefixCache,
  {
    segment,
    layers,
    signal,
    onProgress,
  }: Pick<FillOptions, 'signal' | 'onProgress'> & {
    readonly segment: readonly Int32Array[];
    readonly layers: FrozenLayers;
  },
): Promise<void> {
  const lengths = segment.map(({ length }) => length);
  const batches = microBatches(lengths, SCORING_BUDGET).map((batch) => batch.map((i) => segment[i]!));
  const { width } = cache.owner;
  async function* rows(): AsyncGenerator<Int16Array, void> {
    for (const batch of batches) {
      signal?.throwIfAborted();
      const { tensors } = await layers.session.run(await packedFeeds(batch, layers.embeddings));
      yield encodeRows(tensors.states!.data as Float32Array, width);
      onProgress?.(batch.reduce((n, { length }) => n + length, 0));
    }
  }
  const path = cache.nextPath;
  await writeSegment(path, batches.flat(), { ...cache.owner, rows });
  await cache.add(path);
}

/** An error of the file system with the way out; any other as it is. */
function unwritable(root: string, error: unknown): unknown {
  const { code, syscall } = error as NodeJS.ErrnoException;
  if (syscall === undefined) return error;
  return new CheckpointError(
    `${root}: the states of the frozen layers cannot be written (${code}): make room, let HF_HOME name a folder on another disk, or do without (--prefix-cache off)`,
    { cause: error },
  );
}
