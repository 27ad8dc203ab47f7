import { ConfigError } from '../core/errors.ts';
import type { LoraOptions } from '../lora/options.ts';
import { adapterLayout } from '../lora/trained.ts';
import type { DecoderSpec } from '../models/registry.ts';
import type { SavedAdapter } from '../predict/saved-adapter.ts';
import type { TrainConfig, TrainOptions } from './config.ts';

/** @throws ConfigError for layers the model does not have. */
export function loraOptions(config: TrainConfig, { config: { num_hidden_layers: count } }: DecoderSpec): LoraOptions {
  const missing = config.layers?.filter((layer) => layer >= count) ?? [];
  if (missing.length > 0)
    throw new ConfigError(`layers: the model has layers 0 to ${count - 1}, not ${missing.join(', ')}`);
  return {
    rank: config.rank,
    alpha: config.alpha ?? 2 * config.rank,
    dropout: config.dropout,
    ...targetsOf(config),
    ...(config.rankPattern ? { rankPattern: config.rankPattern } : {}),
    ...(config.alphaPattern ? { alphaPattern: config.alphaPattern } : {}),
    rslora: config.rslora,
    dora: config.dora,
    init: config.initLora,
  };
}

function targetsOf({ targetModules, layers }: Pick<TrainConfig, 'targetModules' | 'layers'>) {
  const all = targetModules.length === 1 && targetModules[0] === 'all-linear';
  return {
    targetModules: all ? ('all-linear' as const) : targetModules,
    ...(layers ? { layersToTransform: layers } : {}),
  };
}

/** The settings of a configuration that say what an adapter is made of. */
type LoraSettings = Pick<
  TrainConfig,
  'rank' | 'alpha' | 'targetModules' | 'layers' | 'rankPattern' | 'alphaPattern' | 'rslora' | 'dora'
>;

/**
 * The configuration with the settings of an adapter that is trained further, its base and dropout included unless others
 * were given.
 *
 * @param given the options as they came: what they say of the adapter must be true.
 * @throws ConfigError naming each option that contradicts the adapter, with both values.
 */
export function adoptSettings(config: TrainConfig, given: TrainOptions, from: SavedAdapter): TrainConfig {
  const { initFrom, initLora } = config;
  if (initLora !== 'default')
    throw new ConfigError(
      `initLora ${initLora} does not go with initFrom: A and B are those of ${initFrom}. Leave one of them out`,
    );
  const own = settingsOf(from);
  const wrong = contradictions(given, own, from);
  if (wrong.length > 0) {
    const both = wrong.map((key) => `${key} ${show(given[key])} (it has ${show(own[key])})`);
    throw new ConfigError(
      `initFrom: ${initFrom} is made otherwise than the options say: ${both.join('; ')}. Leave them out`,
    );
  }
  return { ...config, ...own, base: given.base ?? from.base, dropout: given.dropout ?? from.adapter.options.dropout };
}

function settingsOf({ adapter: { options }, spec }: SavedAdapter): LoraSettings {
  const { targetModules: targets, layersToTransform: layers } = options;
  return {
    rank: options.rank,
    alpha: options.alpha,
    targetModules:
      targets === 'all-linear' ? [targets] : targets instanceof RegExp ? sites(spec, options) : [...targets],
    layers: layers && [...layers],
    rankPattern: filled(options.rankPattern),
    alphaPattern: filled(options.alphaPattern),
    rslora: options.rslora,
    dora: options.dora,
  };
}

/** The options given that an adapter belies. Modules may be said in many ways: it counts which ones are meant. */
function contradictions(given: TrainOptions, own: LoraSettings, from: SavedAdapter): (keyof LoraSettings)[] {
  const keys = (Object.keys(own) as (keyof LoraSettings)[]).filter((key) => given[key] !== undefined);
  const modules = { targetModules: given.targetModules ?? own.targetModules, layers: given.layers ?? own.layers };
  const meant = sites(from.spec, { ...from.adapter.options, ...targetsOf(modules) });
  const sameModules = meant.join() === sites(from.spec, from.adapter.options).join();
  return keys.filter((key) =>
    key === 'targetModules' || key === 'layers' ? !sameModules : canonical(given[key]) !== canonical(own[key]),
  );
}

/** The modules with LoRA, in the model's order. */
const sites = (spec: DecoderSpec, options: LoraOptions): string[] =>
  [...adapterLayout(spec, { labels: 1 }, options).parts.keys()].flatMap(
    (name) => /^(.*)\.lora_A\.weight$/.exec(name)?.[1] ?? [],
  );

const filled = (pattern: LoraOptions['rankPattern'] = {}): Record<string, number> | undefined =>
  Object.keys(pattern).length > 0 ? { ...pattern } : undefined;

/** Equal for equal values; the order of a pattern's keys does not matter, and an empty pattern is none. */
const canonical = (value: unknown): string =>
  JSON.stringify(typeof value === 'object' && value !== null ? Object.entries(value).sort() : (value ?? []));

const show = (value: unknown): string => (value === undefined ? 'none' : JSON.stringify(value));
