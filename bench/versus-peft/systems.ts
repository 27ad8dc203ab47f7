/** What is compared, and how a job runs on it: in a process of its own. */
import { spawn, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Provider } from '../../src/runtime/provider.ts';
import type { Effort, Job, Outcomes } from './job.ts';
import { watchGpuMemory, watchLoad } from './load.ts';

export interface System {
  /** As the tables call it. */
  readonly name: string;
  readonly side: 'emotune' | 'PyTorch';
  readonly precision: string;
  readonly device: Provider;
  readonly command: readonly string[];
}

const here = (file: string) => fileURLToPath(new URL(file, import.meta.url));

export const ours = (precision: string, device: Provider): System => ({
  name: `emotune ${precision}`,
  side: 'emotune',
  precision,
  device,
  command: [process.execPath, here('../dist/bench/versus-peft-ours.js')],
});

export const pytorch = (python: string, precision: string, device: Provider): System => ({
  name: `PyTorch ${precision}`,
  side: 'PyTorch',
  precision,
  device: device === 'cpu' ? 'cpu' : 'cuda',
  command: [python, here('../versus_peft_torch.py')],
});

/** Versions of a Python's libraries, or undefined if it lacks one. */
export function pythonVersions(python: string): Readonly<Record<string, string>> | undefined {
  const names = ['torch', 'transformers', 'peft'];
  const script = `import json, platform, ${names}; print(json.dumps(dict(python=platform.python_version(), ${names.map((n) => `${n}=${n}.__version__`)})))`;
  const { status, stdout } = spawnSync(python, ['-c', script], { encoding: 'utf8' });
  return status === 0 ? JSON.parse(stdout) : undefined;
}

export interface RunOptions {
  readonly work: string;
  readonly threads: number;
  readonly timeoutMinutes: number;
}

/** A job's outcome with what else the machine did meanwhile (load.ts), or why there is none. */
export type Answer<K extends Job['kind']> = { readonly startedAtMs: number } & (
  | { readonly outcome: Outcomes[K]; readonly othersShare: number | undefined }
  | { readonly error: string }
);

/** Runs a job in a process of its own. On a GPU its peak memory is that of the GPU. A process that fails, is killed or takes too long is an answer too. */
export async function runJob<K extends Job['kind']>(
  { command: [program, ...args], precision, device }: System,
  job: Job & { readonly kind: K },
  { work, threads, timeoutMinutes }: RunOptions,
): Promise<Answer<K>> {
  const file = join(work, 'job.json');
  writeFileSync(file, JSON.stringify(job));
  const gpuMemory = device === 'cpu' ? undefined : watchGpuMemory();
  const loadOfOthers = watchLoad();
  const startedAtMs = Date.now();
  const child = spawn(program!, [...args, file, precision, `${threads}`, device], {
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: timeoutMinutes * 60_000,
    killSignal: 'SIGKILL',
  });
  const said = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const)
    child[stream].setEncoding('utf8').on('data', (text: string) => {
      said[stream] += text;
    });
  const how = await new Promise<string>((resolve) => {
    child.on('error', (error) => resolve(error.message));
    child.on('close', (code, signal) => resolve(code === 0 ? '' : signal ? killed(signal) : `ended with ${code}`));
  });
  const gpuBytes = await gpuMemory?.();
  if (how !== '') return { startedAtMs, error: `${how}: ${lastWords(said.stderr)}` };
  const outcome: Outcomes[K] & Effort = JSON.parse(said.stdout.trim().split('\n').at(-1)!);
  const measured = gpuBytes === undefined ? outcome : { ...outcome, peakMemoryBytes: gpuBytes };
  return { startedAtMs, outcome: measured, othersShare: loadOfOthers(outcome.cpuSeconds) };
}

const killed = (signal: string): string => `killed by ${signal} (its time was up, or memory ran out)`;

/** The line that names the error: Node prints it before the stack, Python last. */
function lastWords(stderr: string): string {
  const lines = stderr.split('\n').filter((line) => line.trim() !== '');
  return (lines.findLast((line) => /^\w*(Error|Failure)\b/.test(line)) ?? lines.at(-1) ?? 'it said nothing').trim();
}
