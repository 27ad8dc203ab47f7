/** Runs of classical baselines: the same data, events and folder as a training's, without a base. */
import { setImmediate } from 'node:timers/promises';
import { type Baseline, checkBaselineTask, fitBaseline } from '../baselines/baseline.ts';
import type { BaselineName } from '../baselines/names.ts';
import type { Decision } from '../core/decision.ts';
import type { Task } from '../core/task.ts';
import { openWorkFolder } from '../data/disk/work-folder.ts';
import { type Dataset, type Examples, inParts, readAt } from '../data/example.ts';
import { loadDataset } from '../data/load.ts';
import { type DataReport, formatReport } from '../data/report.ts';
import { type EvaluateOptions, type Evaluation, evaluate } from '../metrics/evaluate.ts';
import { baselineLogits, baselineScoresOf } from '../predict/baseline-classifier.ts';
import { type Answers, fitDecision } from '../predict/fit-decision.ts';
import { peakMemoryBytes } from '../runtime/memory.ts';
import { dataSchema, type TrainConfig } from './config.ts';
import type { TrainEvent, TrainPlan, TrainResult } from './events.ts';
import { checkTask, selectExamples } from './prepare.ts';
import type { RunFolder } from './run-folder.ts';

/** The configuration of a baseline's run. */
export type BaselineConfig = TrainConfig & { readonly model: BaselineName };

export const isBaselineConfig = (config: TrainConfig): config is BaselineConfig => config.model !== undefined;

/** What a baseline's run works on. */
export interface PreparedBaseline {
  readonly dataset: Dataset;
  readonly report: DataReport;
  /** Places of the examples that are trained on; undefined for all, once. */
  readonly selection: Uint32Array | undefined;
  /** Removes the working files that the examples are read from. */
  close(): Promise<void>;
}

/**
 * Loads the data as for any other training.
 *
 * @throws ConfigError if the baseline is not for the data's task.
 */
export async function prepareBaseline(config: BaselineConfig, workFolder: string): Promise<PreparedBaseline> {
  const work = await openWorkFolder(workFolder);
  try {
    const { dataset, report } = await loadDataset({ ...dataSchema.parse(config), workFolder: work.path('dataset') });
    const close = () => dataset.close().finally(() => work.close());
    try {
      checkTask(dataset.task, config);
      checkBaselineTask(config.model, dataset.task);
      return { dataset, report, selection: await selectExamples(dataset, config), close };
    } catch (error) {
      await dataset.close();
      throw error;
    }
  } catch (error) {
    await work.close();
    throw error;
  }
}

interface BaselineRun {
  readonly config: BaselineConfig;
  readonly prepared: PreparedBaseline;
  readonly folder: RunFolder;
  readonly signal: AbortSignal | undefined;
}

/** A baseline's run, from start to end. Aborted, it leaves nothing but its log and can be begun again. */
export async function* baselineEvents(run: BaselineRun): AsyncGenerator<TrainEvent, void> {
  const { config, prepared, folder, signal } = run;
  yield { type: 'started', ...planOf(run) };
  const from = performance.now();
  const baseline = await learn(run).catch((error: unknown) => {
    if (!signal?.aborted) throw error;
  });
  const trainingSeconds = (performance.now() - from) / 1000;
  const result = { out: folder.dir, bestEpoch: undefined, tokensPerSecond: 0, trainingSeconds };
  if (!baseline) {
    const none = { validation: undefined, test: undefined, peakMemoryBytes: peakMemoryBytes() };
    yield { type: 'done', ...result, ...none, reason: 'aborted' };
    return;
  }
  const { name, task, labels, splits } = prepared.dataset;
  const { licence, split } = prepared.report;
  const given = await answers(baseline, splits.validation, task);
  const { decision: fitted, notes } = fitDecision(task, labels, given, config);
  const decision = task === 'ordinal_regression' ? { ...fitted, highestLevel: await highestOf(splits.train) } : fitted;
  await folder.saveBaseline({
    baseline,
    task,
    labels: [...labels],
    decision,
    data: { name, split, ...(licence === undefined ? {} : { licence }) },
  });
  yield { type: 'saved', path: folder.dir, step: 0 };
  for (const message of notes) yield { type: 'warning', message };
  const validation = measure(run, given, decision);
  yield { type: 'evaluated', split: 'validation', epoch: 1, best: true, evaluation: validation };
  const test = measure(run, await answers(baseline, splits.test, task), decision, { bootstrap: { seed: config.seed } });
  yield { type: 'evaluated', split: 'test', epoch: 1, best: true, evaluation: test };
  const done = {
    ...result,
    bestEpoch: 1,
    validation,
    test,
    decision,
    reason: 'finished',
    peakMemoryBytes: peakMemoryBytes(),
  } as const;
  await folder.saveResult(done satisfies TrainResult);
  yield { type: 'done', ...done };
}

function planOf({ config, prepared, folder }: BaselineRun): TrainPlan {
  const { dataset, report, selection } = prepared;
  const { train, validation, test } = dataset.splits;
  return {
    out: folder.dir,
    model: config.model,
    base: config.model,
    data: dataset.name,
    task: dataset.task,
    labels: dataset.labels,
    examples: { train: selection?.length ?? train.length, validation: validation.length, test: test.length },
    truncated: 0,
    steps: 0,
    epochs: 1,
    learningRate: 0,
    parameters: { trained: 0, total: 0 },
    dataReport: formatReport(report),
    device: { provider: 'cpu' },
  };
}

function learn({ config, prepared: { dataset, selection }, signal }: BaselineRun): Promise<Baseline> {
  const { task, labels, splits } = dataset;
  return fitBaseline(config.model, readAt(splits.train, selection), {
    task,
    outputs: labels.length,
    seed: config.seed,
    balanced: config.classWeights === 'balanced',
    async onPart() {
      await setImmediate(); // Ctrl-C and the clock have their turn
      signal?.throwIfAborted();
    },
  });
}

async function highestOf(examples: Examples): Promise<number> {
  let highest = 0;
  for await (const target of examples.targets()) highest = Math.max(highest, ...target);
  return highest;
}

/** What a baseline answers to a split, every text in one window. */
async function answers(baseline: Baseline, examples: Examples, task: Task): Promise<Answers> {
  const answer = baselineLogits(baseline, task);
  const targets: (readonly number[])[] = [];
  const logits: number[][] = [];
  for await (const part of inParts(examples)) {
    for (const { target } of part) targets.push(target);
    for (const row of answer(part)) logits.push(row);
  }
  return { targets, logits, counts: targets.map(() => 1), pooling: 'mean' };
}

function measure(
  { prepared: { dataset } }: BaselineRun,
  { targets, logits }: Answers,
  decision: Decision,
  options: Pick<EvaluateOptions, 'bootstrap'> = {},
): Evaluation {
  const { task, labels } = dataset;
  const { thresholds: threshold, abstainBelow } = decision;
  const scores = logits.map((row) => baselineScoresOf(task, row, decision));
  return evaluate(task, labels, { targets, scores }, { threshold, abstainBelow, ...options });
}
