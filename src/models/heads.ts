import type { Value } from '../graph/graph.ts';
import { matmul, reshape, sub } from '../graph/ops/index.ts';
import type { Dim } from '../graph/shape.ts';
import { dense } from '../nn/linear.ts';
import { embeddingTable } from './decoder.ts';
import type { DecoderSpec } from './registry.ts';

/** Name of the classification head's weight, as transformers calls it. */
export const HEAD = 'score';

/** Name of the values between the levels of each label in an ordinal task. [K, J] */
export const CUTPOINTS = `${HEAD}.cutpoints`;

/** What a classification head answers. */
export interface HeadShape {
  readonly labels: number;
  /** How many cutpoints lie between the levels of each label, in an ordinal task. */
  readonly cutpoints?: number | undefined;
}

/**
 * Logits of the labels. The head is always plain and trained in full, never wrapped in LoRA. [B, C] → [B, K]
 *
 * In an ordinal task those of the cumulative link model, in which the levels of a label share one direction:
 *
 *     logit P(y_k > j) = w_k · h − θ_kj,   j = 0 … J − 1
 *
 * [B, C] → [B, K·J], a label's side by side. transformers and PEFT know w alone, and answer w_k · h.
 *
 * @see McCullagh 1980, Regression Models for Ordinal Data, J. R. Stat. Soc. B 42(2)
 */
export function classificationHead(pooled: Value, spec: DecoderSpec, { labels, cutpoints }: HeadShape): Value {
  const { graph } = pooled;
  return graph.scope(HEAD, () => {
    const logits = dense(pooled, { in: spec.config.hidden_size, out: labels });
    return cutpoints === undefined
      ? logits
      : cumulativeLogits(logits, graph.parameter('cutpoints', [labels, cutpoints]));
  });
}

/** z_k − θ_kj. Shapes: z [B, K], θ [K, J] → [B, K·J] */
export function cumulativeLogits(logits: Value, cutpoints: Value): Value {
  const [rows] = logits.shape as [Dim];
  const [labels, size] = cutpoints.shape as [number, number];
  return reshape(sub(reshape(logits, [rows, labels, 1]), cutpoints), [rows, labels * size]);
}

/** Logits of the next token, from the embedding table where it is tied. [N, C] → [N, V] */
export function languageModelHead(states: Value, spec: DecoderSpec): Value {
  const { hidden_size, vocab_size, tie_word_embeddings } = spec.config;
  if (tie_word_embeddings) return matmul(states, embeddingTable(states.graph, spec), { transB: true });
  return states.graph.scope('lm_head', () => dense(states, { in: hidden_size, out: vocab_size }));
}
