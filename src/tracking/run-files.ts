/** What a sink reads of the run that it follows, in the run's folder. */
import { open, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { jsonOrUndefined } from '../core/json.ts';
import type { TrainEvent } from '../train/events.ts';

const METRICS = 'metrics.jsonl';

/** The text of a run's config.yaml: the whole configuration. Undefined if there is none. */
export const configText = (run: string): Promise<string | undefined> =>
  readFile(join(run, 'config.yaml'), 'utf8').catch(missing);

/** The length of a run's metrics.jsonl in bytes, 0 if there is none. */
export const recordedBytes = async (run: string): Promise<number> =>
  (await stat(join(run, METRICS)).catch(missing))?.size ?? 0;

/**
 * The events in the first `bytes` bytes of a run's metrics.jsonl: all of the run, each step once, from its beginning,
 * however often it was interrupted. Ends before a line that is not whole.
 */
export async function* recordedEvents(run: string, bytes: number): AsyncGenerator<TrainEvent, void> {
  const file = bytes > 0 ? await open(join(run, METRICS)).catch(missing) : undefined;
  if (!file) return;
  try {
    const until = Number.isFinite(bytes) ? { end: bytes - 1 } : {};
    for await (const line of file.readLines({ ...until, autoClose: false })) {
      const event = jsonOrUndefined(line) as TrainEvent | undefined;
      if (!event) return;
      yield event;
    }
  } finally {
    await file.close();
  }
}

function missing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
  return undefined;
}
