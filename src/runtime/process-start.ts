import { readFileSync } from 'node:fs';

/**
 * What tells a process from an earlier one with the same number, as after a reboot or in a container that was started
 * again: the boot it belongs to, and the clock tick it was started at. Undefined if there is no such process, or the system
 * does not say (it is Linux's /proc that does).
 */
export function processStart(pid: number): string | undefined {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // Field 22, counted behind the name, which may hold anything, in brackets.
    return `${boot} ${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]}`;
  } catch {
    return undefined;
  }
}
