import { addScaled, dot, solveSystem } from './conjugate-gradient.ts';

/** A smooth convex function. */
export interface Objective {
  /** Where the search begins. */
  readonly start: Float64Array;
  /** The value at x; writes the gradient there. */
  evaluate(x: Float64Array, gradient: Float64Array): number;
  /** Writes H v to `out`, H being the second derivatives where it was evaluated last. */
  curve(v: Float64Array, out: Float64Array): void;
  /** The diagonal of H, where it was evaluated last. */
  diagonal(): Float64Array;
}

const MAX_STEPS = 100;
/** How exactly each system is solved: what may be left of its right-hand side. */
const FORCING = 0.25;
/** What part of the decrease that the slope promises a step must bring (Armijo's condition). */
const SUFFICIENT = 1e-4;
const SHORTEST_STEP = 1e-10;

/**
 * The minimum of a convex function by Newton's method: each system is solved by conjugate gradients,
 * roughly, and steps are halved until they help.
 *
 * @param tolerance ends once no part of the gradient is larger.
 * @see Nocedal & Wright, Numerical Optimization, algorithm 7.1 (line search Newton-CG).
 */
export function minimize(objective: Objective, tolerance: number): Float64Array {
  let x = objective.start;
  let gradient: Float64Array = new Float64Array(x.length);
  let value = objective.evaluate(x, gradient);
  for (let step = 0; step < MAX_STEPS && largest(gradient) > tolerance; step++) {
    const direction = solveSystem(
      gradient.map((g) => -g),
      {
        multiply: (v, out) => objective.curve(v, out),
        diagonal: objective.diagonal(),
        tolerance: FORCING,
        maxSteps: 200,
      },
    );
    const next = descend(objective, { x, value, direction, slope: dot(gradient, direction) });
    if (!next) break; // as exact as the numbers are
    ({ x, gradient, value } = next);
  }
  return x;
}

interface Place {
  readonly x: Float64Array;
  readonly value: number;
  readonly gradient: Float64Array;
}

function descend(
  objective: Objective,
  {
    x,
    value,
    direction,
    slope,
  }: Omit<Place, 'gradient'> & { readonly direction: Float64Array; readonly slope: number },
): Place | undefined {
  const gradient = new Float64Array(x.length);
  for (let length = 1; length >= SHORTEST_STEP; length /= 2) {
    const next = x.slice();
    addScaled(next, length, direction);
    const reached = objective.evaluate(next, gradient);
    if (reached <= value + SUFFICIENT * length * slope) return { x: next, value: reached, gradient };
  }
  return undefined;
}

const largest = (vector: Float64Array): number => vector.reduce((most, g) => Math.max(most, Math.abs(g)), 0);
