import type { Value } from '../graph/graph.ts';
import { matmul } from '../graph/ops/index.ts';
import { dense } from '../nn/linear.ts';
import { embeddingTable } from './decoder.ts';
import type { DecoderSpec } from './registry.ts';

/** Name of the classification head's weight, as transformers calls it. */
export const HEAD = 'score';

/** Logits of the labels. The head is always plain and trained in full, never wrapped in LoRA. [B, C] → [B, K] */
export const classificationHead = (pooled: Value, spec: DecoderSpec, labels: number): Value =>
  pooled.graph.scope(HEAD, () => dense(pooled, { in: spec.config.hidden_size, out: labels }));

/** Logits of the next token, from the embedding table where it is tied. [N, C] → [N, V] */
export function languageModelHead(states: Value, spec: DecoderSpec): Value {
  const { hidden_size, vocab_size, tie_word_embeddings } = spec.config;
  if (tie_word_embeddings) return matmul(states, embeddingTable(states.graph, spec), { transB: true });
  return states.graph.scope('lm_head', () => dense(states, { in: hidden_size, out: vocab_size }));
}
