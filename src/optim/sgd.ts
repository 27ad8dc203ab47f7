import { add, mul, scale, sub } from '../graph/ops/index.ts';
import type { Optimizer } from './optimizer.ts';

export interface SgdOptions {
  readonly momentum: number;
  readonly weightDecay: number;
}

/**
 * Stochastic gradient descent with momentum and (coupled) weight decay.
 *
 *     b ← μ b + g + λ θ         θ ← θ − η b
 *
 * @see Sutskever et al. 2013 in torch's form. Matches torch.optim.SGD: test/parity.test.ts
 */
export function sgd({ momentum, weightDecay }: SgdOptions): Optimizer {
  return {
    name: 'sgd',
    state: ['momentum'],
    scalars: () => ({}),
    update(parameters, gradient, { learningRate, state }) {
      const decayed = weightDecay === 0 ? gradient : add(gradient, scale(parameters, weightDecay));
      const buffer = add(scale(state.momentum!, momentum), decayed);
      return { parameters: sub(parameters, mul(learningRate, buffer)), state: { momentum: buffer } };
    },
  };
}
