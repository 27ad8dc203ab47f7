import { Graph } from '../graph/graph.ts';
import { HEAD } from '../models/heads.ts';
import { classifier } from '../models/model.ts';
import type { DecoderSpec } from '../models/registry.ts';
import { dense } from '../nn/linear.ts';
import { type FlatLayout, flatLayout } from '../optim/flat.ts';
import { isLoraParameter, withLora } from './lora.ts';
import type { LoraOptions } from './options.ts';

/** What a LoRA run trains: the adapter and, in full, the head. */
export const isTrained = (parameter: string): boolean => isLoraParameter(parameter) || isHeadParameter(parameter);
export const isHeadParameter = (parameter: string): boolean => parameter.startsWith(`${HEAD}.`);

/** How the tensors of an adapted classifier lie in its flat vector. */
export function adapterLayout(
  spec: DecoderSpec,
  labels: number,
  options: LoraOptions,
  include = isTrained,
): FlatLayout {
  const graph = new Graph();
  classifier(graph, spec, labels, { linear: withLora(dense, options), embeddings: 'given' });
  return flatLayout([...graph.parameters].filter(([name]) => include(name)).map(([, value]) => value));
}
