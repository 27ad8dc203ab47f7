/**
 * `kill -9` at seeded random moments of a training run, some forced inside the writing of a checkpoint: after `--resume`
 * the adapter must be the uninterrupted run's, byte for byte, and metrics.jsonl must have every step once.
 *
 *     npm run build && node --import tsx bench/crash-matrix.ts --runs 20 --forced 5
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { random } from '../src/core/random.ts';

const { values: options } = parseArgs({
  options: {
    runs: { type: 'string', default: '20' },
    forced: { type: 'string', default: '5' },
    seed: { type: 'string', default: '0' },
    base: { type: 'string', default: 'nano' },
    epochs: { type: 'string', default: '4' },
    limit: { type: 'string', default: '384' },
  },
});
const [runs, forced] = [Number(options.runs), Number(options.forced)];
const folder = mkdtempSync(join(tmpdir(), 'emotune-crash-'));
const main = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));
const settings = {
  base: options.base,
  data: 'social-posts',
  epochs: options.epochs,
  limit: options.limit,
  dropout: '0.05',
  'learning-rate': '1e-3',
  'checkpoint-minutes': '0.01',
};
const flags = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);

const start = (...args: readonly string[]): ChildProcess =>
  spawn(process.execPath, [main, 'train', '--quiet', ...args], { stdio: ['ignore', 'ignore', 'inherit'] });

async function finish(child: ChildProcess): Promise<void> {
  const code = await new Promise((done) => child.on('close', done));
  if (code !== 0) throw new Error(`a run ended with ${code}`);
}

const checkpoints = (run: string): string[] => {
  const dir = join(run, 'checkpoints');
  return existsSync(dir) ? readdirSync(dir) : [];
};
const isWriting = (run: string): boolean => checkpoints(run).some((file) => file.endsWith('.tmp'));
const hasCheckpoint = (run: string): boolean => checkpoints(run).some((file) => file.endsWith('.safetensors'));

const isDone = (run: string): boolean => existsSync(join(run, 'result.json')) && !hasCheckpoint(run);

/** Kills the process once `due`. @returns whether it was still running. */
async function killWhen(child: ChildProcess, due: () => boolean): Promise<boolean> {
  const over = new Promise((done) => child.on('close', done));
  while (child.exitCode === null && !due()) await sleep(0);
  const alive = child.exitCode === null && child.kill('SIGKILL');
  await over;
  return alive;
}

/** Steps of metrics.jsonl in order, and what each came to. */
const stepsOf = (run: string): string[] =>
  readFileSync(join(run, 'metrics.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
    .filter((event) => event.type === 'step')
    .map(({ step, loss, gradNorm }) => `${step} ${loss} ${gradNorm}`);
const adapterOf = (run: string): Buffer => readFileSync(join(run, 'adapter_model.safetensors'));

const whole = join(folder, 'whole');
const from = performance.now();
await finish(start(...flags, '--out', whole));
const duration = performance.now() - from;
console.log(`uninterrupted: ${stepsOf(whole).length} steps in ${(duration / 1000).toFixed(1)} s`);

/**
 * Starts a run and kills it at a moment; inside a checkpoint write, if forced: it waits for the next after its moment, which
 * is when the file beside is there and not renamed yet.
 *
 * @returns whether that came about: a run may be done first, or the write.
 */
async function interrupt(run: string, moment: number, isForced: boolean): Promise<boolean> {
  const child = start(...flags, '--out', run);
  const begun = performance.now();
  const killed = await killWhen(child, () => performance.now() - begun >= moment && (!isForced || isWriting(run)));
  return killed && !isDone(run) && (!isForced || isWriting(run));
}

const rng = random(Number(options.seed));
let equal = 0;
for (let i = 0; i < runs; i++) {
  const run = join(folder, `run-${i}`);
  const isForced = i < forced;
  let share = rng.uniform();
  let tries = 1;
  for (; !(await interrupt(run, share * duration, isForced)); tries++) {
    rmSync(run, { recursive: true, force: true });
    share = rng.uniform();
  }
  const inWrite = isWriting(run);
  const resumed = hasCheckpoint(run);
  // Killed while it prepared, it is no run yet.
  await finish(existsSync(join(run, 'config.yaml')) ? start('--resume', run) : start(...flags, '--out', run));
  const same = adapterOf(run).equals(adapterOf(whole)) && stepsOf(run).join() === stepsOf(whole).join();
  equal += Number(same);
  const where = inWrite ? ', inside a checkpoint write' : '';
  const then = resumed ? 'resumed' : 'begun again (no checkpoint yet)';
  const count = tries > 1 ? ` (try ${tries})` : '';
  console.log(
    `run ${i}: killed at ${(share * 100).toFixed(0)} %${where}${count}, ${then}: ${same ? 'equal' : 'DIFFERENT'}`,
  );
  rmSync(run, { recursive: true });
}
rmSync(folder, { recursive: true });
console.log(`${equal} of ${runs} equal`);
process.exitCode = equal === runs ? 0 : 1;
