/** Checkpoints of any Llama shape with random weights: what a benchmark needs of a model, without a download. */
import { type Random, random } from '../core/random.ts';
import { sizeOf } from '../core/tensor.ts';
import { encodeFloats, type FloatDtype } from './dtype.ts';
import { byteLengthOf } from './header.ts';
import type { LlamaShape } from './presets.ts';
import type { TensorSpec } from './safetensors.ts';
import { writeCheckpoint } from './write.ts';

export interface RandomCheckpointOptions {
  readonly seed: number;
  /** Default BF16. */
  readonly dtype?: FloatDtype;
  /** A shard ends before it would grow beyond this, as in `save_pretrained`. Default 5·10⁹. */
  readonly maxShardBytes?: number;
  readonly onProgress?: (writtenBytes: number, totalBytes: number) => void;
}

/**
 * Writes config.json and the weights of a LlamaForCausalLM, in one file or in shards with an index, a few megabytes
 * at a time. Projections and embeddings are drawn from N(0, 0.02²), norm gains from N(1, 0.02²); every tensor has its
 * own stream, so its values depend on the seed and its name only. No tokenizer is written.
 */
export async function writeRandomCheckpoint(
  dir: string,
  config: LlamaShape & Readonly<Record<string, unknown>>,
  { seed, dtype = 'BF16', maxShardBytes, onProgress }: RandomCheckpointOptions,
): Promise<void> {
  const specs = llamaTensors(config).map(({ name, shape }) => ({ name, dtype, shape }));
  const totalBytes = specs.reduce((sum, spec) => sum + byteLengthOf(spec), 0);
  const noise = normals(random(seed));
  const gains = encodeFloats(
    noise.map((x) => 1 + x),
    dtype,
  );
  const weights = encodeFloats(noise, dtype);
  let writtenBytes = 0;
  async function* produce({ name, shape }: TensorSpec) {
    const generator = random(seed).fork(name);
    for (const piece of draws(shape.length === 1 ? gains : weights, sizeOf(shape), generator)) {
      yield piece;
      writtenBytes += piece.byteLength;
      onProgress?.(writtenBytes, totalBytes);
    }
  }

  await writeCheckpoint(dir, { config, specs, produce, ...(maxShardBytes === undefined ? {} : { maxShardBytes }) });
}

/** Names and shapes of a LlamaForCausalLM's tensors, in the model's order. */
export function llamaTensors(config: LlamaShape): { readonly name: string; readonly shape: readonly number[] }[] {
  const { hidden_size: hidden, intermediate_size: inner, vocab_size: vocab, head_dim } = config;
  const queries = config.num_attention_heads * head_dim;
  const keys = config.num_key_value_heads * head_dim;
  const layer = (i: number) =>
    [
      { name: 'input_layernorm', shape: [hidden] },
      { name: 'self_attn.q_proj', shape: [queries, hidden] },
      { name: 'self_attn.k_proj', shape: [keys, hidden] },
      { name: 'self_attn.v_proj', shape: [keys, hidden] },
      { name: 'self_attn.o_proj', shape: [hidden, queries] },
      { name: 'post_attention_layernorm', shape: [hidden] },
      { name: 'mlp.gate_proj', shape: [inner, hidden] },
      { name: 'mlp.up_proj', shape: [inner, hidden] },
      { name: 'mlp.down_proj', shape: [hidden, inner] },
    ].map(({ name, shape }) => ({ name: `model.layers.${i}.${name}.weight`, shape }));
  return [
    { name: 'model.embed_tokens.weight', shape: [vocab, hidden] },
    ...Array.from({ length: config.num_hidden_layers }, (_, i) => layer(i)).flat(),
    { name: 'model.norm.weight', shape: [hidden] },
    ...(config.tie_word_embeddings ? [] : [{ name: 'lm_head.weight', shape: [vocab, hidden] }]),
  ];
}

const tableSize = 65536;
const pieceElements = 2 ** 22;

/** A table of N(0, 0.02²): drawing from it with 16 random bits is far faster than a normal for each weight. */
const normals = (generator: Random): Float32Array<ArrayBuffer> =>
  Float32Array.from({ length: tableSize }, () => 0.02 * generator.normal());

/** `count` random entries of the table in pieces; every piece lies in the same memory. */
function* draws(table: Float32Array | Uint16Array, count: number, generator: Random): Generator<Uint8Array> {
  const pairs = 2 * Math.ceil(Math.min(count, pieceElements) / 2);
  const piece = table instanceof Float32Array ? new Float32Array(pairs) : new Uint16Array(pairs);
  for (let left = count; left > 0; left -= piece.length) {
    for (let i = 0; i < piece.length; i += 2) {
      const bits = generator.bits();
      piece[i] = table[bits & 0xffff]!;
      piece[i + 1] = table[bits >>> 16]!;
    }
    yield new Uint8Array(piece.buffer, 0, Math.min(left, piece.length) * piece.BYTES_PER_ELEMENT);
  }
}
