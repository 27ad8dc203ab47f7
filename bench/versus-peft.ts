/**
 * emotune against PyTorch + PEFT: training, memory, inference, start-up and the way to an F1, side by side and alternating,
 * each run in a process of its own. See bench/README.md.
 *
 *     npm run bench -- --shapes nano,12x768 --data ekman --python venv/bin/python
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EmotuneError } from '../src/core/errors.ts';
import { type About, figures, learningCurve } from './versus-peft/figures.ts';
import { type Job, median, type PeaksOutcome, type TrainOutcome } from './versus-peft/job.ts';
import { type BenchOptions, readOptions } from './versus-peft/options.ts';
import { jobs, lora, type Measurement, productFlopsOf, tokensOf, watched } from './versus-peft/plan.ts';
import { markdown, type Run, rowsOf, runName } from './versus-peft/report.ts';
import { openShape, type Shape, writeRandomAdapter } from './versus-peft/shapes.ts';
import { showSurroundings, surroundings } from './versus-peft/surroundings.ts';
import { ours, pythonVersions, pytorch, runJob, type System } from './versus-peft/systems.ts';
import { loadTexts, type Texts } from './versus-peft/texts.ts';

/** A run with what the results keep beside its figures. */
type KeptRun = Run & { readonly trained?: number; readonly curve?: ReturnType<typeof learningCurve> };

async function bench(options: BenchOptions): Promise<void> {
  const python = pythonVersions(options.python);
  if (!python) console.error(withoutPython(options.python));
  const systems = [
    ...options.ours.map((precision) => ours(precision, options.device)),
    ...(python ? options.theirs.map((precision) => pytorch(options.python, precision, options.device)) : []),
  ];
  const texts = await loadTexts(options.data);
  const folder = join(options.work, `run-${process.pid}`);
  mkdirSync(folder, { recursive: true });
  const around = surroundings(python);
  const runs: KeptRun[] = [];
  const peaks: PeaksOutcome[] = [];
  const report = () => write(options, { around, systems, texts, runs, peaks });
  try {
    for (let round = 0; round < options.rounds; round++) {
      peaks.push(await measurePeaks(options, folder));
      for (const name of options.shapes) {
        const shape = await openShape(name, options);
        for (const measurement of options.measurements.filter((m) => m !== 'f1' || shape.isPretrained)) {
          const each = { options, texts, folder, shape, measurement, round, peaks: peaks.at(-1)! };
          for await (const run of runAll(rotated(systems, round), each)) {
            runs.push(run);
            console.error(progress(run));
            report();
          }
        }
      }
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
  console.log(report());
}

interface Each {
  readonly options: BenchOptions;
  readonly texts: Texts;
  readonly folder: string;
  readonly shape: Shape;
  readonly measurement: Measurement;
  readonly round: number;
  readonly peaks: PeaksOutcome;
}

/** Runs one measurement on each system in turn. */
async function* runAll(systems: readonly System[], each: Each): AsyncGenerator<KeptRun> {
  const { shape, measurement, round, options, folder } = each;
  const job = await jobOf(each);
  const about = aboutOf(job, each);
  for (const system of systems) {
    const of = { shape: shape.name, measurement, system: system.name, round };
    const answer = await runJob(system, job, { ...options, work: folder });
    if ('error' in answer) {
      yield { ...of, error: answer.error };
      continue;
    }
    const { outcome, startedAtMs, othersShare } = answer;
    const values = figures[measurement].map(({ value }) => value(outcome as never, { ...about, startedAtMs }));
    yield { ...of, values, othersShare, ...(job.kind === 'train' ? learnt(outcome as TrainOutcome, about) : {}) };
  }
}

const learnt = (outcome: TrainOutcome, about: Omit<About, 'startedAtMs'>) => ({
  trained: outcome.trained,
  ...(outcome.evaluations.length > 0 ? { curve: learningCurve(outcome, about) } : {}),
});

async function jobOf({ options, texts, folder, shape, measurement, round }: Each): Promise<Job> {
  const plan = { ...options, texts };
  if (measurement !== 'inference') return jobs[measurement](shape, plan, round);
  return jobs.inference(shape, { ...plan, adapter: await writeRandomAdapter(shape, { work: folder, lora, texts }) });
}

function aboutOf(job: Job, { options, texts, shape, measurement, peaks }: Each): Omit<About, 'startedAtMs'> {
  const counts = measurement === 'fixed' || measurement === 'real';
  return {
    texts,
    warmUp: job.kind === 'train' ? job.warmUp : 0,
    tokens: job.kind === 'train' ? tokensOf(job) : [],
    flops: job.kind === 'train' && counts ? productFlopsOf(job, shape) : [],
    peaks,
    classified: job.kind === 'classify' ? job.texts.length : 0,
    watched: watched(texts, options.learning.texts),
    targetF1: options.targetF1,
  };
}

async function measurePeaks(options: BenchOptions, work: string): Promise<PeaksOutcome> {
  const answer = await runJob(ours('fp32', options.device), { kind: 'peaks' }, { ...options, work });
  if ('error' in answer) throw new Error(`the machine's peaks could not be measured: ${answer.error}`);
  return answer.outcome;
}

/** No system always comes first, or always after the same other. */
const rotated = <T>(items: readonly T[], by: number): T[] => items.map((_, i) => items[(i + by) % items.length]!);

interface Results {
  readonly around: ReturnType<typeof surroundings>;
  readonly systems: readonly System[];
  readonly texts: Texts;
  readonly runs: readonly KeptRun[];
  readonly peaks: readonly PeaksOutcome[];
}

/** Writes what there is so far, as JSON and as tables. */
function write(options: BenchOptions, { around, systems, texts, runs, peaks }: Results): string {
  const roof = { fp32: median(peaks.map(({ fp32 }) => fp32)), int8: median(peaks.map(({ int8 }) => int8)) };
  const rows = rowsOf(runs, systems);
  writeFileSync(options.out, `${JSON.stringify({ ...around, options, roof, rows, runs, peaks }, null, 2)}\n`);
  const giga = (n: number) => (n / 1e9).toFixed(0);
  const table = [
    showSurroundings(around, options.threads),
    `Peaks in matrix products: fp32 ${giga(roof.fp32)} GFLOP/s, int8 ${giga(roof.int8)} GOP/s. Texts: ${texts.name}. Validation F1 to reach: ${options.targetF1}. Medians of ${options.rounds} rounds; ratios are of the same round, with the least and the greatest in brackets.`,
    markdown(rows, runs, systems),
  ].join('\n\n');
  writeFileSync(options.out.replace(/(\.json)?$/, '.md'), `${table}\n`);
  return table;
}

const progress = (run: Run): string =>
  `${runName(run)}: ${run.error ?? run.values!.map((v) => v?.toPrecision(4) ?? '–').join(', ')}`;

const withoutPython = (python: string): string =>
  `${python} has no torch, transformers and peft: only emotune is measured. To compare, give --python a Python that has them (bench/README.md says how to get one).`;

try {
  await bench(readOptions(process.argv.slice(2)));
} catch (error) {
  if (!(error instanceof EmotuneError)) throw error;
  console.error(`error: ${error.message}`);
  process.exitCode = error.exitCode;
}
