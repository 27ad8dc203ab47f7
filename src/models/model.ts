import type { Graph, Value } from '../graph/graph.ts';
import { detach, equal, gather, reshape, where } from '../graph/ops/index.ts';
import type { Packing } from '../nn/attention.ts';
import type { Linear } from '../nn/linear.ts';
import { decoder, embeddingTable } from './decoder.ts';
import { classificationHead, type HeadShape, languageModelHead } from './heads.ts';
import { packingInputs } from './packing.ts';
import type { DecoderSpec } from './registry.ts';

/** A whole model over packed tokens, from its inputs to its logits. */
export interface ModelOptions {
  readonly linear: Linear;
  /**
   * `'given'`: the rows of the embedding table are looked up outside and enter as the input `embeddings`;
   * `'table'`: the graph holds the table, and reads the input `ids`. Only so it can be trained.
   */
  readonly embeddings: 'given' | 'table';
  /** The first layer that is computed: what it takes, {@link hiddenStates}, enters as the input `embeddings`. Default 0. */
  readonly from?: number | undefined;
  /** Keep only the inputs of layers for the backward pass: see {@link decoder}. Default: no. */
  readonly recompute?: boolean | undefined;
}

/** Sequence classification: logits of {@link classificationHead} from each example's last token. */
export function classifier(graph: Graph, spec: DecoderSpec, head: HeadShape, options: ModelOptions): Value {
  const packing = packingInputs(graph);
  const pooled = decoder(spec, embedded(graph, spec, options), packing, { ...options, states: 'last' });
  return classificationHead(pooled, spec, head);
}

/** Causal language model: logits [N, V] of the token after each. */
export function languageModel(graph: Graph, spec: DecoderSpec, options: ModelOptions): Value {
  const packing: Packing = packingInputs(graph);
  const states = decoder(spec, embedded(graph, spec, options), packing, { ...options, states: 'all' });
  return languageModelHead(states, spec);
}

/** What layer `to` of a model takes, of each token: the layers below it over the input `embeddings`. [N, C] */
export function hiddenStates(
  graph: Graph,
  spec: DecoderSpec,
  { linear, to }: Pick<ModelOptions, 'linear'> & { readonly to: number },
): Value {
  const embeddings = embedded(graph, spec, { linear, embeddings: 'given' });
  return decoder(spec, embeddings, packingInputs(graph), { linear, states: 'all', to });
}

function embedded(graph: Graph, spec: DecoderSpec, { embeddings }: ModelOptions): Value {
  const { hidden_size: width, pad_token_id: pad } = spec.config;
  if (embeddings === 'given') return graph.input('embeddings', 'float32', ['N', width]);
  const ids = graph.input('ids', 'int32', ['N']);
  const x = gather(embeddingTable(graph, spec), ids);
  if (pad == null) return x;
  // As torch's padding_idx: the pad token's row is read but gets no gradient.
  return where(equal(reshape(ids, ['N', 1]), graph.constant(pad, { dtype: 'int32' })), detach(x), x);
}
