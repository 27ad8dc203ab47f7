import type { TrainEvent, TrainPlan } from '../train/events.ts';

/** The numbers of an event by their names, and where they lie on the axis of steps. */
export interface Point {
  readonly step: number;
  readonly scalars: ReadonlyMap<string, number>;
}

/**
 * What is drawn of an event: the numbers of a step under `train/`, the scores of an evaluation under its split's name.
 * A score lies where the epoch ended whose weights it judges. Under each name, steps only grow in the course of a run.
 *
 * @returns undefined if there is nothing to draw. A score that is not defined is left out.
 */
export function pointOf(event: TrainEvent, plan: Pick<TrainPlan, 'steps' | 'epochs'>): Point | undefined {
  if (event.type === 'step') {
    const { step, loss, learningRate, gradNorm, tokens, seconds, epoch } = event;
    return point(step, {
      'train/loss': loss,
      'train/learning_rate': learningRate,
      'train/grad_norm': gradNorm,
      'train/tokens_per_second': seconds > 0 ? tokens / seconds : null,
      'train/epoch': epoch,
    });
  }
  if (event.type === 'evaluated') {
    const { split, epoch, evaluation } = event;
    const scores = Object.entries(evaluation.metrics).map(([name, { value }]) => [`${split}/${name}`, value] as const);
    return point(Math.round((epoch * plan.steps) / plan.epochs), Object.fromEntries(scores));
  }
  return undefined;
}

/** What is no number in metrics.jsonl is null there. */
const point = (step: number, values: Readonly<Record<string, number | null>>): Point => ({
  step,
  scalars: new Map(Object.entries(values).filter((entry): entry is [string, number] => entry[1] !== null)),
});
