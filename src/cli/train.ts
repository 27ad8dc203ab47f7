import type { Command } from 'commander';
import { dataShape, type TrainOptions, trainSchema } from '../train/config.ts';
import { makeCommand } from './command.ts';
import { requireData } from './data-flags.ts';
import { exitCodes } from './failure.ts';
import { addFlags, argumentsOf, type Values, valuesFrom } from './flags.ts';
import { abortOnInterrupt } from './interrupt.ts';
import { printLines } from './output.ts';
import { commandLine } from './shell.ts';
import { styleFor } from './terminal.ts';
import { follow, openReporter, type ReporterOptions } from './train-reporter.ts';
import type { TrainState } from './view/train-state.ts';
import { type NextCommands, trainSummary } from './view/train-summary.ts';

type Key = keyof typeof trainSchema.shape;

/** How help groups the flags. */
export const trainFlagGroups: Readonly<Record<string, readonly Key[]>> = {
  'Model and data:': ['base', ...(Object.keys(dataShape) as Key[]), 'limit', 'maxLength'],
  'Run:': ['out', 'overwrite', 'seed', 'threads'],
  'LoRA:': ['rank', 'alpha', 'dropout', 'targetModules', 'layers', 'rankPattern', 'alphaPattern', 'rslora', 'dora'],
  'Training:': [
    'epochs',
    'batchSize',
    'accumulate',
    'microBatchTokens',
    'learningRate',
    'schedule',
    'warmup',
    'patience',
  ],
  'Optimiser:': ['optimizer', 'weightDecay', 'beta1', 'beta2', 'epsilon', 'momentum', 'maxGradNorm'],
  'Classes:': ['labelSmoothing', 'classWeights', 'balance', 'threshold'],
};

interface Given extends ReporterOptions, Readonly<Record<string, unknown>> {
  readonly config?: string;
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
      ['emotune train --config run.yaml --learning-rate 1e-3', 'settings from a file, one of them changed'],
    ],
  });
  return addFlags(command, trainSchema.shape, trainFlagGroups)
    .optionsGroup('Run:')
    .option('--config <file>', 'YAML file of these settings (keys as in the config.yaml of a run); flags override it')
    .optionsGroup('Output:')
    .option('--plain', 'lines instead of the live view (as when stderr is no terminal)')
    .option('--quiet', 'only the result')
    .option('--json', 'every event as a line of JSON, nothing else')
    .action(async (given: Given) => {
      process.exitCode = await runTrain(given);
    });
}

async function runTrain(given: Given): Promise<number> {
  const options = await trainOptions(given);
  const state = await runWatched(options, given);
  if (!given.json && state.result)
    await printLines(trainSummary(state, nextCommands(state.result.out, options), styleFor(process.stdout)));
  return state.result?.reason === 'aborted' ? exitCodes.interrupted : exitCodes.ok;
}

/** Trains, shows how it goes, and stops cleanly at Ctrl-C. */
async function runWatched(options: TrainOptions, output: ReporterOptions): Promise<TrainState> {
  const { train } = await import('../train/train.ts');
  const reporter = openReporter(output);
  const interrupt = abortOnInterrupt({ onInterrupt: reporter.stopping, onKill: reporter.close });
  try {
    return await follow(train(options, { signal: interrupt.signal }), reporter);
  } finally {
    reporter.close();
    interrupt.restore();
  }
}

async function trainOptions(given: Given): Promise<TrainOptions> {
  const { shape } = trainSchema;
  const options = { ...(await fromFile(given.config)), ...valuesFrom(shape, given) };
  return { ...options, data: requireData(options.data) };
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
  };
}
