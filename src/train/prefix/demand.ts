/** Whether a run starts above its frozen layers, and what their states take. */
import { join } from 'node:path';
import { ConfigError } from '../../core/errors.ts';
import { HashIndex } from '../../data/disk/hash-index.ts';
import { cacheFolder, type HubOptions } from '../../hub/options.ts';
import type { LoraOptions } from '../../lora/options.ts';
import { lowestAdaptedLayer } from '../../lora/trained.ts';
import type { DecoderSpec } from '../../models/registry.ts';
import type { SettledConfig } from '../choose-precision.ts';
import type { TrainConfig } from '../config.ts';
import type { EncodedExamples } from '../encoded-examples.ts';
import type { Prepared } from '../prepare.ts';
import { PrefixCache, type PrefixModel } from './cache.ts';
import { hashOf } from './segment.ts';

/**
 * The lowest layer that a run computes anew in every step, where the states that enter it are cached; undefined where they
 * are not.
 *
 * @throws ConfigError if they should be, and there is no layer below the adapters.
 */
export function prefixLayer(
  { prefixCache, epochs }: Pick<TrainConfig, 'prefixCache' | 'epochs'>,
  spec: DecoderSpec,
  lora: LoraOptions,
): number | undefined {
  if (prefixCache === 'off') return undefined;
  const layer = lowestAdaptedLayer(spec, lora);
  const count = spec.config.num_hidden_layers;
  if (prefixCache === 'on' && layer === 0)
    throw new ConfigError(
      `prefixCache: the adapters reach layer 0, so no layer below them is frozen: adapt the top ones only, such as --layers ${count > 1 ? topQuarter(count) : 'of a deeper base'}, or leave prefixCache out`,
    );
  return layer > 0 && (prefixCache === 'on' || epochs > 1) ? layer : undefined;
}

const topQuarter = (count: number): string => {
  const some = Math.ceil(count / 4);
  return Array.from({ length: some }, (_, i) => count - some + i).join(',');
};

/** What a prepared run caches. */
export async function prefixModel(
  { checkpoint, spec, prefixLayer: layer }: Prepared,
  { precision }: Pick<SettledConfig, 'precision'>,
): Promise<PrefixModel | undefined> {
  return layer === undefined ? undefined : { spec, layer, precision, fingerprint: await checkpoint.fingerprint() };
}

/** The folder of all caches of this kind. */
export const prefixRoot = (hub: HubOptions | undefined): string => join(cacheFolder(hub), 'prefix');

/** The sequences of every example of a run, as they are read from disk. */
export function* sequencesOf({ train, validation, test }: Pick<Prepared, 'train' | 'validation' | 'test'>) {
  for (const examples of [train, validation, test]) yield* sequencesOfSplit(examples);
}

const readAtOnce = 1024;

function* sequencesOfSplit(examples: EncodedExamples): Generator<Int32Array, void> {
  for (let at = 0; at < examples.length; at += readAtOnce) {
    const places = Array.from({ length: Math.min(readAtOnce, examples.length - at) }, (_, i) => at + i);
    for (const { sequences } of examples.read(places)) yield* sequences;
  }
}

/** The states that a run reads. */
export interface PrefixDemand {
  readonly layer: number;
  /** The folder of all such caches. */
  readonly root: string;
  /** Of all texts, each once. */
  readonly tokens: number;
  /** Of those whose states are not cached yet. */
  readonly missingTokens: number;
}

/** Looks at every text of a run, and at what is cached already. */
export async function prefixDemand(
  prepared: Prepared,
  { config, hub }: { readonly config: Pick<SettledConfig, 'precision'>; readonly hub?: HubOptions | undefined },
): Promise<PrefixDemand | undefined> {
  const { prefixLayer: layer } = prepared;
  if (layer === undefined) return undefined;
  const root = prefixRoot(hub);
  // Of weights that are yet to be fetched there is no fingerprint.
  const model = await prefixModel(prepared, config).catch(() => undefined);
  const cache = model && (await PrefixCache.open(root, model));
  const seen = new HashIndex();
  let [tokens, missingTokens] = [0, 0];
  for (const ids of sequencesOf(prepared)) {
    const known = seen.size;
    if (seen.place(...hashOf(ids)) < known) continue;
    tokens += ids.length;
    if (!cache?.has(ids)) missingTokens += ids.length;
  }
  return { layer, root, tokens, missingTokens };
}
