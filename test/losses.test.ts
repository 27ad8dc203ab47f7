import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { grad } from '../src/graph/grad.ts';
import { Graph, type Value } from '../src/graph/graph.ts';
import { interpret } from '../src/graph/interpret.ts';
import type { NdArray } from '../src/graph/op.ts';
import { cumulativeLogits } from '../src/models/heads.ts';
import { binaryCrossEntropy, focalBinaryCrossEntropy, focalCrossEntropy, type LossScale } from '../src/nn/losses.ts';

interface Case {
  readonly name: string;
  readonly kind: 'focalCrossEntropy' | 'focalBinaryCrossEntropy' | 'cumulativeLink';
  readonly logits: number[][];
  readonly truth: number[][];
  readonly cutpoints?: number[][];
  readonly options: { readonly gamma: number; readonly posWeight?: number[] };
  readonly loss: number;
  readonly gradients: number[][][];
}

const { weights, divisor, cases } = JSON.parse(
  readFileSync(new URL('fixtures/losses.json', import.meta.url), 'utf8'),
) as { readonly weights: number[]; readonly divisor: number; readonly cases: Case[] };

const array = (rows: readonly (readonly number[])[]): NdArray => ({
  shape: [rows.length, rows[0]!.length],
  data: Float64Array.from(rows.flat()),
});

/** The loss of a case, and what it is to be differentiated by. */
function build({ kind, options, ...c }: Case): { graph: Graph; loss: Value; leaves: Value[]; targets: number[][] } {
  const graph = new Graph();
  const shape = array(c.logits).shape;
  const scale: LossScale = {
    weights: graph.input('weights', 'float32', [shape[0]!, 1]),
    divisor: graph.input('divisor', 'float32', []),
  };
  const logits = graph.input('logits', 'float32', shape);
  if (kind !== 'cumulativeLink') {
    const targets = graph.input('targets', 'float32', shape);
    const losses = { focalCrossEntropy, focalBinaryCrossEntropy };
    return { graph, loss: losses[kind](logits, targets, { ...scale, ...options }), leaves: [logits], targets: c.truth };
  }
  const size = c.cutpoints![0]!.length;
  const cutpoints = graph.parameter('cutpoints', [shape[1]!, size]);
  const above = cumulativeLogits(logits, cutpoints);
  const targets = c.truth.map((levels) => levels.flatMap((y) => Array.from({ length: size }, (_, j) => +(y > j))));
  const loss = binaryCrossEntropy(above, graph.input('targets', 'float32', above.shape), scale);
  return { graph, loss, leaves: [logits, cutpoints], targets };
}

/** Relative to 1, or to what was wanted where that is larger. */
const difference = (got: ArrayLike<number>, wanted: readonly number[]): number =>
  Math.max(...wanted.map((value, i) => Math.abs(got[i]! - value) / Math.max(1, Math.abs(value))));

test.each(cases)('$name: loss and gradients are those of torch', (c) => {
  const { graph, loss, leaves, targets } = build(c);
  const feeds = {
    logits: array(c.logits),
    targets: array(targets),
    weights: array(weights.map((w) => [w])),
    divisor: { shape: [], data: Float64Array.of(divisor) },
    ...(c.cutpoints ? { cutpoints: array(c.cutpoints) } : {}),
  };
  const [value, ...gradients] = interpret(graph, [loss, ...grad(loss, leaves)], feeds);
  expect(difference(value!.data, [c.loss])).toBeLessThan(1e-10);
  for (const [i, gradient] of gradients.entries())
    expect(difference(gradient.data, c.gradients[i]!.flat())).toBeLessThan(1e-10);
});
