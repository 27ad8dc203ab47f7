/** mlflow.json in a run's folder: which run on the server it is. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { writeJson } from '../checkpoint/atomic.ts';
import { jsonOrUndefined } from '../core/json.ts';

const identitySchema = z.object({
  uri: z.string(),
  experiment: z.string(),
  /** Tags the run on the server, so that it is found even if the answer with its id was lost. */
  key: z.string(),
  /** Unknown until the server has answered. */
  experimentId: z.string().optional(),
  runId: z.string().optional(),
});
export type Identity = z.output<typeof identitySchema>;

const pathOf = (run: string): string => join(run, 'mlflow.json');

/** What the file says, if it is about this server and experiment. One that cannot be read counts as none. */
export async function readIdentity(
  run: string,
  { uri, experiment }: Pick<Identity, 'uri' | 'experiment'>,
): Promise<Identity | undefined> {
  const parsed = identitySchema.safeParse(jsonOrUndefined(await readFile(pathOf(run), 'utf8').catch(() => '')));
  return parsed.success && parsed.data.uri === uri && parsed.data.experiment === experiment ? parsed.data : undefined;
}

export const writeIdentity = (run: string, identity: Identity): Promise<void> => writeJson(pathOf(run), identity);
