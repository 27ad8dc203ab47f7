import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';

/** Of what the processors can do, the share that others may take before a run is not to be trusted. */
export const TOLERATED_LOAD = 0.05;

/**
 * Begins to watch what else the machine does.
 *
 * @returns what to call at the end with the processor time that was one's own: the share of all processors that went to
 *          anything else, other guests of the host included; undefined where the system does not say (/proc/stat).
 */
export function watchLoad(): (ownSeconds: number) => number | undefined {
  const [busyBefore, before] = [busySeconds(), performance.now()];
  return (ownSeconds) => {
    const busyAfter = busySeconds();
    if (busyBefore === undefined || busyAfter === undefined) return undefined;
    const available = ((performance.now() - before) / 1000) * availableParallelism();
    return Math.max(0, busyAfter - busyBefore - ownSeconds) / available;
  };
}

/** Seconds that all processors together have worked since the machine started: everything but idle and waiting for disks. */
function busySeconds(): number | undefined {
  try {
    const [user, nice, system, , , irq, softirq, steal] = readFileSync('/proc/stat', 'utf8')
      .split('\n', 1)[0]!
      .split(/\s+/)
      .slice(1)
      .map(Number);
    return (user! + nice! + system! + irq! + softirq! + steal!) / 100; // the kernel counts hundredths
  } catch {
    return undefined;
  }
}

/**
 * Begins to watch how much of the GPUs' memory is taken, ten times a second.
 *
 * @returns what to call at the end: the most that was taken beyond what was at the beginning, in bytes; undefined where NVIDIA's
 *          tool does not say.
 */
export function watchGpuMemory(): () => Promise<number | undefined> {
  const args = ['--query-gpu=memory.used', '--format=csv,noheader,nounits', '--loop-ms=100'];
  const tool = spawn('nvidia-smi', args, { stdio: ['ignore', 'pipe', 'ignore'] });
  const ended = new Promise<void>((resolve) => {
    tool.on('error', () => resolve());
    tool.on('close', () => resolve());
  });
  let said = '';
  tool.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  return async () => {
    tool.kill();
    await ended;
    const mebibytes = said.split('\n').slice(0, -1).map(Number).filter(Number.isFinite);
    return mebibytes.length === 0 ? undefined : 2 ** 20 * (Math.max(...mebibytes) - mebibytes[0]!);
  };
}
