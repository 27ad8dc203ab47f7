import { ConfigError } from '../core/errors.ts';

/** How a model is adapted. Everything means what it means in PEFT's `LoraConfig` (`rank` is its `r`, `alpha` its `lora_alpha`, `dora` its `use_dora` …). */
export interface LoraOptions {
  readonly rank: number;
  readonly alpha: number;
  /** Probability of dropping a feature on its way into A, while training. */
  readonly dropout: number;
  /** `'all-linear'`, names of modules (matched at the end of the path), or one regular expression over the whole path. */
  readonly targetModules: 'all-linear' | readonly string[] | RegExp;
  /** Only these layers, by number. */
  readonly layersToTransform?: readonly number[];
  /** Ranks for paths that end in a pattern. */
  readonly rankPattern?: Readonly<Record<string, number>>;
  /** Alphas for paths that end in a pattern. */
  readonly alphaPattern?: Readonly<Record<string, number>>;
  /** Scale by alpha / √rank instead of alpha / rank (Kalajdzievski 2023, arXiv:2312.03732). */
  readonly rslora: boolean;
  /** Weight decomposition: a trained magnitude for each output (Liu et al. 2024, arXiv:2402.09353). */
  readonly dora: boolean;
  /** How A and B start: A random and B zero, or as the principal part of the weight. What is saved is plain LoRA either way. */
  readonly init?: LoraInit;
}

/** PEFT's `init_lora_weights`: its default (True), or PiSSA (Meng et al. 2024, arXiv:2404.02948). */
export const loraInits = ['default', 'pissa'] as const;
export type LoraInit = (typeof loraInits)[number];

/** LoRA at one module. */
export interface LoraSite {
  readonly rank: number;
  readonly scale: number;
}

/**
 * LoRA at the module of that path, by PEFT's rules of matching; undefined where there is none.
 *
 * @throws ConfigError for a rank that is not a positive whole number.
 */
export function siteOf(path: string, options: LoraOptions): LoraSite | undefined {
  if (!isTarget(path, options)) return undefined;
  const rank = patternValue(path, options.rankPattern) ?? options.rank;
  const alpha = patternValue(path, options.alphaPattern) ?? options.alpha;
  if (!Number.isInteger(rank) || rank < 1)
    throw new ConfigError(`LoRA: the rank must be a whole number from 1 up, got ${rank} at ${path}`);
  return { rank, scale: alpha / (options.rslora ? Math.sqrt(rank) : rank) };
}

function isTarget(path: string, { targetModules, layersToTransform }: LoraOptions): boolean {
  const layer = /(?:^|\.)[^.]*\.(\d+)\./.exec(path)?.[1];
  if (layersToTransform && !(layer !== undefined && layersToTransform.includes(Number(layer)))) return false;
  if (targetModules === 'all-linear') return true;
  if (targetModules instanceof RegExp) return new RegExp(`^(?:${targetModules.source})$`).test(path);
  return targetModules.some((name) => isNamed(path, name));
}

/** Whether a path is a module's name, or ends in it. */
export const isNamed = (path: string, name: string): boolean => path === name || path.endsWith(`.${name}`);

/** Whether a path is matched by a rank or alpha pattern: a regular expression for its end. */
export const matchesPattern = (path: string, pattern: string): boolean =>
  compile(`^(?:.*\\.)?(?:${pattern})$`, pattern).test(path);

/** @throws ConfigError for what is no regular expression here; Python's flags such as (?i) are not. */
export function compile(source: string, shown = source): RegExp {
  try {
    return new RegExp(source);
  } catch {
    throw new ConfigError(`LoRA: '${shown}' is no regular expression that emotune understands`);
  }
}

function patternValue(path: string, patterns: Readonly<Record<string, number>> = {}): number | undefined {
  return Object.entries(patterns).find(([pattern]) => matchesPattern(path, pattern))?.[1];
}
