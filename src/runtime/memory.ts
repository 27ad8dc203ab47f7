import { readFileSync } from 'node:fs';

/**
 * The most memory this process has held, in bytes: `VmHWM` where the system tells it, else the resident set's maximum
 * (which in a child process may start at its parent's).
 */
export function peakMemoryBytes(): number {
  return statusBytes('VmHWM') ?? process.resourceUsage().maxRSS * 1024;
}

/** What this process holds now, in bytes. */
export const residentBytes = (): number => process.memoryUsage.rss();

function statusBytes(field: string): number | undefined {
  try {
    const line = new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(readFileSync('/proc/self/status', 'utf8'));
    return line ? Number(line[1]) * 1024 : undefined;
  } catch {
    return undefined;
  }
}
