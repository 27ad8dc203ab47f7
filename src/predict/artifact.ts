import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { writeJson } from '../checkpoint/atomic.ts';
import { CheckpointError } from '../core/errors.ts';
import { tasks } from '../core/task.ts';

const FILE = 'emotune.json';

const schema = z.object({
  version: z.literal(1),
  task: z.enum(tasks),
  labels: z.array(z.string()).min(1),
  maxLength: z.int().positive(),
  threshold: z.number(),
  /** The base the adapter belongs to; null where the adapter is merged into the folder's own weights. */
  base: z.object({ path: z.string(), fingerprint: z.string() }).nullable(),
  tokenizer: z.object({ fingerprint: z.string() }),
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
  const text = await readFile(join(dir, FILE), 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  const parsed = schema.safeParse(JSON.parse(text));
  if (parsed.success) return parsed.data;
  throw new CheckpointError(
    `${dir}/${FILE} cannot be used: ${parsed.error.issues.map((i) => `${i.path.join('.')}: ${i.message}`).join('; ')}`,
  );
}

/** SHA-256 of a base's tokenizer.json. */
export async function tokenizerFingerprint(baseDir: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(join(baseDir, 'tokenizer.json')))
    .digest('hex');
}
