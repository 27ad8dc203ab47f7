/** Ctrl-C once: finish the step and stop. Twice: stop now. A reader of stdout that leaves stops a run, too. */

const signals = ['SIGINT', 'SIGTERM'] as const;

/**
 * Turns the first interrupt into an abort. The second one is left to the operating system, which ends the process even
 * while the engine is busy.
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
