/**
 * What a run was expected to take against what it took: memory, a step, an evaluation, in a fresh process each.
 *
 *     npm run build && node --import tsx bench/estimate.ts --rounds 3
 *
 * Rounds go through all configurations, so that what else the machine does hits all alike; the estimate is the run's own,
 * made moments before its first step. Printed are medians over the rounds.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { RunEstimate } from '../src/train/estimate.ts';
import type { TrainEvent } from '../src/train/events.ts';

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    bases: { type: 'string', default: join(tmpdir(), 'emotune-estimate-bases') },
    presets: { type: 'string', default: 'nano,12x768,3x2048' },
    limit: { type: 'string', default: '320' },
  },
});
const cli = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));

/** Calls `onLine` with each line that a command of ours prints, and when it came. */
async function emotune(
  args: readonly string[],
  onLine: (line: string, atMs: number) => void = () => {},
): Promise<void> {
  const child = spawn(process.execPath, [cli, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  for await (const line of createInterface({ input: child.stdout })) onLine(line, performance.now());
  const code = await ended;
  if (code !== 0) throw new Error(`emotune ${args.join(' ')} ended with ${code}`);
}

interface Pair {
  readonly expected: number;
  readonly measured: number;
}
type Quantity = 'memory' | 'step' | 'evaluation' | 'whole run';
type Outcome = Readonly<Record<Quantity, Pair>>;

async function run(base: string, flags: readonly string[]): Promise<Outcome> {
  const out = mkdtempSync(join(tmpdir(), 'emotune-estimate-'));
  const events: { readonly event: TrainEvent; readonly atMs: number }[] = [];
  const common = ['--data', 'social-posts', '--limit', options.limit, '--epochs', '2', '--overwrite', '--out', out];
  const from = performance.now();
  await emotune(['train', '--base', base, ...common, ...flags, '--json'], (line, atMs) =>
    events.push({ event: JSON.parse(line), atMs }),
  );
  const wall = performance.now() - from;
  rmSync(out, { recursive: true });
  return compare(events, wall);
}

function compare(events: readonly { readonly event: TrainEvent; readonly atMs: number }[], wallMs: number): Outcome {
  let estimate: RunEstimate | undefined;
  let peak = 0;
  const steps: number[] = [];
  const evaluations: number[] = [];
  for (const [i, { event, atMs }] of events.entries()) {
    if (event.type === 'started') estimate = event.estimate;
    if (event.type === 'step') steps.push(event.seconds);
    if (event.type === 'done') peak = event.peakMemoryBytes;
    // From the last step, or the checkpoint after it, to the scores.
    if (event.type === 'evaluated') evaluations.push((atMs - events[i - 1]!.atMs) / 1000);
  }
  const { memory, time } = estimate!;
  // The first step and the first evaluation of a process touch their memory for the first time: that is `opening`.
  return {
    memory: { expected: memory.bytes, measured: peak },
    step: { expected: time.step, measured: mean(steps.slice(1)) },
    evaluation: { expected: time.evaluation, measured: evaluations[1]! },
    'whole run': { expected: time.total, measured: wallMs / 1000 },
  };
}

const mean = (xs: readonly number[]): number => xs.reduce((a, b) => a + b, 0) / xs.length;
const median = (xs: readonly number[]): number => [...xs].sort((a, b) => a - b)[xs.length >> 1]!;

async function baseOf(preset: string): Promise<string> {
  if (preset === 'nano') return 'nano';
  const folder = join(options.bases, preset);
  if (!existsSync(folder)) await emotune(['checkpoint', '--preset', preset, '--out', folder]);
  return folder;
}

const settings: readonly (readonly string[])[] = [
  [],
  ['--micro-batch-tokens', '512'],
  ['--batch-size', '64', '--rank', '8'],
];
const configurations = options.presets.split(',').flatMap((preset) => settings.map((flags) => ({ preset, flags })));
const outcomes = new Map(configurations.map((c) => [c, [] as Outcome[]]));
for (let round = 0; round < Number(options.rounds); round++)
  for (const configuration of configurations)
    outcomes.get(configuration)!.push(await run(await baseOf(configuration.preset), configuration.flags));

const show: Readonly<Record<Quantity, (n: number) => string>> = {
  memory: (bytes) => `${(bytes / 1e6).toFixed(0)} MB`,
  step: (seconds) => `${(1000 * seconds).toFixed(0)} ms`,
  evaluation: (seconds) => `${(1000 * seconds).toFixed(0)} ms`,
  'whole run': (seconds) => `${seconds.toFixed(1)} s`,
};
console.log('| base, settings | quantity | expected | measured | ratio, median (all rounds) |\n|---|---|---|---|---|');
for (const [{ preset, flags }, results] of outcomes) {
  for (const quantity of Object.keys(show) as Quantity[]) {
    const pairs = results.map((r) => r[quantity]);
    const ratios = pairs.map(({ expected, measured }) => expected / measured);
    const [expected, measured] = [median(pairs.map((p) => p.expected)), median(pairs.map((p) => p.measured))];
    const all = ratios.map((r) => r.toFixed(2)).join(' ');
    console.log(
      `| ${preset} ${flags.join(' ')} | ${quantity} | ${show[quantity](expected)} | ${show[quantity](measured)} | ${median(ratios).toFixed(2)} (${all}) |`,
    );
  }
}
