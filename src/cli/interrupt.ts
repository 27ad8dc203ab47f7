/**
 * Ctrl-C once: a run finishes its step and stops. Twice, or without a run: stop now. A reader of stdout that leaves, or a
 * terminal that closes, stops a run, too.
 */
import { constants } from 'node:os';

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * At a signal that nothing else handles, what listens to the end of the process is told (working folders go), and the
 * operating system ends it. `process.exit` would wait for the engine.
 */
export function tidyWhenInterrupted(): void {
  function handle(signal: NodeJS.Signals): void {
    if (process.listenerCount(signal) > 1) return;
    process.emit('exit', 128 + constants.signals[signal]);
    process.off(signal, handle);
    process.kill(process.pid, signal);
  }
  for (const signal of signals) process.on(signal, handle);
}

/**
 * Turns the first interrupt into an abort. The second one is left to {@link tidyWhenInterrupted} and the operating system,
 * which ends the process even while the engine is busy.
 *
 * @param onInterrupt called at the first interrupt, to tell the user.
 * @param onKill called before the second ends the process, to leave the terminal in order.
 */
export function abortOnInterrupt({ onInterrupt, onKill }: { onInterrupt: () => void; onKill: () => void }): {
  readonly signal: AbortSignal;
  /** Gives interrupts their usual meaning back. */
  restore(): void;
} {
  const controller = new AbortController();
  const restore = () => {
    for (const signal of signals) process.off(signal, handle);
    process.off('SIGPIPE', stop);
  };
  function stop(): void {
    if (controller.signal.aborted) return;
    controller.abort();
    onInterrupt();
  }
  function handle(signal: NodeJS.Signals): void {
    if (!controller.signal.aborted) {
      stop();
      return;
    }
    onKill();
    restore();
    process.kill(process.pid, signal);
  }
  for (const signal of signals) process.on(signal, handle);
  process.on('SIGPIPE', stop);
  return { signal: controller.signal, restore };
}
