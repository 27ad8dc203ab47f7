import { add, div, mul, scale, sqrt, square, sub } from '../graph/ops/index.ts';
import type { Optimizer } from './optimizer.ts';

export interface AdamWOptions {
  readonly betas: readonly [number, number];
  readonly eps: number;
  readonly weightDecay: number;
}

/**
 * Adam with decoupled weight decay, on every trained value.
 *
 *     m ← β₁ m + (1 − β₁) g         v ← β₂ v + (1 − β₂) g²
 *     θ ← (1 − η λ) θ − η (m / (1 − β₁ᵗ)) / (√v / √(1 − β₂ᵗ) + ε)
 *
 * @see Loshchilov & Hutter 2017, arXiv:1711.05101. Matches torch.optim.AdamW: test/parity.test.ts
 */
export function adamw({ betas: [beta1, beta2], eps, weightDecay }: AdamWOptions): Optimizer {
  return {
    name: 'adamw',
    state: ['m', 'v'],
    scalars: (t) => ({ correction1: 1 - beta1 ** t, correction2: Math.sqrt(1 - beta2 ** t) }),
    update(parameters, gradient, { learningRate, state, scalars }) {
      const one = parameters.graph.constant(1);
      const m = add(scale(state.m!, beta1), scale(gradient, 1 - beta1));
      const v = add(scale(state.v!, beta2), scale(square(gradient), 1 - beta2));
      const denominator = add(div(sqrt(v), scalars.correction2!), parameters.graph.constant(eps));
      const decayed = weightDecay === 0 ? parameters : mul(parameters, sub(one, scale(learningRate, weightDecay)));
      const step = mul(div(learningRate, scalars.correction1!), div(m, denominator));
      return { parameters: sub(decayed, step), state: { m, v } };
    },
  };
}
