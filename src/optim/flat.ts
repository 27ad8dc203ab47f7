import { internal } from '../core/errors.ts';
import { float32, sizeOf, type Tensor } from '../core/tensor.ts';
import type { Graph, Value } from '../graph/graph.ts';
import { add, concat, reshape } from '../graph/ops/index.ts';
import type { ParameterSource } from '../onnx/emit.ts';

/** Name of the input that holds every trained value. */
export const FLAT = 'parameters';
/** Name of the input that holds every frozen value that no checkpoint has. */
export const FROZEN = 'frozen';

/**
 * The trained tensors laid end to end in one vector: one input, one gradient and one update however many there are.
 */
export interface FlatLayout {
  readonly size: number;
  readonly parts: ReadonlyMap<string, FlatPart>;
}
export interface FlatPart {
  readonly shape: readonly number[];
  readonly offset: number;
}

/** Lays out parameters of a graph in its order. */
export function flatLayout(parameters: Iterable<Value>): FlatLayout {
  const parts = new Map<string, FlatPart>();
  let size = 0;
  for (const { attrs, shape } of parameters) {
    const { name } = attrs as { readonly name: string };
    const fixedShape = shape.map(Number);
    parts.set(name, { shape: fixedShape, offset: size });
    size += sizeOf(fixedShape);
  }
  return { size, parts };
}

/** Where the runtime finds a parameter inside a flat vector: that of the trained ones, or another. */
export function flatSource({ parts, size }: FlatLayout, name: string, input = FLAT): ParameterSource | undefined {
  const part = parts.get(name);
  return part && { kind: 'flat', input, offset: part.offset, size };
}

/** Copies tensors into one vector. */
export function pack(layout: FlatLayout, tensorOf: (name: string) => Tensor): Tensor {
  const flat = new Float32Array(layout.size);
  for (const [name, { shape, offset }] of layout.parts) {
    const { data, shape: given } = tensorOf(name);
    if (given.join() !== shape.join()) internal(`${name} is [${given}], laid out as [${shape}]`);
    flat.set(data, offset);
  }
  return float32(flat);
}

/** Copies the tensors out of the vector. */
export function unpack(layout: FlatLayout, flat: Tensor): Map<string, Tensor> {
  const data = flat.data as Float32Array<ArrayBuffer>;
  return new Map(
    Array.from(layout.parts, ([name, { shape, offset }]) => [
      name,
      float32(data.slice(offset, offset + sizeOf(shape)), shape),
    ]),
  );
}

/** Adds gradients, in the layout's order, to a vector given as an input: the sum over micro-batches so far. */
export function accumulate(graph: Graph, layout: FlatLayout, gradients: readonly Value[]): Value {
  const sizes = [...layout.parts.values()].map(({ shape }) => sizeOf(shape));
  return add(
    graph.input('gradient', 'float32', [layout.size]),
    concat(
      gradients.map((g, i) => reshape(g, [sizes[i]!])),
      0,
    ),
  );
}
