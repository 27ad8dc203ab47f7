/** A running training as plain lines, for logs. */
import type { TrainEvent } from '../../train/events.ts';
import { formatBytes, formatDuration, formatRate, formatWhole } from './quantities.ts';
import { headlines } from './score-table.ts';
import { secondsLeft, speed, type TrainState } from './train-state.ts';

/** `step 40/396  epoch 0.61  loss 1.833  lr 7.5e-4  3,120 tokens/s  left 1:40 min` */
export function stepLine(state: TrainState): string {
  const { plan, last, loss } = state;
  const now = speed(state);
  const left = secondsLeft(state);
  if (!plan || !last || !now || loss === undefined || left === undefined) return '';
  return [
    `step ${String(last.step).padStart(String(plan.steps).length)}/${plan.steps}`,
    `epoch ${last.epoch.toFixed(2)}`,
    `loss ${loss.toFixed(3)}`,
    `lr ${formatRate(last.learningRate)}`,
    `${formatWhole(now.tokensPerSecond)} tokens/s`,
    `left ${formatDuration(left)}`,
  ].join('  ');
}

/** `validation after epoch 1: macroF1 0.4210, accuracy 0.4318 (best so far)` */
export function evaluationLine(event: Extract<TrainEvent, { type: 'evaluated' }>): string {
  const scores = headlines(event.evaluation).map(([name, value]) => `${name} ${value}`);
  return `${event.split} after epoch ${event.epoch}: ${scores.join(', ')}${event.best && event.split === 'validation' ? ' (best so far)' : ''}`;
}

/** What a person should know besides the numbers: warnings, and from where an interrupted run goes on. */
export function noticeLines(event: TrainEvent): string[] {
  if (event.type === 'warning') return [`warning: ${event.message}`];
  if (event.type !== 'resumed') return [];
  return [`going on after step ${event.step}, from ${event.path}`, ...event.notes.map((note) => `note: ${note}`)];
}

/** The frozen layers on their way into the cache. */
export const cachingLine = (doneTokens: number, totalTokens: number): string =>
  `computing the frozen layers: ${formatWhole(doneTokens)} of ${formatWhole(totalTokens)} tokens`;

/** A base on its way from the Hub. */
export const fetchingLine = (doneBytes: number, totalBytes: number): string =>
  `fetching the base: ${formatBytes(doneBytes)} of ${formatBytes(totalBytes)}`;

/** A base's weights on their way into a narrower precision. */
export const roundingLine = (doneBytes: number, totalBytes: number): string =>
  `rounding the base's weights: ${formatBytes(doneBytes)} of ${formatBytes(totalBytes)}`;
