/** What is known of a run so far, from its events alone. */
import type { Evaluation } from '../../metrics/evaluate.ts';
import type { TrainEvent, TrainPlan, TrainResult } from '../../train/events.ts';

type Of<T extends TrainEvent['type']> = Extract<TrainEvent, { readonly type: T }>;

/** A validation result. */
export interface EpochScore {
  readonly epoch: number;
  readonly best: boolean;
  readonly evaluation: Evaluation;
}

export interface TrainState {
  readonly plan: TrainPlan | undefined;
  readonly last: Of<'step'> | undefined;
  /** Smoothed loss after the last step. */
  readonly loss: number | undefined;
  /** The smoothed loss over the run, at most {@link curvePoints} values evenly spread. */
  readonly curve: readonly number[];
  /** Tokens and seconds of the latest steps, for the current speed. */
  readonly recent: readonly { readonly tokens: number; readonly seconds: number }[];
  readonly validations: readonly EpochScore[];
  readonly test: Evaluation | undefined;
  readonly result: TrainResult | undefined;
  /** What an interrupted run could go on from. */
  readonly checkpoint: Of<'checkpoint' | 'resumed'> | undefined;
}

export const initialState: TrainState = {
  plan: undefined,
  last: undefined,
  loss: undefined,
  curve: [],
  recent: [],
  validations: [],
  test: undefined,
  result: undefined,
  checkpoint: undefined,
};

/** Share of the old value that a step leaves of the smoothed loss, once there are enough steps. */
const smoothing = 0.95;
const recentSteps = 30;

/** The state after an event. */
export function advance(state: TrainState, event: TrainEvent): TrainState {
  switch (event.type) {
    case 'started':
      return { ...state, plan: event };
    case 'step':
      return afterStep(state, event);
    case 'evaluated':
      return event.split === 'test'
        ? { ...state, test: event.evaluation }
        : { ...state, validations: [...state.validations, event] };
    case 'done':
      return { ...state, result: event };
    case 'resumed':
    case 'checkpoint':
      return { ...state, checkpoint: event };
    case 'saved':
    case 'warning':
      return state;
  }
}

/** Values the curve has when the run is done. */
export const curvePoints = ({ steps }: TrainPlan): number => Math.min(steps, maxPoints);
const maxPoints = 1000;

function afterStep(state: TrainState, event: Of<'step'>): TrainState {
  const { step, tokens, seconds } = event;
  const loss = smoothed(state.loss, event);
  const points = state.plan ? Math.max(1, Math.ceil((step * curvePoints(state.plan)) / state.plan.steps)) : step;
  return {
    ...state,
    last: event,
    loss,
    curve: [...state.curve.slice(0, points - 1), loss],
    recent: [...state.recent.slice(1 - recentSteps), { tokens, seconds }],
  };
}

/** An average over all steps at first, over the latest twenty or so later. */
function smoothed(before: number | undefined, { loss, step }: Of<'step'>): number {
  const keep = Math.min(smoothing, (step - 1) / step);
  return before === undefined ? loss : keep * before + (1 - keep) * loss;
}

export interface Speed {
  readonly tokensPerSecond: number;
  readonly secondsPerStep: number;
}

/** Of the latest steps; undefined before the first. */
export function speed({ recent }: TrainState): Speed | undefined {
  if (recent.length === 0) return undefined;
  const tokens = recent.reduce((sum, step) => sum + step.tokens, 0);
  const seconds = recent.reduce((sum, step) => sum + step.seconds, 0);
  return { tokensPerSecond: seconds > 0 ? tokens / seconds : 0, secondsPerStep: seconds / recent.length };
}

/** Seconds of training left at the current speed. */
export function secondsLeft(state: TrainState): number | undefined {
  const now = speed(state);
  if (!now || !state.plan || !state.last) return undefined;
  return (state.plan.steps - state.last.step) * now.secondsPerStep;
}
