import type { Graph, Value } from '../graph/graph.ts';
import { add, checkpoint, gather, mul, sigmoid } from '../graph/ops/index.ts';
import { causalAttention, joinHeads, type Packing, splitHeads } from '../nn/attention.ts';
import type { Linear } from '../nn/linear.ts';
import { rmsNorm } from '../nn/norm.ts';
import { ropeFrequencies, rotary, rotate } from '../nn/rope.ts';
import type { DecoderSpec } from './registry.ts';

export interface DecoderOptions {
  /** How linear layers are built: plain, with LoRA, quantised. */
  readonly linear: Linear;
  /** Which tokens' states are wanted. For the last ones, the last layer computes nothing else. */
  readonly states: 'all' | 'last';
  /** The first layer that is computed, whose inputs are given in place of embeddings. Default 0. */
  readonly from?: number | undefined;
  /** The layer before which it ends, without the final norm. Default: after the last. */
  readonly to?: number | undefined;
  /** Of all but the last layer, keep only the input for the backward pass, which computes the rest again. Default: no. */
  readonly recompute?: boolean | undefined;
}

/**
 * A Llama-like decoder over packed tokens: rotary grouped-query attention, SwiGLU, pre-norm RMSNorm.
 * Scopes, and so parameters, are called as in the checkpoint. With `from` and `to` it is some of its layers: the hidden
 * states that one such part gives are what the next takes.
 *
 * Shapes: embeddings or hidden states [N, C] → [N, C], or [B, C] for the last tokens.
 *
 * @see Touvron et al. 2023, arXiv:2302.13971; Grattafiori et al. 2024, arXiv:2407.21783. Matches transformers: test/parity.test.ts
 */
export function decoder(spec: DecoderSpec, embeddings: Value, packing: Packing, options: DecoderOptions): Value {
  const { config } = spec;
  const graph = embeddings.graph;
  const count = config.num_hidden_layers;
  const { from = 0, to = count } = options;
  return graph.scope('model', () => {
    let x = embeddings;
    for (let layer = from; layer < to; layer++) {
      const states = layer === count - 1 ? options.states : 'all';
      if (options.recompute) x = checkpoint(x);
      x = graph.scope(`layers.${layer}`, () => decoderLayer(spec, x, packing, { ...options, states }));
    }
    if (to < count) return x;
    return graph.scope('norm', () => rmsNorm(x, config.rms_norm_eps));
  });
}

function decoderLayer(spec: DecoderSpec, x: Value, packing: Packing, options: DecoderOptions): Value {
  const graph = x.graph;
  const eps = spec.config.rms_norm_eps;
  const normed = graph.scope('input_layernorm', () => rmsNorm(x, eps));
  const attended = graph.scope('self_attn', () => attention(spec, normed, packing, options));
  const middle = add(onlyWanted(x, packing, options), attended);
  const normed2 = graph.scope('post_attention_layernorm', () => rmsNorm(middle, eps));
  return add(
    middle,
    graph.scope('mlp', () => swiglu(spec, normed2, options.linear)),
  );
}

const onlyWanted = (x: Value, packing: Packing, { states }: DecoderOptions): Value =>
  states === 'all' ? x : gather(x, packing.last);

/** Keys and values of every token; queries, and what follows, of the wanted ones. */
function attention(spec: DecoderSpec, x: Value, packing: Packing, options: DecoderOptions): Value {
  const {
    hidden_size: width,
    head_dim: headDim,
    num_attention_heads: heads,
    num_key_value_heads: kvHeads,
  } = spec.config;
  const project = (name: string, from: Value, count: number) =>
    x.graph.scope(name, () => options.linear(from, { in: width, out: count * headDim, bias: spec.qkvBias }));
  const frequencies = ropeFrequencies({ ...spec.config.rope, headDim });
  const turned = (y: Value, positions: Value) =>
    joinHeads(rotate(splitHeads(y, headDim), rotary(positions, frequencies)));
  const askingPositions = onlyWanted(packing.positions, packing, options);
  const q = turned(project('q_proj', onlyWanted(x, packing, options), heads), askingPositions);
  const k = turned(project('k_proj', x, kvHeads), packing.positions);
  const v = project('v_proj', x, kvHeads);
  const y = causalAttention(q, k, v, { heads, kvHeads, headDim, packing, queries: options.states });
  return x.graph.scope('o_proj', () => options.linear(y, { in: heads * headDim, out: width, bias: spec.outputBias }));
}

/** y = (silu(x Wgᵀ) · x Wuᵀ) Wdᵀ, silu(z) = z · sigmoid(z). Shazeer 2020, arXiv:2002.05202. */
function swiglu(spec: DecoderSpec, x: Value, linear: Linear): Value {
  const { hidden_size: width, intermediate_size: inner } = spec.config;
  const bias = spec.mlpBias;
  const gate = x.graph.scope('gate_proj', () => linear(x, { in: width, out: inner, bias }));
  const up = x.graph.scope('up_proj', () => linear(x, { in: width, out: inner, bias }));
  const y = mul(mul(gate, sigmoid(gate)), up);
  return x.graph.scope('down_proj', () => linear(y, { in: inner, out: width, bias }));
}

/** The embedding table as a parameter, where it is trained or read in the graph. [V, C] */
export const embeddingTable = (graph: Graph, { config }: DecoderSpec): Value =>
  graph.scope(EMBEDDING, () => graph.parameter('weight', [config.vocab_size, config.hidden_size]));

export const EMBEDDING = 'model.embed_tokens';
