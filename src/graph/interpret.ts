import { ConfigError, internal } from '../core/errors.ts';
import { ancestors, type Graph, type Value } from './graph.ts';
import type { Call, InterpreterEnv, NdArray } from './op.ts';

/**
 * Evaluates a graph's values in float64: the reference the runtime and the gradients are checked against.
 *
 * @param feeds an array for each input and parameter by name; symbolic dimensions take their size from them.
 */
export function interpret(graph: Graph, wanted: readonly Value[], feeds: Readonly<Record<string, NdArray>>): NdArray[] {
  const symbols = bindSymbols(graph, feeds);
  const env: InterpreterEnv = {
    feed: (name) => feeds[name] ?? missing(`no array is given for '${name}'`),
    bind: (symbol) => symbols.get(symbol) ?? missing(`dimension '${symbol}' is bound by no input`),
  };
  const results = new Map<number, NdArray>();
  const last = Math.max(...wanted.map((v) => v.id));
  const needed = ancestors(wanted);
  for (const v of graph.values) {
    if (v.id > last) break;
    if (!needed.has(v)) continue;
    const inputs = v.inputs.map((x) => results.get(x.id) ?? internal(`${x.name} was not computed`));
    results.set(v.id, v.op.interpret(inputs, v as Call, env));
  }
  return wanted.map((v) => results.get(v.id)!);
}

function bindSymbols(graph: Graph, feeds: Readonly<Record<string, NdArray>>): Map<string, number> {
  const symbols = new Map<string, number>();
  for (const [name, { shape }] of graph.inputs) {
    for (const [axis, dim] of shape.entries()) {
      const size = feeds[name]?.shape[axis];
      if (size === undefined) continue;
      const before = typeof dim === 'string' ? (symbols.get(dim) ?? size) : dim;
      if (before !== size) throw new ConfigError(`input '${name}': dimension ${dim} is ${before} and ${size}`);
      if (typeof dim === 'string') symbols.set(dim, size);
    }
  }
  return symbols;
}

function missing(message: string): never {
  throw new ConfigError(`interpret: ${message}`);
}
