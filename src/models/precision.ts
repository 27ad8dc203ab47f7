import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { Graph } from '../graph/graph.ts';
import { cacheFolder, type HubOptions } from '../hub/options.ts';
import { frozenLinear, type Precision } from '../nn/linear.ts';
import { type LinearWeight, withInt8Weights } from '../quantize/weights.ts';
import { classifier } from './model.ts';
import type { DecoderSpec } from './registry.ts';

/**
 * A checkpoint with the weights that frozen layers of a precision read: for fp32 its own; for int8 also rounded ones, which
 * are made once and kept in `emotune/weights` beside the Hub's cache.
 *
 * @throws CheckpointError if they cannot be made or kept.
 */
export async function inPrecision(
  checkpoint: Checkpoint,
  spec: DecoderSpec,
  precision: Precision,
  hub: HubOptions = {},
): Promise<Checkpoint> {
  if (precision === 'fp32') return checkpoint;
  return withInt8Weights(checkpoint, linearWeights(spec), { ...hub, cacheDir: cacheFolder(hub) });
}

/** The linear layers of a decoder, in its order. */
function linearWeights(spec: DecoderSpec): LinearWeight[] {
  const graph = new Graph();
  const found: LinearWeight[] = [];
  classifier(graph, spec, 1, {
    embeddings: 'given',
    linear(x, sides) {
      found.push({ name: `${graph.path}.weight`, shape: [sides.out, sides.in] });
      return frozenLinear.fp32(x, sides);
    },
  });
  return found;
}
