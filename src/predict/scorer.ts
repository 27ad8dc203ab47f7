import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { requireTensors } from '../checkpoint/checkpoint.ts';
import type { Tensor } from '../core/tensor.ts';
import { microBatches } from '../data/batches.ts';
import { Graph } from '../graph/graph.ts';
import { verify } from '../graph/verify.ts';
import type { HeadShape } from '../models/heads.ts';
import { classifier } from '../models/model.ts';
import { packTokens, sharedTokens } from '../models/packing.ts';
import type { DecoderSpec } from '../models/registry.ts';
import {
  fileSource,
  type InputLookup,
  openEmbeddings,
  storedWeights,
  wantPrepacking,
  weightsFolder,
} from '../models/weights.ts';
import type { Linear } from '../nn/linear.ts';
import { emitOnnx } from '../onnx/emit.ts';
import { FLAT, type FlatLayout, FROZEN, flatSource } from '../optim/flat.ts';
import type { Device, DeviceBuffer, Session } from '../runtime/device.ts';

/** A classifier's parts: what it reads its weights from, how its linear layers are built, and what is not frozen. */
export interface ClassifierModel extends HeadShape {
  readonly checkpoint: Checkpoint;
  readonly spec: DecoderSpec;
  readonly linear: Linear;
  /** Parameters that come with every run instead of from the checkpoint. */
  readonly layout: FlatLayout;
  /** The first layer that is computed: see {@link classifier}. Default 0. */
  readonly from?: number | undefined;
  /** Parameters that are as constant as the checkpoint's but not in it. */
  readonly frozen?: FrozenParameters | undefined;
}

/** Constants that stay with the device. */
export interface FrozenParameters {
  readonly layout: FlatLayout;
  readonly values: DeviceBuffer;
}

/** What a graph over a checkpoint is fed besides texts. */
export const parameterFeeds = (
  parameters: Tensor | DeviceBuffer,
  frozen: FrozenParameters | undefined,
): Readonly<Record<string, Tensor | DeviceBuffer>> => ({
  [FLAT]: parameters,
  ...(frozen ? { [FROZEN]: frozen.values } : {}),
});

/** Computes logits of encoded texts. */
export interface Scorer {
  /**
   * Logits [K], or [K·J], of each text, in the order given.
   *
   * @throws the signal's reason once it is aborted.
   */
  logits(texts: readonly Int32Array[], parameters: Tensor | DeviceBuffer, signal?: AbortSignal): Promise<number[][]>;
  release(): Promise<void>;
}

/** The graph that scores packed texts: their logits, and nothing else. */
export function forwardGraph({
  spec,
  labels,
  cutpoints,
  linear,
  from,
}: Pick<ClassifierModel, 'spec' | 'labels' | 'cutpoints' | 'linear' | 'from'>): Graph {
  const graph = new Graph();
  graph.output('logits', classifier(graph, spec, { labels, cutpoints }, { linear, embeddings: 'given', from }));
  verify(graph);
  return graph;
}

/** Tokens that are computed at once when nothing is trained. */
export const SCORING_BUDGET = 4096;

/**
 * Loads the forward graph of a classifier.
 *
 * @param inputs of the first layer, where they can be looked up already. Default: the checkpoint's embeddings.
 * @throws CheckpointError listing the tensors the checkpoint lacks.
 */
export async function openScorer(device: Device, model: ClassifierModel, inputs?: InputLookup): Promise<Scorer> {
  const graph = forwardGraph(model);
  const lookUp = inputs ?? (await openEmbeddings(model.checkpoint, model.spec));
  const session = await loadOverCheckpoint(device, graph, { ...model, label: 'forward' });
  return {
    async logits(texts, parameters, signal) {
      const out = new Array<number[]>(texts.length);
      for (const batch of microBatches(
        texts.map((t) => t.length),
        SCORING_BUDGET,
      )) {
        signal?.throwIfAborted();
        const together = batch.map((i) => texts[i]!);
        const feeds = await packedFeeds(together, lookUp, model.from === undefined ? sharedTokens(together) : 0);
        const { tensors } = await session.run({ ...feeds, ...parameterFeeds(parameters, model.frozen) });
        const width = model.labels * (model.cutpoints ?? 1);
        for (const [row, i] of batch.entries())
          out[i] = Array.from(tensors.logits!.data.subarray(row * width, (row + 1) * width));
      }
      return out;
    },
    release: () => session.release(),
  };
}

/**
 * What a model over packed texts is fed.
 *
 * @param shared tokens that all begin with: see {@link packTokens}. What `lookUp` gives must then depend on the ids alone.
 */
export async function packedFeeds(
  texts: readonly Int32Array[],
  lookUp: InputLookup,
  shared = 0,
): Promise<Record<string, Tensor>> {
  const { ids, feeds } = packTokens(texts, shared);
  return { ...feeds, embeddings: await lookUp(ids, texts) };
}

/** Makes a session whose frozen parameters are used where they lie in the checkpoint. */
export async function loadOverCheckpoint(
  device: Device,
  graph: Graph,
  options: Pick<ClassifierModel, 'checkpoint' | 'layout' | 'frozen'> & { readonly label: string },
): Promise<Session> {
  const { checkpoint, layout, frozen, label } = options;
  const given = (name: string) => flatSource(layout, name) ?? (frozen && flatSource(frozen.layout, name, FROZEN));
  const stored = storedWeights(graph, (name) => given(name) !== undefined);
  requireTensors(checkpoint, stored);
  const model = emitOnnx(graph, (name) => given(name) ?? fileSource(checkpoint, name), device.lacking);
  return device.load(model, label, { weightsDir: weightsFolder(checkpoint), prepack: wantPrepacking(stored) });
}
