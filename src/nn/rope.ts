import type { Value } from '../graph/graph.ts';
import { add, cast, concat, cos, mul, reshape, rotateHalf, sin } from '../graph/ops/index.ts';

/** Llama 3.1's stretching of low frequencies, so that a model trained on short contexts reads long ones. */
export interface Llama3Scaling {
  readonly factor: number;
  readonly low_freq_factor: number;
  readonly high_freq_factor: number;
  readonly original_max_position_embeddings: number;
}

export interface RopeOptions {
  readonly theta: number;
  readonly headDim: number;
  readonly scaling?: Llama3Scaling;
}

/**
 * Frequencies of rotary embeddings, one for each pair of features.
 *
 *     ω_i = θ^(−2i / D),   i = 0 … D/2 − 1
 *
 * With Llama 3.1's scaling, wavelengths λ = 2π/ω longer than L/low are stretched by `factor`, shorter than L/high are
 * kept, and those between are blended linearly in L/λ, where L is the original context.
 *
 * @see Su et al. 2021, arXiv:2104.09864; Grattafiori et al. 2024, arXiv:2407.21783 §3.2.
 */
export function ropeFrequencies({ theta, headDim, scaling }: RopeOptions): number[] {
  const plain = Array.from({ length: headDim / 2 }, (_, i) => theta ** ((-2 * i) / headDim));
  if (!scaling) return plain;
  const { factor, low_freq_factor: low, high_freq_factor: high, original_max_position_embeddings: length } = scaling;
  return plain.map((omega) => {
    const turns = (length * omega) / (2 * Math.PI); // L / λ
    const keep = Math.min(1, Math.max(0, (turns - low) / (high - low)));
    return keep * omega + ((1 - keep) * omega) / factor;
  });
}

/** Cosines and sines of every position's angles. */
export interface Rotary {
  readonly cos: Value;
  readonly sin: Value;
}

/** Shapes: positions int32 [N], frequencies D/2 → cos, sin [N, 1, D] */
export function rotary(positions: Value, frequencies: readonly number[]): Rotary {
  const half = mul(
    reshape(cast(positions, 'float32'), [positions.shape[0]!, 1, 1]),
    positions.graph.constant(frequencies),
  ); // [N, 1, D/2]
  const angles = concat([half, half], 2);
  return { cos: cos(angles), sin: sin(angles) };
}

/**
 * Turns each pair of features (i, i + D/2) by its position's angle.
 *
 *     y = x · cos + rotateHalf(x) · sin
 *
 * Shapes: x [N, H, D], cos and sin [N, 1, D] → y [N, H, D]
 */
export const rotate = (x: Value, { cos, sin }: Rotary): Value => add(mul(x, cos), mul(rotateHalf(x), sin));
