/** What a run came to, and what to do with it. */

import { NEVER } from '../../core/decision.ts';
import { formatEvaluation } from '../../metrics/format.ts';
import type { TrainPlan, TrainResult } from '../../train/events.ts';
import type { Style } from '../terminal.ts';
import { formatBytes, formatDuration, formatShare, formatWhole, plural } from './quantities.ts';
import type { TrainState } from './train-state.ts';

/** Shell commands that use the run. */
export interface NextCommands {
  readonly predict: string;
  readonly evaluate: string;
  readonly resume: string;
}

/** The test results, the cost of the run, and how to use it; nothing before the run is done. */
export function trainSummary(state: TrainState, next: NextCommands, style: Style): string[] {
  const { plan, result, test } = state;
  if (!plan || !result) return [];
  const isBaseline = plan.model !== undefined;
  const speed = isBaseline ? '' : `, ${formatWhole(result.tokensPerSecond)} tokens/s`;
  const facts: (readonly [name: string, text: string])[] = [
    ['training', `${formatDuration(result.trainingSeconds)}${speed}`],
    ['memory', `${formatBytes(result.peakMemoryBytes)} at its peak`],
    ...(isBaseline ? [] : sizeFacts(plan)),
    ...decisionFacts(plan, result),
    ['run', result.out],
  ];
  return [
    ...(test ? [style.bold(`Test split of ${plan.data}`), ...formatEvaluation(test), ''] : []),
    ...facts.map(([name, text]) => `${style.dim(name.padEnd(12))}${text}`),
    '',
    ...(result.reason === 'finished' ? [] : [...ending(state, result), '']),
    'next:',
    ...(result.reason === 'aborted' && state.checkpoint ? [`  ${style.cyan(next.resume)}`] : []),
    ...(hasLearnt(state) ? [`  ${style.cyan(next.predict)}`, `  ${style.cyan(next.evaluate)}`] : []),
  ];
}

/** How probabilities become labels, as far as that was fitted or told. */
function decisionFacts({ task, labels }: TrainPlan, { decision }: TrainResult): (readonly [string, string])[] {
  if (!decision || !task.endsWith('classification')) return [];
  const { temperature, thresholds, abstainBelow } = decision;
  const given = thresholds.map((from, k) => `${labels[k]} ${from < NEVER ? `from ${from.toFixed(2)}` : 'never'}`);
  const parts = [
    `temperature ${temperature.toFixed(2)}`,
    ...(task === 'multi_label_classification' ? given : []),
    ...(abstainBelow === undefined
      ? []
      : [abstainBelow < NEVER ? `no label below ${abstainBelow.toFixed(2)}` : 'no label at all']),
  ];
  return [['decisions', parts.join(', ')]];
}

function sizeFacts({
  parameters: { trained, total },
  truncated,
}: TrainPlan): (readonly [name: string, text: string])[] {
  return [
    ['parameters', `${formatWhole(trained)} trained of ${formatWhole(total)} (${formatShare(trained, total)})`],
    ['texts cut', truncated === 0 ? 'none' : `${plural(truncated, 'text')} longer than the maximum length`],
  ];
}

/** Whether the run holds a model. */
const hasLearnt = ({ last, test }: TrainState): boolean => last !== undefined || test !== undefined;

/** Why the run ended before its last step, and what it holds now. */
function ending(state: TrainState, { reason, bestEpoch }: TrainResult): string[] {
  const holds =
    bestEpoch === undefined ? 'the weights of its last step' : `the weights of its best epoch, ${bestEpoch}`;
  if (reason === 'early stopping') return [`Stopped early: no better validation score. The run holds ${holds}.`];
  const { last, plan } = state;
  if (!hasLearnt(state)) return ['Stopped before the first step: nothing is trained yet.'];
  return [`Stopped at step ${last?.step} of ${plan?.steps}. The run is usable: it holds ${holds}.`];
}
