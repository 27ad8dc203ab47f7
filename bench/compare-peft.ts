/**
 * LoRA on every linear layer, ours against PyTorch + PEFT: the same rows, hyperparameters and threshold, each run in a
 * process of its own, alternating. See bench/README.md.
 *
 *     npm run build && node --import tsx bench/compare-peft.ts --data goemotions-split --python venv/bin/python
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

interface Outcome {
  readonly system: 'emotune' | 'peft';
  readonly seed: number;
  readonly scores: Readonly<Record<string, number>>;
  readonly trainingSeconds: number;
  readonly tokensPerSecond: number;
  readonly peakMemoryBytes: number;
}

const { values: options } = parseArgs({
  options: {
    data: { type: 'string' },
    python: { type: 'string', default: 'python3' },
    base: { type: 'string', default: fileURLToPath(new URL('../assets/nano-llama', import.meta.url)) },
    seeds: { type: 'string', default: '0,1,2' },
    epochs: { type: 'string', default: '1' },
    lr: { type: 'string', default: '1e-3' },
    out: { type: 'string', default: 'compare-peft.json' },
  },
});
if (!options.data) throw new Error('--data: a folder written by `emotune data split`');
const { data, base, epochs, lr } = options;
const here = (file: string) => fileURLToPath(new URL(file, import.meta.url));

function run(command: string, args: readonly string[]): string {
  const result = spawnSync(command, args, {
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (result.status !== 0) throw new Error(`${command} ended with ${result.status}`);
  return result.stdout;
}

const systems: Readonly<Record<Outcome['system'], (seed: number) => Omit<Outcome, 'system' | 'seed'>>> = {
  emotune(seed) {
    const out = mkdtempSync(join(tmpdir(), 'emotune-bench-'));
    const flags = { base, data, epochs, seed: String(seed), 'learning-rate': lr, out };
    run(process.execPath, [
      here('../dist/cli/main.js'),
      'train',
      '--json',
      ...Object.entries(flags).flatMap(([k, v]) => [`--${k}`, v]),
    ]);
    const { test, ...result } = JSON.parse(readFileSync(join(out, 'result.json'), 'utf8'));
    const scores = Object.fromEntries(
      Object.entries(test.metrics).map(([name, m]) => [name, (m as { value: number }).value]),
    );
    return { scores, ...result };
  },
  peft: (seed) =>
    JSON.parse(
      run(options.python, [
        here('peft_reference.py'),
        base,
        data,
        '--epochs',
        epochs,
        '--lr',
        lr,
        '--seed',
        String(seed),
      ])
        .trim()
        .split('\n')
        .at(-1)!,
    ),
};

const outcomes: Outcome[] = [];
for (const seed of options.seeds.split(',').map(Number)) {
  for (const system of ['emotune', 'peft'] as const) {
    const { scores, trainingSeconds, tokensPerSecond, peakMemoryBytes } = systems[system](seed);
    outcomes.push({ system, seed, scores, trainingSeconds, tokensPerSecond, peakMemoryBytes });
    console.log(JSON.stringify(outcomes.at(-1)));
    writeFileSync(options.out, JSON.stringify(outcomes, null, 2));
  }
}
