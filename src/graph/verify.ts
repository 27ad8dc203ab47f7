import { internal } from '../core/errors.ts';
import type { Graph } from './graph.ts';
import { sameShape, showType } from './shape.ts';

/** Checks a graph's invariants, as after every pass that builds one. A failure is a bug of ours. */
export function verify(graph: Graph): void {
  const names = new Set<string>();
  for (const [id, v] of graph.values.entries()) {
    if (v.id !== id || v.graph !== graph) internal(`${v.name} stands at ${id} and calls itself ${v.id}`);
    if (names.has(v.name)) internal(`two values are called ${v.name}`);
    names.add(v.name);
    for (const x of v.inputs)
      if (graph.values[x.id] !== x || x.id >= id) internal(`${v.name} reads ${x.name}, which does not come before it`);
    const again = v.op.infer(v.inputs, v.attrs);
    if (again.dtype !== v.dtype || !sameShape(again.shape, v.shape))
      internal(`${v.name} is ${showType(v)}, inferred ${showType(again)}`);
  }
  if (graph.outputs.size === 0) internal('a graph without outputs');
  for (const [name, v] of graph.outputs) if (graph.values[v.id] !== v) internal(`output ${name} is of another graph`);
}
