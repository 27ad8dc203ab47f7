import type { TrainEvent } from '../train/events.ts';

/** How a run ended; `stopped` by its user, or because its consumer stopped listening. */
export type Ending = 'finished' | 'stopped' | 'failed';

/**
 * A place where a run can be followed. It is given a run's events in their order, the first of which is `started`, and is
 * closed once, after the last. Training waits for it and fails with it, so it does slow work in the background and deals
 * with its own troubles.
 */
export interface Sink {
  event(event: TrainEvent): void | Promise<void>;
  close(ending: Ending): Promise<void>;
}

/** What the sinks of emotune are given. */
export interface SinkOptions {
  /** Takes what the user should know: something does not work, and the run goes on without it. Default: a process warning. */
  readonly warn?: (message: string) => void;
}

/** For a sink that was not told whom to warn. */
export const processWarning = (message: string): void => process.emitWarning(message, 'TrackingWarning');
