import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { Graph } from '../graph/graph.ts';
import { hasInt4Blocks } from '../graph/ops/index.ts';
import { cacheFolder, type HubOptions } from '../hub/options.ts';
import { frozenLinear, type Precision } from '../nn/linear.ts';
import { float16Rounding } from '../quantize/float16.ts';
import { int4Rounding } from '../quantize/int4.ts';
import { int8Rounding } from '../quantize/int8.ts';
import type { Rounding } from '../quantize/rounding.ts';
import { type LinearWeight, withRoundedWeights } from '../quantize/weights.ts';
import { classifier } from './model.ts';
import type { DecoderSpec } from './registry.ts';

/** How the weights of each precision are stored, where they are not the checkpoint's own. */
const roundings: Readonly<Record<Precision, Rounding | undefined>> = {
  fp32: undefined,
  fp16: float16Rounding,
  int8: int8Rounding,
  int4: int4Rounding,
};

/**
 * A checkpoint with the weights that frozen layers of a precision read: for fp32 its own; for the others also rounded ones,
 * which are made once and kept in `emotune/weights` beside the Hub's cache.
 *
 * @throws CheckpointError if they cannot be made or kept.
 */
export async function inPrecision(
  checkpoint: Checkpoint,
  spec: DecoderSpec,
  precision: Precision,
  hub: HubOptions = {},
): Promise<Checkpoint> {
  const rounding = roundings[precision];
  if (!rounding) return checkpoint;
  return withRoundedWeights(checkpoint, linearWeights(spec), { ...hub, rounding, cacheDir: cacheFolder(hub) });
}

/** Whether a decoder's layers can be computed so. */
export function allowsPrecision(spec: DecoderSpec, precision: Precision): boolean {
  return precision !== 'int4' || linearWeights(spec).every(({ shape: [, into] }) => hasInt4Blocks(into));
}

/** The linear layers of a decoder, in its order. */
function linearWeights(spec: DecoderSpec): LinearWeight[] {
  const graph = new Graph();
  const found: LinearWeight[] = [];
  classifier(
    graph,
    spec,
    { labels: 1 },
    {
      embeddings: 'given',
      linear(x, sides) {
        found.push({ name: `${graph.path}.weight`, shape: [sides.out, sides.in] });
        return frozenLinear.fp32(x, sides);
      },
    },
  );
  return found;
}
