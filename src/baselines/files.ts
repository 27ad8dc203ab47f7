import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { writeFileAtomic, writeJson } from '../checkpoint/atomic.ts';
import { exists } from '../checkpoint/exists.ts';
import { openSafetensors, readTensor, writeSafetensors } from '../checkpoint/safetensors.ts';
import { decisionSchema } from '../core/decision.ts';
import { CheckpointError, showIssues } from '../core/errors.ts';
import { jsonOrUndefined } from '../core/json.ts';
import { tasks } from '../core/task.ts';
import { type Tensor, uint32 } from '../core/tensor.ts';
import { type Baseline, estimatorOf, type LearntFeatures } from './baseline.ts';
import { baselineNames } from './names.ts';

/** Written last: without it there is no model. */
const BASELINE = 'baseline.json';
const ARRAYS = 'baseline.safetensors';
const VOCABULARY = 'vocabulary.json';
/** All files of a saved baseline. */
export const baselineFiles = [BASELINE, ARRAYS, VOCABULARY] as const;

const FREQUENCIES = 'documentFrequencies';

const schema = z.object({
  version: z.literal(1),
  model: z.enum(baselineNames),
  task: z.enum(tasks),
  labels: z.array(z.string()).min(1),
  decision: decisionSchema,
  /** How texts become features; null for a baseline that does not look at texts. */
  features: z
    .object({
      analyzer: z.enum(['word', 'char_wb']),
      ngrams: z.tuple([z.int().min(1), z.int().min(1)]),
      minDf: z.int().min(1),
      maxFeatures: z.int().min(1).optional(),
      weighting: z.enum(['count', 'tfidf']),
      sublinearTf: z.boolean(),
      /** Texts that the frequencies were counted in. */
      documents: z.int().min(1),
    })
    .nullable(),
  /** What it was trained on, for people. */
  data: z.object({ name: z.string(), licence: z.string().optional(), split: z.string() }).optional(),
  sha256: z.object({ [ARRAYS]: z.string(), [VOCABULARY]: z.string() }),
});

/** Whether a folder holds a baseline. */
export const isBaseline = (dir: string): Promise<boolean> => exists(join(dir, BASELINE));

/** What a baseline says of itself. */
export type BaselineArtifact = z.infer<typeof schema>;

/** A baseline as it is used: what it has learnt, and how to decide. */
export interface SavedBaseline extends Pick<BaselineArtifact, 'task' | 'labels' | 'decision' | 'data'> {
  readonly baseline: Baseline;
}

/** Writes a baseline into a folder, each file whole or not at all. */
export async function writeBaseline(dir: string, { baseline, ...about }: SavedBaseline): Promise<void> {
  const { name, features, fitted } = baseline;
  const { terms = [], documents = 0, documentFrequencies } = features?.vocabulary ?? {};
  await writeFileAtomic(join(dir, VOCABULARY), `${JSON.stringify(terms)}\n`);
  const frequencies = documentFrequencies ? [[FREQUENCIES, uint32(documentFrequencies)] as const] : [];
  await writeSafetensors(join(dir, ARRAYS), [...frequencies, ...fitted.tensors()]);
  await writeJson(join(dir, BASELINE), {
    version: 1,
    model: name,
    ...about,
    features: features ? { ...features.settings, documents } : null,
    sha256: { [ARRAYS]: await sha256(join(dir, ARRAYS)), [VOCABULARY]: await sha256(join(dir, VOCABULARY)) },
  });
}

/**
 * Reads a baseline that {@link writeBaseline} wrote.
 *
 * @throws CheckpointError if a file is missing, damaged or another model's.
 */
export async function readBaseline(dir: string): Promise<SavedBaseline> {
  const artifact = parsed(await contentOf(join(dir, BASELINE)), schema, join(dir, BASELINE));
  for (const file of [ARRAYS, VOCABULARY] as const)
    if ((await sha256(join(dir, file))) !== artifact.sha256[file])
      throw new CheckpointError(
        `${join(dir, file)} is not the file that ${BASELINE} belongs to: it is damaged or another model's; train again`,
      );
  const terms = parsed(await contentOf(join(dir, VOCABULARY)), z.array(z.string()), join(dir, VOCABULARY));
  const { tensors: entries } = await openSafetensors(join(dir, ARRAYS));
  const tensors = new Map<string, Tensor>();
  for (const entry of entries.values()) tensors.set(entry.name, await readTensor(entry));
  const { model: name, task, labels, decision, data } = artifact;
  const where = join(dir, ARRAYS);
  const features = featuresOf(artifact, terms, { tensors, where });
  const fitted = estimatorOf(name).restore({ tensors, outputs: labels.length, columns: terms.length, where });
  return { task, labels, decision, data, baseline: { name, features, fitted } };
}

function featuresOf(
  { features }: BaselineArtifact,
  terms: readonly string[],
  { tensors, where }: { readonly tensors: ReadonlyMap<string, Tensor>; readonly where: string },
): LearntFeatures | undefined {
  if (!features) return undefined;
  const { documents, ...settings } = features;
  const frequencies = tensors.get(FREQUENCIES)?.data;
  if (!(frequencies instanceof Uint32Array) || frequencies.length !== terms.length)
    throw new CheckpointError(
      `${where}: ${frequencies?.length ?? 'no'} ${FREQUENCIES} for ${terms.length} terms; is it another model's?`,
    );
  return { settings, vocabulary: { terms, documents, documentFrequencies: frequencies } };
}

function parsed<S extends z.ZodType>(content: Buffer, schemaOf: S, path: string): z.output<S> {
  const result = schemaOf.safeParse(jsonOrUndefined(content.toString('utf8')));
  if (result.success) return result.data;
  throw new CheckpointError(`${path} cannot be used: ${showIssues(result.error.issues)}`);
}

const sha256 = async (path: string): Promise<string> =>
  createHash('sha256')
    .update(await contentOf(path))
    .digest('hex');

const contentOf = (path: string): Promise<Buffer> =>
  readFile(path).catch((cause: Error) => {
    throw new CheckpointError(`${path} cannot be read: ${cause.message}`, { cause });
  });
