import { dirname } from 'node:path';
import { recordedEvents } from '../tracking/run-files.ts';
import type { TrainEvent } from '../train/events.ts';

/** What a run told before it was interrupted, from its metrics: for the curve and the table of the view. */
export async function* pastEvents({
  path,
}: Extract<TrainEvent, { readonly type: 'resumed' }>): AsyncGenerator<TrainEvent, void> {
  for await (const event of recordedEvents(dirname(dirname(path)), Number.POSITIVE_INFINITY))
    if (event.type === 'step' || event.type === 'evaluated') yield event;
}
