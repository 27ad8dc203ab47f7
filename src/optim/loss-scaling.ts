import { CheckpointError } from '../core/errors.ts';
import { float32, type Tensor } from '../core/tensor.ts';

/** As torch.amp.GradScaler starts and grows. */
const START = 2 ** 16;
const GROWTH_STEPS = 2000;
/** A gradient that is no number at this scale is not too large, but none. */
const LEAST = 1;

/**
 * Dynamic loss scaling: in half precision cotangents below 6·10⁻⁸ are zero, so the loss is multiplied by S before it is
 * differentiated, and the gradient divided by S before it is used.
 *
 * S is halved where a gradient overflows, and the batch computed again, so none is left out (torch's GradScaler skips it); after
 * 2000 steps without that it is doubled.
 *
 * @see Micikevicius et al. 2018, arXiv:1710.03740, section 3.2
 */
export class LossScaling {
  #scale = START;
  #stepsSince = 0;

  /** S. */
  get scale(): number {
    return this.#scale;
  }

  /** @returns whether there is a smaller scale to try. */
  overflowed(): boolean {
    this.#stepsSince = 0;
    if (this.#scale <= LEAST) return false;
    this.#scale /= 2;
    return true;
  }

  /** A step was taken. */
  held(): void {
    this.#stepsSince++;
    if (this.#stepsSince < GROWTH_STEPS) return;
    this.#stepsSince = 0;
    this.#scale *= 2;
  }

  /** What a run that goes on needs. [2] */
  get state(): Tensor {
    return float32([this.#scale, this.#stepsSince], [2]);
  }

  /** @throws CheckpointError if that is no state of such scaling. */
  restore(state: Tensor | undefined): void {
    const [scale, stepsSince] = state?.data ?? [];
    if (scale === undefined || stepsSince === undefined || !(scale >= LEAST))
      throw new CheckpointError('the checkpoint does not say how the loss is scaled: it is not one of a run in fp16');
    this.#scale = scale;
    this.#stepsSince = stepsSince;
  }
}
