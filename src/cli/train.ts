import type { Command } from 'commander';
import { ConfigError } from '../core/errors.ts';
import { dataShape, type TrainOptions, trainSchema } from '../train/config.ts';
import type { TrainEvent } from '../train/events.ts';
import type { TrainControl } from '../train/train.ts';
import { makeCommand } from './command.ts';
import { requireData } from './data-flags.ts';
import { exitCodes } from './failure.ts';
import { addFlags, argumentsOf, flagOf, type Values, valuesFrom } from './flags.ts';
import { hubFor, hubGroup, hubShape } from './hub-flags.ts';
import { abortOnInterrupt } from './interrupt.ts';
import { openLog, printLines } from './output.ts';
import { pastEvents } from './past-events.ts';
import { commandLine } from './shell.ts';
import { columnsOf, styleFor } from './terminal.ts';
import { openReporter, type ReporterOptions } from './train-reporter.ts';
import { dryRunReport } from './view/dry-run.ts';
import { advance, initialState } from './view/train-state.ts';
import { type NextCommands, trainSummary } from './view/train-summary.ts';

type Key = keyof typeof trainSchema.shape;

/** How help groups the flags. */
export const trainFlagGroups: Readonly<Record<string, readonly Key[]>> = {
  'Model and data:': ['base', ...(Object.keys(dataShape) as Key[]), 'limit'],
  'Reading:': [
    'maxLength',
    'longTexts',
    'windowOverlap',
    'windowPooling',
    'promptFormat',
    'instruction',
    'promptPrefix',
    'promptSuffix',
  ],
  'Run:': ['out', 'overwrite', 'seed', 'device', 'precision', 'threads', 'checkpointMinutes', 'prefixCache'],
  'LoRA:': [
    'rank',
    'alpha',
    'dropout',
    'targetModules',
    'layers',
    'rankPattern',
    'alphaPattern',
    'rslora',
    'dora',
    'initLora',
    'initFrom',
  ],
  'Training:': [
    'epochs',
    'batchSize',
    'accumulate',
    'microBatchTokens',
    'gradientCheckpointing',
    'learningRate',
    'schedule',
    'warmup',
    'patience',
  ],
  'Optimiser:': ['optimizer', 'loraPlusRatio', 'weightDecay', 'beta1', 'beta2', 'epsilon', 'momentum', 'maxGradNorm'],
  'Classes:': ['labelSmoothing', 'classWeights', 'focalGamma', 'balance', 'threshold', 'temperature', 'minPrecision'],
  'Tracking:': ['track', 'mlflowUri', 'mlflowExperiment'],
};

interface Given extends ReporterOptions, Readonly<Record<string, unknown>> {
  readonly config?: string;
  readonly resume?: string;
  readonly dryRun?: boolean;
  readonly force?: boolean;
}

export function trainCommand(): Command {
  const command = makeCommand('train', {
    summary: 'fine-tune a base model on labelled texts',
    description:
      'Fine-tune a base model with LoRA on a dataset of texts and emotions. Keeps the weights of the epoch with the ' +
      'best validation score in a run folder, and evaluates them on the test split.',
    examples: [
      ['emotune train --data social-posts', 'the data and the base that come with emotune; a first try'],
      ['emotune train --data posts.csv --base models/Llama-3.2-1B --out runs/posts', 'your own texts and base'],
      ['emotune train --data posts.csv --base meta-llama/Llama-3.2-1B', 'a base from the Hub, fetched once'],
      ['emotune train --config run.yaml --learning-rate 1e-3', 'settings from a file, one of them changed'],
      [
        'emotune train --data posts.csv --base models/Llama-3.2-1B --dry-run',
        'what that would take: memory, disk, time',
      ],
      ['emotune train --resume runs/posts', 'an interrupted run, from its last checkpoint to the same end'],
    ],
  });
  return addFlags(command, { ...trainSchema.shape, ...hubShape }, { ...trainFlagGroups, ...hubGroup })
    .optionsGroup('Run:')
    .option('--config <file>', 'YAML file of these settings (keys as in the config.yaml of a run); flags override it')
    .option(
      '--resume <run>',
      'go on with an interrupted run, with its own settings (--device and --threads may differ)',
    )
    .option('--dry-run', 'say what the run would take (memory, disk, time) and whether it fits, and train nothing')
    .option('--force', 'run even if memory or disk are expected not to suffice')
    .optionsGroup('Output:')
    .option('--plain', 'lines instead of the live view (as when stderr is no terminal)')
    .option('--quiet', 'only the result')
    .option('--json', 'every event as a line of JSON, nothing else')
    .action(async (given: Given) => {
      process.exitCode = await runTrain(given);
    });
}

async function runTrain(given: Given): Promise<number> {
  if (given.dryRun) return dryRun(given);
  const { train, resume } = await import('../train/train.ts');
  const force = given.force ?? false;
  if (given.resume === undefined) {
    const options = await trainOptions(given);
    return watch(options, given, (control) => train(options, { ...control, force }));
  }
  const { readRunConfig } = await import('../train/run-folder.ts');
  const [run, control] = [given.resume, resumeFlags(given)];
  return watch(await readRunConfig(run), given, (rest) => resume(run, { ...rest, force, ...control }));
}

/** Says what a run would take; one that would be refused ends as the run would. */
async function dryRun(given: Given): Promise<number> {
  if (given.resume !== undefined)
    throw new ConfigError('--dry-run is for a new run: leave out --resume, or give the settings of the run');
  const { planTraining } = await import('../train/plan.ts');
  const plan = await planTraining(await trainOptions(given), { hub: await hubFor(valuesFrom(hubShape, given)) });
  if (given.json) await printLines([JSON.stringify(plan)]);
  else await printLines(dryRunReport(plan, { width: columnsOf(process.stdout, 120), style: styleFor(process.stdout) }));
  if (plan.shortage === null || given.force) return exitCodes.ok;
  const { refusal } = await import('../train/shortage.ts');
  throw new ConfigError(refusal(plan.shortage));
}

/** @throws ConfigError for a flag that would make the run another one. */
function resumeFlags(given: Given): Pick<TrainOptions, 'device' | 'threads'> {
  const { device, threads, ...others } = valuesFrom(trainSchema.shape, given);
  const other = given.config === undefined ? Object.keys(others).map(flagOf)[0] : '--config';
  if (other !== undefined)
    throw new ConfigError(
      `--resume goes on with the run's own settings: leave out ${other}, or start a new run with other settings`,
    );
  return { ...(device === undefined ? {} : { device }), ...(threads === undefined ? {} : { threads }) };
}

/** Trains, shows how it goes, stops cleanly at Ctrl-C, and says how to go on. */
async function watch(
  options: TrainOptions,
  output: Given,
  start: (control: TrainControl) => AsyncIterable<TrainEvent>,
): Promise<number> {
  let state = initialState;
  const { track } = await import('../tracking/track.ts');
  const { sinksFor } = await import('./tracking.ts');
  const sinks = sinksFor(options, (message) => reporter.event({ type: 'warning', message }, state));
  const print = openLog("the run's folder has everything");
  const reporter = openReporter(output, print);
  const interrupt = abortOnInterrupt({ onInterrupt: reporter.stopping, onKill: reporter.close });
  let failure: unknown;
  try {
    const hub = await hubFor(valuesFrom(hubShape, output));
    const told = { onProgress: reporter.fetching, onNotice: reporter.note };
    const control = { signal: interrupt.signal, onRounding: reporter.rounding, onCaching: reporter.caching };
    const events = start({ ...control, hub: { ...hub, ...told } });
    for await (const event of track(events, sinks)) {
      if (event.type === 'resumed') for await (const past of pastEvents(event)) state = advance(state, past);
      state = advance(state, event);
      reporter.event(event, state);
    }
  } catch (error) {
    if (interrupt.signal.aborted && !state.plan) return exitCodes.interrupted;
    failure = error;
  } finally {
    reporter.close();
    interrupt.restore();
  }
  const next = state.plan && nextCommands(state.plan.out, options);
  if (failure !== undefined) {
    if (next && state.checkpoint) process.stderr.write(`go on from step ${state.checkpoint.step}: ${next.resume}\n`);
    throw failure;
  }
  if (!output.json && next) await print(trainSummary(state, next, styleFor(process.stdout)));
  return state.result?.reason === 'aborted' ? exitCodes.interrupted : exitCodes.ok;
}

async function trainOptions(given: Given): Promise<TrainOptions> {
  const { shape } = trainSchema;
  const options = { ...(await fromFile(given.config)), ...valuesFrom(shape, given) };
  const { withTrackingDefaults } = await import('./tracking.ts');
  return withTrackingDefaults({ ...options, data: requireData(options.data) });
}

async function fromFile(path: string | undefined): Promise<Values<typeof trainSchema.shape>> {
  if (path === undefined) return {};
  const { readConfigFile } = await import('./config-file.ts');
  return readConfigFile(path, trainSchema.shape);
}

/** What to type to use this run on other texts, and to evaluate it again on the same data. */
function nextCommands(run: string, options: TrainOptions): NextCommands {
  const { task: _, labels: __, seed, ...shape } = { ...dataShape, seed: trainSchema.shape.seed };
  const data = argumentsOf({ ...shape, seed }, options);
  return {
    predict: commandLine('npx', 'emotune', 'predict', '--model', run, 'What a lovely surprise!'),
    evaluate: commandLine('npx', 'emotune', 'evaluate', '--model', run, ...data),
    resume: commandLine('npx', 'emotune', 'train', '--resume', run),
  };
}
