import type { Graph, Value } from './graph.ts';
import { showType } from './shape.ts';

/** One line per value: `%4 float32[N, 32] = matmul(%2, %3) {transB: true}   # model.layers.0…`. */
export function printGraph(graph: Graph): string {
  const lines = graph.values.map(
    (v) =>
      `%${v.id} ${showType(v)} = ${v.op.name}(${v.inputs.map((x) => `%${x.id}`).join(', ')})${showAttrs(v)}   # ${v.name}`,
  );
  const outputs = [...graph.outputs].map(([name, v]) => `${name}: %${v.id}`);
  return [...lines, `return ${outputs.join(', ')}`].join('\n');
}

function showAttrs({ attrs }: Value): string {
  const entries = Object.entries(attrs);
  if (entries.length === 0) return '';
  const show = (v: unknown) => (Array.isArray(v) && v.length > 8 ? `[${v.length} values]` : JSON.stringify(v));
  return ` {${entries.map(([key, v]) => `${key}: ${show(v)}`).join(', ')}}`;
}
