import { ConfigError } from '../core/errors.ts';
import { Graph } from '../graph/graph.ts';
import { HEAD, type HeadShape } from '../models/heads.ts';
import { classifier } from '../models/model.ts';
import type { DecoderSpec } from '../models/registry.ts';
import { dense } from '../nn/linear.ts';
import { type FlatLayout, flatLayout } from '../optim/flat.ts';
import { isLoraParameter, withLora } from './lora.ts';
import { isNamed, type LoraOptions, matchesPattern } from './options.ts';
import { isPissaParameter } from './pissa.ts';

/** What a LoRA run trains: the adapter and, in full, the head. */
export const isTrained = (parameter: string): boolean => isLoraParameter(parameter) || isHeadParameter(parameter);
export const isHeadParameter = (parameter: string): boolean => parameter.startsWith(`${HEAD}.`);

/** How the tensors of an adapted classifier lie in its flat vector. */
export function adapterLayout(
  spec: DecoderSpec,
  head: HeadShape,
  options: LoraOptions,
  include = isTrained,
): FlatLayout {
  const graph = new Graph();
  classifier(graph, spec, head, { linear: withLora(dense, options), embeddings: 'given' });
  return flatLayout([...graph.parameters].filter(([name]) => include(name)).map(([, value]) => value));
}

/**
 * The lowest layer with an adapter: what the layers below it compute depends on nothing that is trained. 0 where no layer
 * has one.
 */
export function lowestAdaptedLayer(spec: DecoderSpec, options: LoraOptions): number {
  const names = [...adapterLayout(spec, { labels: 1 }, options, isLoraParameter).parts.keys()];
  const layers = names.flatMap((name) => /^model\.layers\.(\d+)\./.exec(name)?.[1] ?? []).map(Number);
  return layers.length > 0 ? Math.min(...layers) : 0;
}

/**
 * Checks options against the model before training: every module and pattern named is found, so that a typo is not a
 * smaller adapter, and no rank exceeds the smaller side of its module, where factors would be redundant.
 *
 * @throws ConfigError listing what is not there, and the modules there are.
 */
export function checkSites(graph: Graph, { targetModules, rankPattern = {}, alphaPattern = {} }: LoraOptions): void {
  const sites = [...graph.parameters.keys()]
    .filter((name) => name.endsWith('.lora_A.weight'))
    .map((name) => name.replace('.lora_A.weight', ''));
  for (const site of sites) checkRank(graph, site);
  const named = Array.isArray(targetModules) ? (targetModules as readonly string[]) : [];
  const patterns = [...Object.keys(rankPattern), ...Object.keys(alphaPattern)];
  const missing = [
    ...named.filter((name) => !sites.some((site) => isNamed(site, name))),
    ...patterns.filter((pattern) => !sites.some((site) => matchesPattern(site, pattern))),
  ];
  if (missing.length === 0 && sites.length > 0) return;
  const matrices = [...graph.parameters].filter(
    ([name, { shape }]) => shape.length === 2 && !isTrained(name) && !isPissaParameter(name),
  );
  const modules = [...new Set(matrices.map(([name]) => name.split('.').at(-2)))];
  throw new ConfigError(
    `LoRA: no module with ${missing.length > 0 ? missing.map((m) => `'${m}'`).join(', ') : 'the given names and layers'}; the model has ${modules.join(', ')}`,
  );
}

function checkRank(graph: Graph, site: string): void {
  const [rank, width] = graph.parameters.get(`${site}.lora_A.weight`)!.shape.map(Number) as [number, number];
  const [rows] = graph.parameters.get(`${site}.lora_B.weight`)!.shape.map(Number) as [number, number];
  if (rank > Math.min(rows, width))
    throw new ConfigError(`LoRA: rank ${rank} exceeds the smaller side of ${site} [${rows}, ${width}]`);
}
