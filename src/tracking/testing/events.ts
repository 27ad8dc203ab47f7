/** Events as a run yields them, for tests that train nothing. */
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TrainEvent, TrainPlan } from '../../train/events.ts';

export type StepEvent = Extract<TrainEvent, { readonly type: 'step' }>;

/** A plan of two epochs. */
const planOf = (out: string, steps = 8): TrainPlan => ({
  out,
  base: 'nano',
  data: 'posts',
  task: 'single_label_classification',
  labels: ['anger', 'joy'],
  examples: { train: 32, validation: 4, test: 4 },
  truncated: 0,
  steps,
  epochs: 2,
  learningRate: 0.01,
  parameters: { trained: 10, total: 100 },
  dataReport: [],
});

export const stepEvent = (step: number, changes: Partial<StepEvent> = {}): StepEvent => ({
  type: 'step',
  step,
  epoch: step / 4,
  loss: 1 / step,
  learningRate: 0.01,
  gradNorm: 2,
  tokens: 50,
  seconds: 0.5,
  ...changes,
});

export function evaluated(split: 'validation' | 'test', epoch: number, macroF1: number | null = 0.5): TrainEvent {
  const metrics = { macroF1: { value: macroF1 }, accuracy: { value: 0.75 } };
  const evaluation = { task: 'single_label_classification', n: 4, metrics, perLabel: [] } as const;
  return { type: 'evaluated', split, epoch, best: true, evaluation };
}

export const done = (out: string, reason: 'finished' | 'early stopping' | 'aborted' = 'finished'): TrainEvent => ({
  type: 'done',
  reason,
  out,
  bestEpoch: 2,
  validation: undefined,
  test: undefined,
  trainingSeconds: 4,
  tokensPerSecond: 100,
  peakMemoryBytes: 1,
});

/** All events of a run of `steps` steps after `started`. */
export function courseOf(out: string, steps = 8): TrainEvent[] {
  const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => stepEvent(from + i + 1));
  return [
    ...range(0, steps / 2),
    evaluated('validation', 1),
    { type: 'checkpoint', path: out, step: steps / 2 },
    ...range(steps / 2, steps),
    evaluated('validation', 2),
    evaluated('test', 2),
    done(out),
  ];
}

const startedIn = (out: string): TrainEvent => ({ type: 'started', ...planOf(out) });

/** Begins a run's folder. */
export function startRun(out: string, config = 'epochs: 2\ntrack:\n  - mlflow\n'): TrainEvent {
  const started = startedIn(out);
  mkdirSync(out, { recursive: true });
  writeFileSync(join(out, 'config.yaml'), config);
  writeFileSync(join(out, 'metrics.jsonl'), '');
  record(out, [started]);
  return started;
}

/** Adds to a run's metrics. */
const record = (out: string, events: readonly TrainEvent[]): void =>
  appendFileSync(join(out, 'metrics.jsonl'), events.map((event) => `${JSON.stringify(event)}\n`).join(''));

/** Events as `train` yields them: each is in the run's metrics before it is seen. */
export async function* live(out: string, events: readonly TrainEvent[]): AsyncGenerator<TrainEvent, void> {
  for (const event of events) {
    if (event.type !== 'started') record(out, [event]);
    yield event;
  }
}

/**
 * Goes back to a checkpoint, as `resume` does: only the first `events` of the course stay in the run's metrics.
 *
 * @returns the events with which the run goes on; the first is in its metrics already.
 */
export function goBack(out: string, events: number): TrainEvent[] {
  const course = courseOf(out);
  writeFileSync(join(out, 'metrics.jsonl'), '');
  record(out, [startedIn(out), ...course.slice(0, events)]);
  return [startedIn(out), ...course.slice(events)];
}
