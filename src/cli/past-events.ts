import { createReadStream } from 'node:fs';
import { dirname, join } from 'node:path';
import type { TrainEvent } from '../train/events.ts';
import { textLines } from './text-lines.ts';

/** What a run told before it was interrupted, from its metrics: for the curve and the table of the view. */
export async function* pastEvents({
  path,
}: Extract<TrainEvent, { readonly type: 'resumed' }>): AsyncGenerator<TrainEvent, void> {
  const metrics = join(dirname(dirname(path)), 'metrics.jsonl');
  for await (const line of textLines(createReadStream(metrics))) {
    const event = JSON.parse(line) as TrainEvent;
    if (event.type === 'step' || event.type === 'evaluated') yield event;
  }
}
