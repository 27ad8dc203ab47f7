/**
 * Our baselines against scikit-learn's, on GoEmotions' Ekman labels and BRIGHTER's English: are the features equal, how good
 * are the models, how long does fitting take (features included) the first time, once warm, and with the start of the
 * process, reading the texts and predicting; and how much memory. Sides alternate, each run in a process of
 * its own with one thread, ours compiled; medians. Fails if features differ by more than 1e-6.
 *
 *     npx tsc -p bench/tsconfig.json && node --import tsx bench/baselines.ts --data-dir data --python venv/bin/python --rounds 3 --out baselines.json
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { formatBytes, formatStep } from '../src/core/quantities.ts';
import { textTable } from '../src/core/text-table.ts';
import type { Examples } from '../src/data/example.ts';
import { loadDataset } from '../src/data/load.ts';
import { evaluate } from '../src/metrics/evaluate.ts';
import { median } from './versus-peft/job.ts';

/** What both sides read. */
export interface BaselineJob {
  readonly texts: readonly string[];
  readonly targets: readonly (readonly number[])[];
  readonly testTexts: readonly string[];
}

/** What fitting takes. */
export interface Cost {
  /** The first time in a process: ours is compiled meanwhile. */
  readonly seconds: number;
  /** The median of further times; the first, where that is long. */
  readonly warmSeconds: number;
  /** After the first time. */
  readonly peakMemoryBytes: number;
  /** What the further times took together. */
  readonly repeatedSeconds: number;
}

/** What a side tells. */
export interface Measured extends Cost {
  /** From the start of the process to its end. */
  readonly processSeconds?: number;
  /** Labels given to the test texts, 0/1. */
  readonly given?: readonly (readonly number[])[];
}

interface Task extends BaselineJob {
  readonly labels: readonly string[];
  readonly testTargets: readonly (readonly number[])[];
}

const { values: options } = parseArgs({
  options: {
    data: { type: 'string', default: 'goemotions-ekman,brighter-eng' },
    'data-dir': { type: 'string', default: 'data' },
    models: { type: 'string', default: 'count,tfidf,tfidf-svm,tfidf-lr,tfidf-rf' },
    python: { type: 'string', default: 'python3' },
    rounds: { type: 'string', default: '3' },
    out: { type: 'string' },
  },
});
const TOLERANCE = 1e-6;

async function all(examples: Examples) {
  const list = await examples.read(Array.from({ length: examples.length }, (_, place) => place));
  return { texts: list.map(({ text }) => text), targets: list.map(({ target }) => target) };
}

async function taskOf(data: string): Promise<Task> {
  const { dataset } = await loadDataset({ data, task: 'multi_label_classification', dataDir: options['data-dir'] });
  const [train, test] = [await all(dataset.splits.train), await all(dataset.splits.test)];
  await dataset.close();
  return { ...train, labels: dataset.labels, testTexts: test.texts, testTargets: test.targets };
}

const oneThread = { ...process.env, OMP_NUM_THREADS: '1', OPENBLAS_NUM_THREADS: '1' };
const scriptOf = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const sides = {
  ours: [process.execPath, scriptOf('./dist/bench/baselines-ours.js')],
  theirs: [options.python, scriptOf('./baselines_sklearn.py')],
} as const;
type Side = keyof typeof sides;

function run(side: Side, folder: string, what: string): Measured {
  const [command, ...args] = sides[side];
  const from = performance.now();
  const result = spawnSync(command, [...args, folder, what], {
    encoding: 'utf8',
    env: oneThread,
    maxBuffer: 2 ** 30,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (result.status !== 0) throw new Error(`${side} ${what} ended with ${result.status}`);
  const told: Measured = JSON.parse(result.stdout.trim().split('\n').at(-1)!);
  const processSeconds = (performance.now() - from) / 1000 - told.repeatedSeconds;
  return { ...told, processSeconds };
}

/** The largest difference between the two matrices; infinite if they do not even have the same places. */
function featureDifference(folder: string): number {
  const bytes = (name: string) => readFileSync(join(folder, name));
  const isSame = ['terms.json', 'starts', 'indices'].every((name) =>
    name.endsWith('.json')
      ? JSON.stringify(JSON.parse(bytes(`ours-${name}`).toString())) ===
        JSON.stringify(JSON.parse(bytes(`theirs-${name}`).toString()))
      : bytes(`ours-${name}`).equals(bytes(`theirs-${name}`)),
  );
  if (!isSame) return Number.POSITIVE_INFINITY;
  const valuesOf = (name: string) => new Float64Array(Uint8Array.from(bytes(name)).buffer);
  const [ours, theirs] = [valuesOf('ours-values'), valuesOf('theirs-values')];
  return ours.reduce((most, value, at) => Math.max(most, Math.abs(value - theirs[at]!)), 0);
}

interface Row {
  readonly data: string;
  readonly model: string;
  readonly ours: Measured;
  readonly theirs: Measured;
  readonly f1?: Readonly<Record<Side, number>>;
  readonly difference?: number;
}

function compare(data: string, model: string, { task, folder }: { task: Task; folder: string }): Row {
  const runs: Record<Side, Measured[]> = { ours: [], theirs: [] };
  for (let round = 0; round < Number(options.rounds); round++)
    for (const side of ['ours', 'theirs'] as const) runs[side].push(run(side, folder, model));
  const middle = (side: Side): Measured => ({
    seconds: median(runs[side].map(({ seconds }) => seconds)),
    warmSeconds: median(runs[side].map(({ warmSeconds }) => warmSeconds)),
    processSeconds: median(runs[side].map(({ processSeconds }) => processSeconds!)),
    peakMemoryBytes: median(runs[side].map(({ peakMemoryBytes }) => peakMemoryBytes)),
    repeatedSeconds: 0,
  });
  const row = { data, model, ours: middle('ours'), theirs: middle('theirs') };
  const f1 = (side: Side): number => {
    const scores = runs[side][0]!.given!;
    const { metrics } = evaluate('multi_label_classification', task.labels, { targets: task.testTargets, scores });
    return metrics.macroF1!.value!;
  };
  if (runs.ours[0]!.given === undefined) return { ...row, difference: featureDifference(folder) };
  return { ...row, f1: { ours: f1('ours'), theirs: f1('theirs') } };
}

function tableOf(rows: readonly Row[]): string[] {
  const ratio = (a: number, b: number) => `${(a / b).toFixed(2)}×`;
  const points = (share: number) => (100 * share).toFixed(2);
  const times = ['first', 'sklearn', 'speed', 'warm', 'sklearn', 'speed', 'process', 'sklearn', 'speed'];
  const head = ['data', 'model', ...times, 'memory', 'sklearn', 'ratio', 'macro-F1', 'sklearn'];
  const lines = rows.map(({ data, model, ours, theirs, f1, difference }) => [
    data,
    model,
    ...(['seconds', 'warmSeconds', 'processSeconds'] as const).flatMap((what) => [
      formatStep(ours[what]!),
      formatStep(theirs[what]!),
      ratio(theirs[what]!, ours[what]!),
    ]),
    ...[ours, theirs].map(({ peakMemoryBytes }) => formatBytes(peakMemoryBytes)),
    ratio(ours.peakMemoryBytes, theirs.peakMemoryBytes),
    ...(f1 ? [points(f1.ours), points(f1.theirs)] : [`differ by ${difference!.toExponential(1)}`, '']),
  ]);
  return textTable([head, ...lines]);
}

const rows: Row[] = [];
for (const data of options.data.split(',')) {
  const task = await taskOf(data);
  const folder = mkdtempSync(join(tmpdir(), 'emotune-baselines-'));
  const { texts, targets, testTexts } = task;
  writeFileSync(join(folder, 'data.json'), JSON.stringify({ texts, targets, testTexts } satisfies BaselineJob));
  for (const model of options.models.split(',')) {
    rows.push(compare(data, model, { task, folder }));
    console.log(tableOf(rows.slice(-1)).at(-1));
    if (options.out) writeFileSync(options.out, `${JSON.stringify(rows, null, 2)}\n`);
  }
  rmSync(folder, { recursive: true });
}
console.log(['', ...tableOf(rows)].join('\n'));
if (rows.some(({ difference = 0 }) => difference > TOLERANCE)) process.exitCode = 1;
