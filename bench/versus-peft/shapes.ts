import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Checkpoint, openCheckpoint } from '../../src/checkpoint/checkpoint.ts';
import { type Preset, presets } from '../../src/checkpoint/presets.ts';
import { writeRandomCheckpoint } from '../../src/checkpoint/random-checkpoint.ts';
import { random } from '../../src/core/random.ts';
import { float32, sizeOf } from '../../src/core/tensor.ts';
import type { LoraOptions } from '../../src/lora/options.ts';
import { writeAdapter } from '../../src/lora/peft.ts';
import { adapterLayout } from '../../src/lora/trained.ts';
import { baseFolder } from '../../src/models/base.ts';
import { type DecoderSpec, describeModel } from '../../src/models/registry.ts';
import { tokenizerFingerprint, writeArtifact } from '../../src/predict/artifact.ts';
import { plainDecision } from '../../src/predict/decision.ts';
import { plainReading } from '../../src/text/encoder.ts';
import { copyTokenizer, type Texts } from './texts.ts';

/** How much of a shape is computed in a run: enough to measure, little enough to wait for. */
export interface Workload {
  /** Steps of training before the measured ones, and those. */
  readonly warmUp: number;
  readonly steps: number;
  /** Texts to classify, and how often one alone is. */
  readonly texts: number;
  readonly repeats: number;
}

export const workloads = {
  nano: { warmUp: 4, steps: 40, texts: 2048, repeats: 60 },
  '12x768': { warmUp: 2, steps: 12, texts: 512, repeats: 30 },
  'llama-3.2-1b': { warmUp: 1, steps: 4, texts: 64, repeats: 8 },
  'llama-3-8b': { warmUp: 1, steps: 2, texts: 16, repeats: 3 },
} as const satisfies Partial<Record<Preset, Workload>>;

export type ShapeName = keyof typeof workloads;
export const shapeNames = Object.keys(workloads) as ShapeName[];

/** A shape's model: the one that comes with emotune, or one with random weights. */
export interface Shape extends Workload {
  readonly name: ShapeName;
  readonly base: string;
  readonly checkpoint: Checkpoint;
  readonly spec: DecoderSpec;
  /** Only a model that knows something learns: the others have random weights. */
  readonly isPretrained: boolean;
}

/** Opens a shape's model, which is made in `work` where it is not there yet. */
export async function openShape(name: ShapeName, { work, quick }: { work: string; quick: boolean }): Promise<Shape> {
  const isPretrained = name === 'nano';
  const base = isPretrained ? baseFolder('nano') : join(work, name);
  if (!existsSync(join(base, 'config.json'))) await writeRandomCheckpoint(base, presets[name], { seed: 0 });
  if (!isPretrained) await copyTokenizer(base);
  const checkpoint = await openCheckpoint(base);
  const workload = quick ? quartered(workloads[name]) : workloads[name];
  return { name, base, checkpoint, spec: describeModel(checkpoint.config), isPretrained, ...workload };
}

function quartered({ warmUp, steps, texts, repeats }: Workload): Workload {
  const quarter = (n: number) => Math.ceil(n / 4);
  return { warmUp: quarter(warmUp), steps: quarter(steps), texts: quarter(texts), repeats: quarter(repeats) };
}

/** Writes an adapter of random values for a shape, as a run leaves one: classifying costs the same with any values. */
export async function writeRandomAdapter(
  { name, base, spec, checkpoint }: Shape,
  { work, lora, texts }: { readonly work: string; readonly lora: LoraOptions; readonly texts: Texts },
): Promise<string> {
  const folder = join(work, `${name}-adapter`);
  const { task, labels, maxLength } = texts;
  const rng = random(0).fork('adapter');
  const tensors = Array.from(adapterLayout(spec, { labels: labels.length }, lora).parts, ([key, { shape }]) => {
    const values = Float32Array.from({ length: sizeOf(shape) }, () => 0.02 * rng.normal());
    return [key, float32(values, shape)] as const;
  });
  await writeAdapter(folder, { options: lora, tensors: new Map(tensors), baseModel: base });
  await writeArtifact(folder, {
    task,
    labels,
    ...plainReading(maxLength),
    windowPooling: 'mean',
    decision: plainDecision(labels.length),
    precision: 'fp32',
    base: { path: base, fingerprint: await checkpoint.fingerprint() },
    tokenizer: { fingerprint: await tokenizerFingerprint(base) },
  });
  return folder;
}
