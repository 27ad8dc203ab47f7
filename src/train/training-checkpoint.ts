import { createHash } from 'node:crypto';
import { readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { openSafetensors, readTensor, writeSafetensors } from '../checkpoint/safetensors.ts';
import { CheckpointError, showIssues } from '../core/errors.ts';
import type { Tensor } from '../core/tensor.ts';
import type { Evaluation } from '../metrics/evaluate.ts';
import type { Decision } from '../predict/decision.ts';
import { isDiskFull } from '../runtime/disk.ts';
import { providers } from '../runtime/provider.ts';

/** Where a run stands, beside its tensors: everything that decides what comes next. Survives JSON. */
const progressSchema = z.object({
  version: z.literal(1),
  /** Optimiser steps done. */
  step: z.int().min(0),
  /** The epoch in progress, from 1, and the batches of it that are done. */
  epoch: z.int().min(1),
  batch: z.int().min(0),
  /** Seconds and tokens of all steps. */
  seconds: z.number(),
  tokens: z.number(),
  /** Epochs since the best one. */
  sinceBest: z.int().min(0),
  best: z
    .object({
      epoch: z.int(),
      validation: z.custom<Evaluation>((v) => typeof v === 'object'),
      decision: z.custom<Decision>((v) => typeof v === 'object'),
    })
    .nullable(),
  /** Length of metrics.jsonl. */
  metricsBytes: z.int().min(0),
  /** What must be the same for the rest of the run to be the same. */
  settings: z.record(z.string(), z.json()),
  data: z.string(),
  base: z.string(),
  threads: z.int().positive(),
  device: z.enum(providers).default('cpu'),
  engine: z.string(),
});
export type Progress = z.infer<typeof progressSchema>;

/** Everything a run needs to go on as if it had never stopped. */
export interface TrainingCheckpoint {
  readonly progress: Progress;
  /** What {@link Trainer.state} gives: the trained values [P] and the optimiser's vectors [P] by name, and PiSSA's frozen ones. */
  readonly state: ReadonlyMap<string, Tensor>;
  /** The best epoch's tensors, by their names in the graph; empty before the first evaluation. */
  readonly best: ReadonlyMap<string, Tensor>;
}

/** How many of a run's checkpoints there are between two writes. */
export const KEPT = 2;
const BEST = 'best.';
const DAMAGED = '.damaged';
const fileName = (step: number): string => `step-${String(step).padStart(9, '0')}.safetensors`;
const isCheckpoint = (file: string): boolean => /^step-\d+\.safetensors$/.test(file);

/**
 * A run's training checkpoints: files `step-….safetensors` in one folder, of which the two newest are kept.
 *
 * Each is written beside and renamed, and carries the SHA-256 of its content, so that one that a failing disk or a careless
 * copy has changed is recognised and the one before it used.
 */
export class TrainingCheckpoints {
  readonly #dir: string;
  constructor(runDir: string) {
    this.#dir = join(runDir, 'checkpoints');
  }

  /**
   * Writes a checkpoint and removes those no longer kept. On a full disk the older of two makes room, never the newest.
   *
   * @returns the file's path.
   * @throws the error of the file system; the last good checkpoint is then still there.
   */
  async write(checkpoint: TrainingCheckpoint): Promise<string> {
    const path = join(this.#dir, fileName(checkpoint.progress.step));
    try {
      await writeCheckpointFile(path, checkpoint);
    } catch (error) {
      if (!isDiskFull(error) || !(await this.#removeBut(1))) throw error;
      await writeCheckpointFile(path, checkpoint);
    }
    await this.#removeBut(KEPT);
    return path;
  }

  /**
   * The newest checkpoint that is whole, and why newer ones are not used. Those are set aside, so that no good one makes room
   * for them.
   *
   * @throws CheckpointError if there is none.
   */
  async latest(): Promise<{
    readonly path: string;
    readonly checkpoint: TrainingCheckpoint;
    readonly damaged: string[];
  }> {
    const damaged: { readonly file: string; readonly why: string }[] = [];
    for (const file of await this.#files()) {
      const path = join(this.#dir, file);
      // Whatever keeps it from being read, such as an I/O error of the disk: the one before may be whole.
      const checkpoint = await readCheckpointFile(path).catch((error: Error) => {
        const why = error instanceof CheckpointError ? error.message : `${path}: cannot be read (${error.message})`;
        damaged.push({ file, why });
      });
      if (!checkpoint) continue;
      for (const { file } of damaged) await rename(join(this.#dir, file), join(this.#dir, file + DAMAGED));
      return { path, checkpoint, damaged: damaged.map(({ why }) => why) };
    }
    const all = damaged.map(({ why }) => `\n  ${why}`).join('');
    const why = damaged.length > 0 ? `: every one is damaged${all}` : '';
    throw new CheckpointError(
      `${this.#dir} has no training checkpoint to go on from${why}; begin again with train --overwrite`,
    );
  }

  /** Whether there is anything to go on from. */
  async exist(): Promise<boolean> {
    return (await this.#files()).length > 0;
  }

  /** Removes all: the run is done. */
  async clear(): Promise<void> {
    await rm(this.#dir, { recursive: true, force: true });
  }

  /** Newest first. */
  async #files(): Promise<string[]> {
    return (await this.#inside()).filter(isCheckpoint).sort().reverse();
  }

  async #inside(): Promise<string[]> {
    return readdir(this.#dir).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return [];
      throw error;
    });
  }

  /** Removes all but the newest, what a killed process left half-written, and the damaged. Returns whether that made room. */
  async #removeBut(count: number): Promise<boolean> {
    const useless = (await this.#inside()).filter((file) => file.endsWith('.tmp') || file.endsWith(DAMAGED));
    const gone = [...(await this.#files()).slice(count), ...useless];
    for (const file of gone) await rm(join(this.#dir, file), { force: true });
    return gone.length > 0;
  }
}

async function writeCheckpointFile(path: string, { progress, state, best }: TrainingCheckpoint): Promise<void> {
  const tensors = [...state, ...Array.from(best, ([name, tensor]) => [BEST + name, tensor] as const)];
  const text = JSON.stringify(progress);
  await writeSafetensors(path, tensors, { metadata: { progress: text, sha256: contentHash(text, tensors) } });
}

async function readCheckpointFile(path: string): Promise<TrainingCheckpoint> {
  const { metadata, tensors: entries } = await openSafetensors(path);
  const tensors: [string, Tensor][] = [];
  for (const entry of entries.values()) tensors.push([entry.name, await readTensor(entry)]);
  if (contentHash(metadata.progress ?? '', tensors) !== metadata.sha256)
    throw new CheckpointError(`${path}: its content is not what was written (SHA-256 differs)`);
  const isBest = ([name]: readonly [string, Tensor]): boolean => name.startsWith(BEST);
  return {
    progress: parseProgress(path, metadata.progress!),
    state: new Map(tensors.filter((named) => !isBest(named))),
    best: new Map(tensors.filter(isBest).map(([name, tensor]) => [name.slice(BEST.length), tensor])),
  };
}

/** Only a checkpoint of another version of emotune gets here with what the schema refuses. */
function parseProgress(path: string, text: string): Progress {
  const parsed = progressSchema.safeParse(JSON.parse(text));
  if (parsed.success) return parsed.data;
  throw new CheckpointError(`${path} was written by another version of emotune: ${showIssues(parsed.error.issues)}`);
}

/** SHA-256 over the progress and, for each tensor in order, its name, shape and bytes. */
function contentHash(progress: string, tensors: Iterable<readonly [string, Tensor]>): string {
  const hash = createHash('sha256').update(`${progress}\n`);
  for (const [name, { shape, data }] of tensors) {
    hash.update(`${JSON.stringify([name, shape])}\n`);
    hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  return hash.digest('hex');
}
