/** Shapes of the Llama family as config.json objects, for random checkpoints in benchmarks and tests. */

/** The keys of a Llama config.json that give its tensors their shapes. */
export interface LlamaShape {
  readonly hidden_size: number;
  readonly intermediate_size: number;
  readonly num_hidden_layers: number;
  readonly num_attention_heads: number;
  readonly num_key_value_heads: number;
  readonly head_dim: number;
  readonly vocab_size: number;
  readonly tie_word_embeddings: boolean;
}

const llama = {
  architectures: ['LlamaForCausalLM'],
  attention_bias: false,
  attention_dropout: 0,
  hidden_act: 'silu',
  initializer_range: 0.02,
  mlp_bias: false,
  model_type: 'llama',
  pretraining_tp: 1,
  rms_norm_eps: 1e-5,
  rope_scaling: null,
  rope_theta: 500000,
  torch_dtype: 'bfloat16',
  use_cache: true,
} as const;

/** The small ones share a vocabulary of 8192 pieces, so one tokenizer serves them all. */
const small = {
  ...llama,
  bos_token_id: 8190,
  eos_token_id: 8191,
  max_position_embeddings: 1024,
  tie_word_embeddings: true,
  vocab_size: 8192,
} as const;

const large = { ...llama, bos_token_id: 128000, eos_token_id: 128001, vocab_size: 128256 } as const;

export const presets = {
  nano: {
    ...small,
    hidden_size: 256,
    intermediate_size: 704,
    num_hidden_layers: 6,
    num_attention_heads: 8,
    num_key_value_heads: 2,
    head_dim: 32,
  },
  '12x768': {
    ...small,
    hidden_size: 768,
    intermediate_size: 2048,
    num_hidden_layers: 12,
    num_attention_heads: 12,
    num_key_value_heads: 4,
    head_dim: 64,
  },
  /** Three layers in the proportions of Llama 3.2 1B. */
  '3x2048': {
    ...small,
    hidden_size: 2048,
    intermediate_size: 8192,
    num_hidden_layers: 3,
    num_attention_heads: 32,
    num_key_value_heads: 8,
    head_dim: 64,
  },
  'llama-3.2-1b': {
    ...large,
    hidden_size: 2048,
    intermediate_size: 8192,
    num_hidden_layers: 16,
    num_attention_heads: 32,
    num_key_value_heads: 8,
    head_dim: 64,
    max_position_embeddings: 131072,
    rope_scaling: {
      factor: 32,
      high_freq_factor: 4,
      low_freq_factor: 1,
      original_max_position_embeddings: 8192,
      rope_type: 'llama3',
    },
    tie_word_embeddings: true,
  },
  'llama-3-8b': {
    ...large,
    hidden_size: 4096,
    intermediate_size: 14336,
    num_hidden_layers: 32,
    num_attention_heads: 32,
    num_key_value_heads: 8,
    head_dim: 128,
    max_position_embeddings: 8192,
    tie_word_embeddings: false,
  },
} as const satisfies Record<string, LlamaShape & Record<string, unknown>>;

export type Preset = keyof typeof presets;
