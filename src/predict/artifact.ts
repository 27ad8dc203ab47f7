import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { writeJson } from '../checkpoint/atomic.ts';
import { CheckpointError, showIssues } from '../core/errors.ts';
import { jsonOrUndefined } from '../core/json.ts';
import { tasks } from '../core/task.ts';
import { precisions } from '../nn/linear.ts';
import { longTextRules } from '../text/encoder.ts';
import { noPrompt, promptFormats } from '../text/prompt.ts';
import { windowPoolings } from './scores.ts';

const FILE = 'emotune.json';

const schema = z.object({
  version: z.literal(1),
  task: z.enum(tasks),
  labels: z.array(z.string()).min(1).readonly(),
  maxLength: z.int().positive(),
  /** What is put around a text before the model reads it. */
  prompt: z
    .object({ format: z.enum(promptFormats), instruction: z.string(), prefix: z.string(), suffix: z.string() })
    .default(noPrompt),
  longTexts: z.enum(longTextRules).default('truncate'),
  windowOverlap: z.int().min(0).default(0),
  windowPooling: z.enum(windowPoolings).default('mean'),
  decision: z.object({
    temperature: z.number().positive(),
    thresholds: z.array(z.number()).readonly(),
    abstainBelow: z.number().optional(),
  }),
  /** How the base was computed with in training, and is again unless something else is asked for. */
  precision: z.enum(precisions).default('fp32'),
  /** The base the adapter belongs to; null where the adapter is merged into the folder's own weights. */
  base: z.object({ path: z.string(), fingerprint: z.string(), licence: z.string().optional() }).nullable(),
  tokenizer: z.object({ fingerprint: z.string() }),
  /** What it was trained on, for people. */
  data: z.object({ name: z.string(), licence: z.string().optional(), split: z.string() }).optional(),
});

/** What emotune keeps beside PEFT's files: everything needed to predict as the run did, and to refuse another base. */
export type Artifact = z.infer<typeof schema>;

export const writeArtifact = (dir: string, artifact: Omit<Artifact, 'version'>): Promise<void> =>
  writeJson(join(dir, FILE), { version: 1, ...artifact });

/**
 * Reads a run's emotune.json; undefined for a bare PEFT folder, which has none.
 *
 * @throws CheckpointError if it is there and cannot be used.
 */
export async function readArtifact(dir: string): Promise<Artifact | undefined> {
  const text = await readFile(join(dir, FILE), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw new CheckpointError(`${dir}/${FILE} cannot be read: ${error.message}`, { cause: error });
  });
  if (text === undefined) return undefined;
  const parsed = schema.safeParse(withDecision(jsonOrUndefined(text)));
  if (parsed.success) return parsed.data;
  throw new CheckpointError(`${dir}/${FILE} cannot be used: ${showIssues(parsed.error.issues)}`);
}

/** Runs used to have one threshold for all labels, and no temperature. */
function withDecision(artifact: unknown): unknown {
  const older = z.looseObject({ threshold: z.number(), labels: z.array(z.string()) }).safeParse(artifact);
  if (!older.success) return artifact;
  const { threshold, ...rest } = older.data;
  return { decision: { temperature: 1, thresholds: rest.labels.map(() => threshold) }, ...rest };
}

/**
 * SHA-256 of a base's tokenizer.json.
 *
 * @throws CheckpointError if there is none.
 */
export async function tokenizerFingerprint(baseDir: string): Promise<string> {
  const content = await readFile(join(baseDir, 'tokenizer.json')).catch((cause: unknown) => {
    throw new CheckpointError(`${baseDir}: no tokenizer.json; give the folder of the whole model`, { cause });
  });
  return createHash('sha256').update(content).digest('hex');
}
