/** A vector that is not changed. */
type Vector = Float64Array;

export interface SystemOptions {
  /** Writes A v to `out`. A is symmetric and positive definite where it matters. */
  readonly multiply: (v: Vector, out: Vector) => void;
  /** The diagonal of A, or near it. */
  readonly diagonal: Vector;
  /** Ends once ‖A x − b‖ ≤ tolerance · ‖b‖. */
  readonly tolerance: number;
  readonly maxSteps: number;
}

/**
 * Solves A x = b from x = 0 by conjugate gradients, preconditioned with the diagonal.
 *
 * @see Hestenes & Stiefel 1952; Nocedal & Wright, Numerical Optimization, algorithm 5.3.
 */
export function solveSystem(b: Vector, { multiply, diagonal, tolerance, maxSteps }: SystemOptions): Float64Array {
  const x = new Float64Array(b.length);
  const residual = b.slice();
  const scaled = residual.map((r, j) => r / diagonal[j]!);
  const direction = scaled.slice();
  const image = new Float64Array(b.length);
  const enough = tolerance * Math.sqrt(dot(b, b));
  let slope = dot(residual, scaled);
  for (let step = 0; step < maxSteps && Math.sqrt(dot(residual, residual)) > enough; step++) {
    multiply(direction, image);
    const curvature = dot(direction, image);
    if (!(curvature > 0)) break;
    addScaled(x, slope / curvature, direction);
    addScaled(residual, -slope / curvature, image);
    for (let j = 0; j < scaled.length; j++) scaled[j] = residual[j]! / diagonal[j]!;
    const next = dot(residual, scaled);
    for (let j = 0; j < direction.length; j++) direction[j] = scaled[j]! + (next / slope) * direction[j]!;
    slope = next;
  }
  return x;
}

export function dot(a: Vector, b: Vector): number {
  let sum = 0;
  for (let j = 0; j < a.length; j++) sum += a[j]! * b[j]!;
  return sum;
}

/** x += factor · v */
export function addScaled(x: Float64Array, factor: number, v: Vector): void {
  for (let j = 0; j < x.length; j++) x[j]! += factor * v[j]!;
}
