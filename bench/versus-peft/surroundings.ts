import { spawnSync } from 'node:child_process';
import { engineInfo } from '../../src/runtime/info.ts';
import { inspectMachine } from '../../src/runtime/machine.ts';

/** Under what a measurement was made. */
export const surroundings = (python: Readonly<Record<string, string>> | undefined) => ({
  date: new Date().toISOString(),
  commit: commit(),
  machine: inspectMachine(),
  gpu: gpu(),
  versions: { node: process.version, 'onnxruntime-node': engineInfo().version, ...python },
});

export type Surroundings = ReturnType<typeof surroundings>;

/** The commit of the working tree, marked where files differ from it. */
function commit(): string {
  const { status, stdout } = spawnSync('git', ['describe', '--always', '--dirty'], { encoding: 'utf8' });
  return status === 0 ? stdout.trim() : 'unknown';
}

/** The GPUs that NVIDIA's tool knows of, and their driver. */
function gpu(): string {
  const query = ['--query-gpu=name,driver_version', '--format=csv,noheader'];
  const { status, stdout } = spawnSync('nvidia-smi', query, { encoding: 'utf8' });
  return status === 0 ? stdout.trim().replaceAll('\n', '; ') : '';
}

export function showSurroundings({ date, commit, machine, gpu, versions }: Surroundings, threads: number): string {
  const { cpu, cores, instructions, memory, platform } = machine;
  const all = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return `${date.slice(0, 10)}, commit ${commit}. ${cpu}, ${cores} cores (${threads} threads), ${(memory.totalBytes / 2 ** 30).toFixed(0)} GiB, ${platform}; ${instructions.join(' ')}. ${gpu && `${gpu}. `}${all.join(', ')}.`;
}
