import { ConfigError } from '../core/errors.ts';
import { formatBytes, formatStep } from '../core/quantities.ts';
import { allowsPrecision } from '../models/precision.ts';
import type { DecoderSpec } from '../models/registry.ts';
import type { Precision } from '../nn/linear.ts';
import type { Provider } from '../runtime/provider.ts';
import type { MachineSpeed } from '../runtime/speed.ts';
import type { TrainConfig } from './config.ts';
import type { RunEstimate } from './estimate.ts';

/** A configuration in which nothing is left to choose. */
export type SettledConfig = TrainConfig & { readonly precision: Precision };

/** How the frozen layers are computed, and why where `auto` chose it. */
export interface PrecisionChoice {
  readonly name: Precision;
  readonly reason?: string;
}

/**
 * The precisions that a run may be computed in, the most exact first.
 *
 * @throws ConfigError if half precision is asked for where the device has none.
 */
export function possiblePrecisions(
  { precision, dora }: Pick<TrainConfig, 'precision' | 'dora'>,
  {
    spec,
    provider,
    speed,
  }: {
    readonly spec: DecoderSpec;
    readonly provider: Provider;
    readonly speed: Pick<MachineSpeed, 'halfFlopsPerSecond'>;
  },
): readonly Precision[] {
  const hasHalf = speed.halfFlopsPerSecond > 0;
  if (precision === 'fp16' && !hasHalf)
    throw new ConfigError(
      `precision fp16: the GPU that computes (device ${provider}), or its driver, has no half precision. Choose --precision fp32`,
    );
  if (precision !== 'auto') return [precision];
  if (dora) return ['fp32'];
  // Kernels for rounded weights are the processor's, for half precision the GPUs'.
  const worthwhile: readonly Precision[] =
    provider === 'cpu' ? ['fp32', 'int8', 'int4'] : hasHalf ? ['fp32', 'fp16'] : ['fp32'];
  return worthwhile.filter((p) => allowsPrecision(spec, p));
}

/** A run in some precision. */
export interface Candidate {
  readonly precision: Precision;
  readonly estimate: Pick<RunEstimate, 'memory' | 'time'>;
}

/** A less exact precision must gain this much. */
const WORTHWHILE = 0.9;

/**
 * Of candidates that fit into memory the fastest; a less exact one only where it takes less than 0.9 of the time. Where
 * none fits, the smallest.
 *
 * @param candidates the most exact first.
 */
export function choosePrecision<C extends Candidate>(
  candidates: readonly C[],
): C & { readonly choice: PrecisionChoice } {
  const fitting = candidates.filter(({ estimate: { memory } }) => memory.bytes <= memory.availableBytes);
  const chosen =
    fitting.length > 0
      ? fitting.reduce((best, next) => (step(next) < WORTHWHILE * step(best) ? next : best))
      : candidates.reduce((best, next) => (memoryOf(next) < memoryOf(best) ? next : best));
  const { precision: name } = chosen;
  const others = candidates.filter((c) => c !== chosen);
  if (others.length === 0) return { ...chosen, choice: { name } };
  const why = fitting.length > 0 ? '' : 'the smallest; ';
  const reason = `${why}${facts(chosen)}, where ${others.map((c) => `${c.precision} would take ${facts(c)}`).join(' and ')}`;
  return { ...chosen, choice: { name, reason } };
}

const step = ({ estimate }: Candidate): number => estimate.time.step;
const memoryOf = ({ estimate }: Candidate): number => estimate.memory.bytes;

const facts = (candidate: Candidate): string =>
  `${formatStep(step(candidate))} a step and ${formatBytes(Math.round(memoryOf(candidate)))}`;
