import { ShapeError } from '../core/errors.ts';
import type { Value } from './graph.ts';
import type { Call } from './op.ts';
import { add, expandLike, reshape, sum } from './ops/index.ts';
import { Recomputation } from './recomputation.ts';
import { type Shape, sameShape, showShape } from './shape.ts';

/**
 * Reverse-mode gradients: adds to the graph ∂loss/∂w for each w of `wrt`.
 *
 * Visits only values on a path from `wrt` to the loss: what is frozen, and what lies below the lowest trained weight,
 * gets no backward nodes. Cotangents of broadcast inputs are summed back to their shape here and nowhere else. Between two
 * `checkpoint`s, what the backward pass reads is computed a second time.
 *
 * @throws ShapeError if the loss is no scalar, or a path crosses an op that has no gradient.
 */
export function grad(loss: Value, wrt: readonly Value[]): Value[] {
  if (loss.shape.length !== 0)
    throw new ShapeError(`grad: the loss must be a scalar, got ${showShape(loss.shape)} at ${loss.name}`);
  loss.graph.isDifferentiated = true;
  const onPath = pathsFrom(wrt, loss);
  const recomputation = new Recomputation(loss);
  const cotangents = new Map<Value, Value>([[loss, loss.graph.constant(1)]]);
  for (const y of [...onPath].sort((a, b) => b.id - a.id)) {
    const dy = cotangents.get(y);
    if (!dy || y.inputs.length === 0) continue;
    y.graph.scope(backwardScope(y), () => {
      for (const [x, dx] of contributions(y, { dy, onPath, read: recomputation.of(y, dy) })) {
        const before = cotangents.get(x);
        const summed = unbroadcast(dx, x.shape);
        cotangents.set(x, before ? add(before, summed) : summed);
      }
    });
  }
  return wrt.map((w) => cotangents.get(w) ?? expandLike(loss.graph.constant(0), w));
}

/** Values that depend on one of `from` and on which `to` may depend. */
function pathsFrom(from: readonly Value[], to: Value): Set<Value> {
  const found = new Set(from);
  for (const v of to.graph.values) {
    if (v.id > to.id) break;
    if (v.op.vjp !== 'not differentiable' && v.inputs.some((x) => found.has(x))) found.add(v);
  }
  return found;
}

/** @param read the value that stands for y in the backward pass: itself, or what was computed again. */
function* contributions(
  y: Value,
  { dy, onPath, read }: { readonly dy: Value; readonly onPath: ReadonlySet<Value>; readonly read: Value },
): Generator<[Value, Value]> {
  const { vjp } = y.op;
  if (vjp === 'not differentiable') return;
  const rules = vjp(read as Call, dy);
  for (const [i, x] of y.inputs.entries()) {
    const rule = rules[i];
    if (rule && onPath.has(x)) yield [x, rule()];
  }
}

function unbroadcast(dx: Value, shape: Shape): Value {
  if (sameShape(dx.shape, shape)) return dx;
  const lead = dx.shape.length - shape.length;
  const stretched = dx.shape.map((_, i) => i).filter((i) => i < lead || (shape[i - lead] === 1 && dx.shape[i] !== 1));
  return reshape(sum(dx, stretched), shape);
}

const backwardScope = (y: Value): string => (y.name.endsWith('.backward') ? y.name : `${y.name}.backward`);
