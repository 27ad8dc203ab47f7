import type { TrainEvent } from '../train/events.ts';
import type { Ending, Sink } from './sink.ts';

/**
 * Passes a run's events on and gives each to the sinks first. Closes them when the run is over, however it ends.
 *
 * @example
 * for await (const event of track(train({ data: 'social-posts' }), [tensorboard()])) console.log(event.type);
 */
export async function* track(
  events: AsyncIterable<TrainEvent>,
  sinks: readonly Sink[],
): AsyncGenerator<TrainEvent, void> {
  let ending: Ending = 'stopped';
  try {
    for await (const event of events) {
      for (const sink of sinks) await sink.event(event);
      if (event.type === 'done') ending = event.reason === 'aborted' ? 'stopped' : 'finished';
      yield event;
    }
  } catch (error) {
    ending = 'failed';
    throw error;
  } finally {
    await Promise.all(sinks.map((sink) => sink.close(ending)));
  }
}
