/**
 * One job of versus-peft.ts on emotune, in a process of its own. Prints one line of JSON.
 *
 *     node bench/dist/bench/versus-peft-ours.js JOB PRECISION[:checkpointed] THREADS DEVICE
 */
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Checkpoint, openCheckpoint } from '../src/checkpoint/checkpoint.ts';
import { inPrecision } from '../src/models/precision.ts';
import { type DecoderSpec, describeModel } from '../src/models/registry.ts';
import type { Precision } from '../src/nn/linear.ts';
import { adamw } from '../src/optim/adamw.ts';
import { loadClassifier } from '../src/predict/classifier.ts';
import { Device } from '../src/runtime/device.ts';
import { peakMemoryBytes } from '../src/runtime/memory.ts';
import type { Provider } from '../src/runtime/provider.ts';
import { parseTrainConfig } from '../src/train/config.ts';
import { fillPrefix } from '../src/train/prefix/fill.ts';
import { lossTarget } from '../src/train/targets.ts';
import { type TrainExample, Trainer } from '../src/train/trainer.ts';
import type { ClassifyJob, ClassifyOutcome, Job, Outcomes, TrainJob, TrainOutcome } from './versus-peft/job.ts';
import { measurePeaks } from './versus-peft/peaks.ts';

const [file, given, threads, provider] = process.argv.slice(2) as [string, string, string, Provider];
/** An unknown precision is refused. */
const precision = parseTrainConfig({ data: '', precision: given.split(':')[0] as Precision }).precision as Precision;
const gradientCheckpointing = given.endsWith(':checkpointed');
const openDevice = () => new Device({ choice: { provider }, threads: Number(threads) });

const run: { readonly [K in Job['kind']]: (job: Extract<Job, { kind: K }>) => Promise<Outcomes[K]> } = {
  train,
  classify,
  async peaks() {
    const device = openDevice();
    const peaks = await measurePeaks(device);
    await device.close();
    return peaks;
  },
};
const job: Job = JSON.parse(readFileSync(file, 'utf8'));
const outcome = await (run[job.kind] as (job: Job) => Promise<Outcomes[Job['kind']]>)(job);
const { user, system } = process.cpuUsage();
console.log(JSON.stringify({ ...outcome, cpuSeconds: (user + system) / 1e6 }));

async function train({ base, task, labels, rank, alpha, ...job }: TrainJob): Promise<TrainOutcome> {
  const device = openDevice();
  const checkpoint = await openCheckpoint(base);
  const spec = describeModel(checkpoint.config);
  const rounded = await inPrecision(checkpoint, spec, precision);
  const from = performance.now();
  const prefix = job.layers && (await cached(device, job, { checkpoint: rounded, spec }));
  const cachingSeconds = prefix ? (performance.now() - from) / 1000 : 0;
  const trainer = await Trainer.open(device, {
    checkpoint: rounded,
    spec,
    labels,
    task,
    lora: {
      rank,
      alpha,
      dropout: 0,
      targetModules: 'all-linear',
      rslora: false,
      dora: false,
      ...(job.layers ? { layersToTransform: job.layers } : {}),
    },
    prefix: prefix && { layer: prefix.layer, states: prefix.cache.states },
    optimizer: adamw({ betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0 }),
    maxGradNorm: job.maxGradNorm,
    microBatchTokens: job.microBatchTokens,
    seed: job.seed,
    precision,
    gradientCheckpointing,
  });
  const rows = job.rows.map(
    ({ ids, target }, i): TrainExample => ({
      id: `${i}`,
      sequences: [Int32Array.from(ids)],
      target,
      loss: lossTarget(task, target),
    }),
  );
  const logits = (texts: readonly (readonly number[])[]) => trainer.logits(texts.map((ids) => Int32Array.from(ids)));
  const losses: number[] = [];
  const stepSeconds: number[] = [];
  const evaluations: TrainOutcome['evaluations'][number][] = [];
  for (const [i, step] of job.steps.entries()) {
    const from = performance.now();
    const { loss } = await trainer.step(
      step.rows.map((row) => rows[row]!),
      step.learningRate,
    );
    stepSeconds.push((performance.now() - from) / 1000);
    losses.push(loss);
    if (job.watch && ((i + 1) % job.watch.every === 0 || i + 1 === job.steps.length))
      evaluations.push({ step: i + 1, logits: await logits(job.watch.validation) });
  }
  const test = job.watch ? await logits(job.watch.test) : [];
  await device.close();
  await prefix?.remove();
  const peak = peakMemoryBytes();
  return { trained: trainer.size, losses, stepSeconds, cachingSeconds, evaluations, test, peakMemoryBytes: peak };
}

/** What the layers below the lowest adapter give of a job's texts. */
async function cached(
  device: Device,
  { rows, layers }: Pick<TrainJob, 'rows' | 'layers'>,
  { checkpoint, spec }: { readonly checkpoint: Checkpoint; readonly spec: DecoderSpec },
) {
  const root = await mkdtemp(join(tmpdir(), 'emotune-bench-prefix-'));
  const layer = Math.min(...layers!);
  const model = { spec, layer, precision, fingerprint: await checkpoint.fingerprint() };
  const texts = rows.map(({ ids }) => Int32Array.from(ids));
  const cache = await fillPrefix(root, { device, checkpoint, model, texts });
  const remove = async () => {
    await cache.close();
    await rm(root, { recursive: true });
  };
  return { layer, cache, remove };
}

async function classify({ base, adapter, single, repeats, texts, passes }: ClassifyJob): Promise<ClassifyOutcome> {
  const classifier = await loadClassifier(adapter, {
    base,
    threads: Number(threads),
    precision,
    device: provider,
  });
  await classifier.classify([single]);
  const firstAtMs = Date.now();
  const singleSeconds: number[] = [];
  for (let i = 0; i < repeats; i++) singleSeconds.push(await seconds(() => classifier.classify([single])));
  const passSeconds: number[] = [];
  for (let i = 0; i < passes; i++) passSeconds.push(await seconds(() => classifier.classify(texts)));
  await classifier.dispose();
  return { firstAtMs, singleSeconds, passSeconds, peakMemoryBytes: peakMemoryBytes() };
}

async function seconds(work: () => Promise<unknown>): Promise<number> {
  const from = performance.now();
  await work();
  return (performance.now() - from) / 1000;
}
