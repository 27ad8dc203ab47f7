import type { Value } from './graph.ts';
import { after, isCheckpoint } from './ops/index.ts';

/** What lies between two checkpoints of a forward pass. */
interface Segment {
  readonly start: Value;
  readonly end: Value;
  /** Values of the segment that nothing beyond it reads, and what stands for them in the backward pass. */
  readonly again: Map<Value, Value | undefined>;
  /** The cotangent of its end, once it is known. */
  cotangent?: Value;
}

/**
 * The values that the backward pass reads in place of those of the forward pass. Between two checkpoints they are made a second
 * time, of the first checkpoint and the graph's inputs, once the cotangent of the second is there; what lies beyond the last checkpoint is
 * kept, for the backward pass begins with it. So is what parts share, such as tables of sines.
 */
export class Recomputation {
  readonly #segments: readonly Segment[];

  /** @param loss the end of the forward pass: the backward one is not built yet. */
  constructor(loss: Value) {
    const forward = loss.graph.values.slice(0, loss.id + 1);
    const kept = forward.filter(isCheckpoint);
    this.#segments = kept.slice(1).map((end, i) => segment(kept[i]!, end, forward));
  }

  /** What stands for y in the backward pass, whose cotangent is dy. The values of a segment must be asked for from its end. */
  of(y: Value, dy: Value): Value {
    const found = this.#segments.find(({ again }) => again.has(y));
    if (!found) return y;
    found.cotangent ??= dy;
    return made(y, { ...found, cotangent: found.cotangent });
  }
}

function segment(start: Value, end: Value, forward: readonly Value[]): Segment {
  const inside = forward.slice(start.id + 1, end.id).filter(({ inputs }) => inputs.length > 0);
  const readBeyond = new Set(forward.slice(end.id + 1).flatMap(({ inputs }) => inputs));
  return { start, end, again: new Map(inside.filter((v) => !readBeyond.has(v)).map((v) => [v, undefined])) };
}

/** What the segment is made of comes after its cotangent: nothing is computed before it is needed. */
function made(v: Value, part: Required<Segment>): Value {
  const known = part.again.get(v);
  if (known) return known;
  const inputs = v.inputs.map((x) => {
    if (part.again.has(x)) return made(x, part);
    return isGiven(x, part) ? after(x, part.cotangent) : x;
  });
  const value = v.graph.scope(`${v.name}.again`, () => v.graph.apply(v.op, inputs, v.attrs));
  part.again.set(v, value);
  return value;
}

/** What a segment is made of, apart from constants and weights. */
const isGiven = (x: Value, { start }: Segment): boolean => x === start || x.op.name === 'input';
