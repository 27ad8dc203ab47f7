import { availableParallelism, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { ConfigError } from '../../src/core/errors.ts';
import { type Provider, providers } from '../../src/runtime/provider.ts';
import { parseTrainConfig } from '../../src/train/config.ts';
import { figures } from './figures.ts';
import type { Measurement } from './plan.ts';
import { type ShapeName, shapeNames } from './shapes.ts';

const measurements = Object.keys(figures) as Measurement[];
const defaults = parseTrainConfig({ data: 'social-posts' });

/** What a bench is asked for. */
export interface BenchOptions {
  readonly shapes: readonly ShapeName[];
  readonly measurements: readonly Measurement[];
  /** Precisions of ours; with `:checkpointed` after it, with gradient checkpointing. */
  readonly ours: readonly string[];
  /** Precisions of PyTorch, in the same way. */
  readonly theirs: readonly string[];
  /** What computes ours; PyTorch takes CUDA where it is a GPU. */
  readonly device: Provider;
  readonly python: string;
  readonly data: string;
  readonly rounds: number;
  readonly threads: number;
  readonly microBatchTokens: number;
  readonly targetF1: number;
  readonly learning: { readonly steps: number; readonly every: number; readonly texts: number; readonly rate: number };
  readonly timeoutMinutes: number;
  readonly quick: boolean;
  /** Folder of checkpoints and working files. */
  readonly work: string;
  /** Of the results; the table lies beside it. */
  readonly out: string;
}

/** @throws ConfigError for a name or number that cannot be used. */
export function readOptions(args: readonly string[]): BenchOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      shapes: { type: 'string', default: 'nano,12x768' },
      figures: { type: 'string', default: measurements.join() },
      ours: { type: 'string', default: 'fp32' },
      theirs: { type: 'string', default: 'fp32,bf16' },
      device: { type: 'string', default: 'cpu' },
      python: { type: 'string', default: 'python3' },
      data: { type: 'string', default: 'social-posts' },
      rounds: { type: 'string' },
      threads: { type: 'string', default: `${availableParallelism()}` },
      'micro-batch-tokens': { type: 'string', default: `${defaults.microBatchTokens}` },
      'target-f1': { type: 'string', default: '0.4' },
      'f1-steps': { type: 'string' },
      'learning-rate': { type: 'string', default: '1e-3' },
      timeout: { type: 'string', default: '60' },
      quick: { type: 'boolean', default: false },
      work: { type: 'string', default: join(tmpdir(), 'emotune-bench') },
      out: { type: 'string', default: 'bench.json' },
    },
  });
  const { quick, python, data, work, out } = values;
  const steps = positive('f1-steps', values['f1-steps'] ?? (quick ? '100' : '1000'));
  return {
    shapes: named('shapes', values.shapes, shapeNames),
    measurements: named('figures', values.figures, measurements),
    ours: values.ours.split(','),
    theirs: named('theirs', values.theirs, ['fp32', 'bf16', 'fp32:checkpointed', 'bf16:checkpointed']),
    device: named('device', values.device, providers)[0]!,
    python,
    data,
    rounds: positive('rounds', values.rounds ?? (quick ? '1' : '5')),
    threads: positive('threads', values.threads),
    microBatchTokens: positive('micro-batch-tokens', values['micro-batch-tokens']),
    targetF1: positive('target-f1', values['target-f1']),
    learning: {
      steps,
      every: Math.ceil(steps / 20),
      texts: quick ? 256 : 2000,
      rate: positive('learning-rate', values['learning-rate']),
    },
    timeoutMinutes: positive('timeout', values.timeout),
    quick,
    work: resolve(work),
    out,
  };
}

function named<T extends string>(flag: string, list: string, known: readonly T[]): T[] {
  const names = list.split(',');
  const unknown = names.filter((name) => !(known as readonly string[]).includes(name));
  if (unknown.length > 0) throw new ConfigError(`--${flag}: ${unknown.join(', ')}: there are ${known.join(', ')}`);
  return names as T[];
}

function positive(flag: string, text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new ConfigError(`--${flag} ${text}: give a positive number`);
  return value;
}
