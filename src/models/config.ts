import { z } from 'zod';
import { CheckpointError, showIssues } from '../core/errors.ts';

const llama3 = z.object({
  factor: z.number().positive(),
  low_freq_factor: z.number().positive(),
  high_freq_factor: z.number().positive(),
  original_max_position_embeddings: z.number().positive(),
});

const ropeKind = z.looseObject({ rope_type: z.string().optional(), type: z.string().optional() });

/** The keys of a decoder's config.json that emotune reads, in both spellings of the rotary embeddings. */
const decoderSchema = z.object({
  model_type: z.string(),
  hidden_size: z.int().positive(),
  intermediate_size: z.int().positive(),
  num_hidden_layers: z.int().positive(),
  num_attention_heads: z.int().positive(),
  num_key_value_heads: z.int().positive().optional(),
  head_dim: z.int().positive().nullish(),
  vocab_size: z.int().positive(),
  pad_token_id: z.int().nullish(),
  max_position_embeddings: z.int().positive(),
  rms_norm_eps: z.number().positive(),
  hidden_act: z.string().default('silu'),
  tie_word_embeddings: z.boolean().default(false),
  attention_bias: z.boolean().default(false),
  mlp_bias: z.boolean().default(false),
  sliding_window: z.int().positive().nullish(),
  use_sliding_window: z.boolean().optional(),
  initializer_range: z.number().positive().default(0.02),
  rope_theta: z.number().positive().optional(),
  rope_scaling: ropeKind.nullish(),
  rope_parameters: ropeKind.extend({ rope_theta: z.number().positive().optional() }).nullish(),
});

export type RawDecoderConfig = z.infer<typeof decoderSchema>;

/** A decoder's config.json, checked and completed. Keys are the file's own. */
export type DecoderConfig = Omit<RawDecoderConfig, 'rope_theta' | 'rope_scaling' | 'rope_parameters'> & {
  readonly num_key_value_heads: number;
  readonly head_dim: number;
  readonly rope: { readonly theta: number; readonly scaling?: z.infer<typeof llama3> };
};

/**
 * Reads the config.json of a Llama-like decoder.
 *
 * @throws CheckpointError listing every key that is missing or unusable.
 */
export function parseDecoderConfig(config: Readonly<Record<string, unknown>>): DecoderConfig {
  const parsed = decoderSchema.safeParse(config);
  if (!parsed.success) {
    throw new CheckpointError(`config.json cannot be used: ${showIssues(parsed.error.issues)}`);
  }
  const { rope_theta, rope_scaling, rope_parameters, ...rest } = parsed.data;
  if (rest.hidden_act !== 'silu')
    throw new CheckpointError(`config.json: hidden_act is '${rest.hidden_act}', emotune knows 'silu'`);
  const heads = rest.num_attention_heads;
  const kvHeads = rest.num_key_value_heads ?? heads;
  if (heads % kvHeads !== 0)
    throw new CheckpointError(`config.json: ${heads} attention heads cannot share ${kvHeads} key/value heads`);
  const scaling = rope_parameters ?? rope_scaling;
  return {
    ...rest,
    num_key_value_heads: kvHeads,
    head_dim: rest.head_dim ?? rest.hidden_size / heads,
    rope: { theta: rope_parameters?.rope_theta ?? rope_theta ?? 10_000, ...scalingOf(scaling) },
  };
}

function scalingOf(rope: z.infer<typeof ropeKind> | null | undefined): { scaling?: z.infer<typeof llama3> } {
  const kind = rope?.rope_type ?? rope?.type ?? 'default';
  if (kind === 'default') return {};
  if (kind !== 'llama3')
    throw new CheckpointError(
      `config.json: rotary scaling '${kind}' is not supported; emotune knows 'default' and 'llama3'`,
    );
  const parsed = llama3.safeParse(rope);
  if (!parsed.success)
    throw new CheckpointError(
      `config.json: rotary scaling 'llama3' cannot be used: ${showIssues(parsed.error.issues)}`,
    );
  return { scaling: parsed.data };
}
