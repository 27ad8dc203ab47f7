import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { writeJson } from '../checkpoint/atomic.ts';
import { openSafetensors, readTensor, writeSafetensors } from '../checkpoint/safetensors.ts';
import { CheckpointError, showIssues } from '../core/errors.ts';
import type { Tensor } from '../core/tensor.ts';
import { HEAD } from '../models/heads.ts';
import { compile, type LoraOptions } from './options.ts';

/** An adapter as PEFT stores it: its settings, and its tensors under the names they have in our graphs. */
export interface Adapter {
  readonly options: LoraOptions;
  readonly tensors: ReadonlyMap<string, Tensor>;
  readonly baseModel: string | undefined;
  /** Commit, tag or branch of a base on the Hub. */
  readonly baseRevision?: string | undefined;
}

const PREFIX = 'base_model.model.';
const CONFIG = 'adapter_config.json';
const WEIGHTS = 'adapter_model.safetensors';

const numbers = z.record(z.string(), z.number());
const schema = z.object({
  peft_type: z.literal('LORA'),
  r: z.int().positive(),
  lora_alpha: z.number(),
  lora_dropout: z.number().min(0).max(1).default(0),
  target_modules: z.union([z.string(), z.array(z.string())]),
  exclude_modules: z.union([z.string(), z.array(z.string())]).nullish(),
  rank_pattern: numbers.nullish(),
  alpha_pattern: numbers.nullish(),
  layers_to_transform: z.union([z.number(), z.array(z.number())]).nullish(),
  layers_pattern: z.union([z.string(), z.array(z.string())]).nullish(),
  layer_replication: z.array(z.unknown()).nullish(),
  use_rslora: z.boolean().default(false),
  use_dora: z.boolean().default(false),
  bias: z.string().default('none'),
  fan_in_fan_out: z.boolean().default(false),
  base_model_name_or_path: z.string().nullish(),
  revision: z.string().nullish(),
  init_lora_weights: z.union([z.boolean(), z.string()]).default(true),
});

/** Ways of initialising that leave the base as it is; others (pissa, olora, corda …) store a difference to a changed base. */
const harmless: readonly unknown[] = [true, false, 'gaussian', 'eva', 'orthogonal'];

/** Settings of PEFT that change the computation in ways emotune does not know. */
const unsupported: Readonly<Record<string, (config: z.infer<typeof schema>) => boolean>> = {
  "bias other than 'none'": (c) => c.bias !== 'none',
  fan_in_fan_out: (c) => c.fan_in_fan_out,
  init_lora_weights: (c) => !harmless.includes(c.init_lora_weights),
  exclude_modules: (c) => c.exclude_modules != null && c.exclude_modules.length > 0,
  layers_pattern: (c) => c.layers_pattern != null && c.layers_pattern.length > 0,
  layer_replication: (c) => c.layer_replication != null && c.layer_replication.length > 0,
};

/**
 * Reads an adapter folder that PEFT or emotune wrote.
 *
 * @throws CheckpointError if files are missing or damaged, or the adapter uses what emotune does not know.
 */
export async function readAdapter(dir: string): Promise<Adapter> {
  const config = await readConfig(dir);
  const file = await openSafetensors(join(dir, WEIGHTS));
  const tensors = new Map<string, Tensor>();
  for (const [name, entry] of file.tensors) {
    if (!name.startsWith(PREFIX))
      throw new CheckpointError(`${dir}: tensor ${name} is not called as PEFT does (${PREFIX}…)`);
    tensors.set(name.slice(PREFIX.length), await readTensor(entry));
  }
  const layers = config.layers_to_transform;
  const options: LoraOptions = {
    rank: config.r,
    alpha: config.lora_alpha,
    dropout: config.lora_dropout,
    targetModules: targetsFrom(config.target_modules),
    ...(layers == null ? {} : { layersToTransform: typeof layers === 'number' ? [layers] : layers }),
    rankPattern: config.rank_pattern ?? {},
    alphaPattern: config.alpha_pattern ?? {},
    rslora: config.use_rslora,
    dora: config.use_dora,
  };
  return {
    options,
    tensors,
    baseModel: config.base_model_name_or_path ?? undefined,
    baseRevision: config.revision ?? undefined,
  };
}

async function readConfig(dir: string): Promise<z.infer<typeof schema>> {
  const text = await readFile(join(dir, CONFIG), 'utf8').catch((cause: unknown) => {
    throw new CheckpointError(`${dir}: no ${CONFIG}; is this a folder PEFT's save_pretrained or emotune wrote?`, {
      cause,
    });
  });
  const raw = parseJson(dir, text);
  const parsed = schema.safeParse(raw);
  if (!parsed.success) {
    throw new CheckpointError(`${dir}/${CONFIG} cannot be used: ${showIssues(parsed.error.issues)}`);
  }
  const strange = [
    ...Object.keys(unsupported).filter((name) => unsupported[name]!(parsed.data)),
    ...unknownSettings(raw),
  ];
  if (strange.length > 0)
    throw new CheckpointError(`${dir}/${CONFIG} uses what emotune does not support: ${strange.join(', ')}`);
  return parsed.data;
}

/** Variants of LoRA by their keys, of which any other value than none changes the computation. */
const variants = [
  'alora_invocation_tokens',
  'target_parameters',
  'trainable_token_indices',
  'lora_bias',
  'use_qalora',
  'use_bdlora',
  'arrow_config',
];

const unknownSettings = (raw: unknown): string[] =>
  variants.filter((key) => {
    const value = (raw as Readonly<Record<string, unknown>>)[key];
    return value != null && value !== false;
  });

function parseJson(dir: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new CheckpointError(`${dir}/${CONFIG} is not JSON: ${cause instanceof Error ? cause.message : cause}`, {
      cause,
    });
  }
}

const targetsFrom = (targets: string | readonly string[]): LoraOptions['targetModules'] =>
  typeof targets === 'string' ? (targets === 'all-linear' ? targets : compile(targets)) : targets;

/** Writes an adapter folder that PEFT loads as it is, head included. */
export async function writeAdapter(dir: string, { options, tensors, baseModel, baseRevision }: Adapter): Promise<void> {
  const { targetModules: targets } = options;
  await writeSafetensors(
    join(dir, WEIGHTS),
    Array.from(tensors, ([name, tensor]) => [PREFIX + name, tensor] as const).sort(([a], [b]) => (a < b ? -1 : 1)),
  );
  await writeJson(join(dir, CONFIG), {
    peft_type: 'LORA',
    task_type: 'SEQ_CLS',
    base_model_name_or_path: baseModel ?? null,
    revision: baseRevision ?? null,
    r: options.rank,
    lora_alpha: options.alpha,
    lora_dropout: options.dropout,
    target_modules:
      targets === 'all-linear' && options.layersToTransform
        ? adaptedModules(tensors)
        : targets instanceof RegExp
          ? targets.source
          : targets,
    layers_to_transform: options.layersToTransform ?? null,
    rank_pattern: options.rankPattern ?? {},
    alpha_pattern: options.alphaPattern ?? {},
    use_rslora: options.rslora,
    use_dora: options.dora,
    modules_to_save: [HEAD],
    bias: 'none',
    fan_in_fan_out: false,
    init_lora_weights: true,
    inference_mode: true,
  });
}

/** PEFT takes layers only beside a list of modules: those that are adapted, by the last part of their path. */
const adaptedModules = (tensors: Adapter['tensors']): string[] => [
  ...new Set([...tensors.keys()].flatMap((name) => /\.([^.]+)\.lora_A\.weight$/.exec(name)?.[1] ?? [])),
];
