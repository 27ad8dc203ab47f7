import type { Value } from '../graph/graph.ts';

/** One step's numbers that the graph does not know: inputs at every update. */
export type StepScalars = Readonly<Record<string, number>>;

/**
 * An update rule over the flat vector of trained values.
 *
 * `state` names vectors of the same size that start as zeros and go from step to step.
 */
export interface Optimizer {
  readonly name: string;
  readonly state: readonly string[];
  /** Inputs by name besides the learning rate, for step t = 1, 2, … */
  scalars(t: number): StepScalars;
  /** Adds one update to the graph: the new parameters and the new state. */
  update(
    parameters: Value,
    gradient: Value,
    inputs: UpdateInputs,
  ): { readonly parameters: Value; readonly state: Readonly<Record<string, Value>> };
}

export interface UpdateInputs {
  /** One for all values [], or one for each [P]. */
  readonly learningRate: Value;
  readonly state: Readonly<Record<string, Value>>;
  readonly scalars: Readonly<Record<string, Value>>;
}
