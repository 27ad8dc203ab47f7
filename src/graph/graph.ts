import { ShapeError } from '../core/errors.ts';
import type { Op } from './op.ts';
import { constantOp, inputOp, parameterOp } from './ops/leaf.ts';
import { type DType, type Shape, showType, type TensorType } from './shape.ts';

/** A tensor in a graph: the result of one op on other values. Immutable. */
export interface Value extends TensorType {
  readonly graph: Graph;
  /** Position in the graph: inputs always have smaller ones. */
  readonly id: number;
  readonly op: Op;
  readonly inputs: readonly Value[];
  readonly attrs: object;
  /** Where it was made: `model.layers.0.self_attn.q_proj/matmul`. */
  readonly name: string;
}

/**
 * A computation under construction: values in topological order, named inputs, parameters and outputs.
 *
 * Values are hash-consed: the same op on the same inputs with the same attributes is the same value, so nothing is
 * computed twice, not even between forward and backward. The scope path names nodes, parameters and errors alike.
 */
export class Graph {
  readonly values: Value[] = [];
  readonly inputs = new Map<string, Value>();
  readonly parameters = new Map<string, Value>();
  readonly outputs = new Map<string, Value>();
  /** Whether some of it is a backward pass. */
  isDifferentiated = false;
  #path: readonly string[] = [];
  readonly #known = new Map<string, Value>();
  readonly #names = new Map<string, number>();

  /** The current scope: `model.layers.0.self_attn`. */
  get path(): string {
    return this.#path.join('.');
  }

  /** Builds within a named part of the model. */
  scope<T>(name: string, build: () => T): T {
    const outer = this.#path;
    this.#path = [...outer, name];
    try {
      return build();
    } finally {
      this.#path = outer;
    }
  }

  /** A tensor given anew at every run. */
  input(name: string, dtype: DType, shape: Shape): Value {
    return this.#named(this.inputs, name, this.apply(inputOp, [], { name, dtype, shape }));
  }

  /** A weight, frozen or trained, called as in the checkpoint: the scope path and `name`. Asking twice gives the same value. */
  parameter(name: string, shape: readonly number[], dtype: DType = 'float32'): Value {
    return this.parameterAt(this.path ? `${this.path}.${name}` : name, shape, dtype);
  }

  /** A weight by its whole name, wherever the current scope is. */
  parameterAt(name: string, shape: readonly number[], dtype: DType = 'float32'): Value {
    return this.#named(this.parameters, name, this.apply(parameterOp, [], { name, shape, dtype }));
  }

  /** Asking again for a name gives the same value, and must be for the same type. */
  #named(values: Map<string, Value>, name: string, value: Value): Value {
    const before = values.get(name);
    if (before && before !== value)
      throw new ShapeError(`'${name}' was ${showType(before)} and now is ${showType(value)}`);
    values.set(name, value);
    return value;
  }

  /** A tensor known when the graph is built. A number makes a scalar. */
  constant(data: number | readonly number[], options: { dtype?: DType; shape?: readonly number[] } = {}): Value {
    const list = typeof data === 'number' ? [data] : data;
    if (!list.every(Number.isFinite)) throw new ShapeError('constant: every value must be finite');
    const shape = options.shape ?? (typeof data === 'number' ? [] : [list.length]);
    return this.apply(constantOp, [], { data: list, dtype: options.dtype ?? 'float32', shape });
  }

  output(name: string, value: Value): void {
    if (this.outputs.has(name)) throw new ShapeError(`output '${name}' is declared twice`);
    this.outputs.set(name, value);
  }

  /** Adds the result of an op, or finds it. Shape errors are completed with the place they happened. */
  apply<Attrs extends object>(op: Op<Attrs>, inputs: readonly Value[], attrs: Attrs): Value {
    const key = `${op.name}(${inputs.map((v) => v.id).join(',')})${JSON.stringify(attrs)}`;
    const known = this.#known.get(key);
    if (known) return known;
    const place = this.path ? `${this.path}/${op.name}` : op.name;
    for (const v of inputs)
      if (v.graph !== this) throw new ShapeError(`${op.name}: ${v.name} belongs to another graph, at ${place}`);
    const value: Value = {
      ...inferAt(op, inputs, attrs, place),
      graph: this,
      id: this.values.length,
      op: op as Op,
      inputs,
      attrs,
      name: this.#unique(place),
    };
    this.values.push(value);
    this.#known.set(key, value);
    return value;
  }

  #unique(place: string): string {
    const n = this.#names.get(place) ?? 0;
    this.#names.set(place, n + 1);
    return n === 0 ? place : `${place}_${n}`;
  }
}

/** The values that `wanted` are computed from, and they themselves. */
export function ancestors(wanted: Iterable<Value>, inputsOf = (v: Value): readonly Value[] => v.inputs): Set<Value> {
  const found = new Set<Value>();
  const pending = [...wanted];
  for (let v = pending.pop(); v; v = pending.pop()) {
    if (found.has(v)) continue;
    found.add(v);
    pending.push(...inputsOf(v));
  }
  return found;
}

function inferAt<Attrs extends object>(
  op: Op<Attrs>,
  inputs: readonly Value[],
  attrs: Attrs,
  place: string,
): TensorType {
  try {
    const { dtype, shape } = op.infer(inputs, attrs);
    return { dtype, shape };
  } catch (error) {
    if (error instanceof ShapeError) throw new ShapeError(`${op.name}: ${error.message}, at ${place}`);
    throw error;
  }
}
