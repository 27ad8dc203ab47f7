/** What this computer is, as far as it matters for training. */
import { readFileSync } from 'node:fs';
import { arch, availableParallelism, cpus, freemem, release, totalmem, type } from 'node:os';
import { residentBytes } from './memory.ts';

export interface Machine {
  readonly node: string;
  readonly platform: string;
  readonly cpu: string;
  readonly cores: number;
  /** Instruction sets that make the engine faster, as the system calls them; empty where it does not say. */
  readonly instructions: readonly string[];
  readonly memory: {
    readonly totalBytes: number;
    readonly freeBytes: number;
    /** What the container may use, where that is limited. */
    readonly limitBytes: number | undefined;
  };
}

export function inspectMachine(): Machine {
  return {
    node: process.version,
    platform: `${type()} ${release()} ${arch()}`,
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    instructions: instructionSets(),
    memory: inspectMemory(),
  };
}

/** What this process may hold in all before the system swaps or the control group ends it. */
export function availableMemoryBytes(): number {
  const { freeBytes, limitBytes = Number.POSITIVE_INFINITY } = inspectMemory();
  return Math.min(freeBytes + residentBytes(), limitBytes);
}

function inspectMemory(): Machine['memory'] {
  return { totalBytes: totalmem(), freeBytes: availableBytes() ?? freemem(), limitBytes: memoryLimit() };
}

const relevant = /^(sse4_2|avx|avx2|fma|f16c|avx512f|avx512bw|avx512_vnni|avx512_bf16|avx_vnni|amx_(tile|int8|bf16))$/;
const relevantArm = /^(asimd|asimdhp|asimddp|i8mm|bf16|sve2?)$/;

function instructionSets(): string[] {
  const line = /^(?:flags|Features)\s*:\s*(.*)$/m.exec(read('/proc/cpuinfo') ?? '')?.[1] ?? '';
  return line.split(' ').filter((flag) => relevant.test(flag) || relevantArm.test(flag));
}

/** What can be had without swapping, the caches included. */
function availableBytes(): number | undefined {
  const kilobytes = /^MemAvailable:\s+(\d+) kB/m.exec(read('/proc/meminfo') ?? '')?.[1];
  return kilobytes === undefined ? undefined : Number(kilobytes) * 1024;
}

/** The control group's limit, version 2 or 1; none, or more than the machine has, is no limit. */
function memoryLimit(): number | undefined {
  const text = read('/sys/fs/cgroup/memory.max') ?? read('/sys/fs/cgroup/memory/memory.limit_in_bytes');
  const bytes = Number(text?.trim());
  return Number.isFinite(bytes) && bytes > 0 && bytes < totalmem() ? bytes : undefined;
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
