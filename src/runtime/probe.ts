import { float32 } from '../core/tensor.ts';
import { Graph, type Value } from '../graph/graph.ts';
import { matmul, meanLast } from '../graph/ops/index.ts';
import { emitOnnx } from '../onnx/emit.ts';
import { Device } from './device.ts';
import { type Provider, type ProviderState, providers } from './provider.ts';

/** Asks every provider to compute, one after the other. */
export async function probeProviders(threads?: number): Promise<ProviderState[]> {
  const states: ProviderState[] = [];
  for (const provider of providers) states.push(await probe(provider, threads));
  return states;
}

/** Whether a provider computes, and how fast. */
export async function probe(provider: Provider, threads?: number): Promise<ProviderState> {
  const device = new Device({ choice: { provider }, ...(threads === undefined ? {} : { threads }) });
  try {
    return { provider, flopsPerSecond: await productRate(device) };
  } catch (error) {
    return { provider, problem: problemOf(error) };
  } finally {
    await device.close();
  }
}

/**
 * Makes sure that a device computes.
 *
 * @throws RuntimeFailure with what the engine says.
 */
export async function requireWorking(device: Device): Promise<void> {
  const session = await device.load(products(1), PROBE);
  await session.run({ x: rowsOfOnes(1) });
  await session.release();
}

const PROBE = 'trying the device';
const width = 512;
const layers = 4;

/** Floating-point operations per second in a chain of matrix products: of few rows, and of many unless that was slow. */
async function productRate(device: Device): Promise<number> {
  const session = await device.load(products(layers), PROBE);
  const rateOf = async (rows: number, runs: number): Promise<number> => {
    const x = await device.put(rowsOfOnes(rows));
    const run = () => secondsOf(() => session.run({ x }));
    await run(); // compiles what is needed for this shape
    const seconds: number[] = [];
    while (seconds.length < runs) seconds.push(await run());
    x.free();
    return (2 * rows * width * width * layers) / Math.min(...seconds);
  };
  const few = await rateOf(64, 1);
  return few < SLOW ? few : rateOf(4096, 3);
}

/** Slower than any processor: a driver in software, which is not asked for more. */
const SLOW = 2e9;

/** Little comes back, so that it is the products that count. */
function products(count: number) {
  const graph = new Graph();
  const weight = graph.parameter('weight', [width, width]);
  let y: Value = graph.input('x', 'float32', ['N', width]);
  for (let i = 0; i < count; i++) y = matmul(y, weight);
  graph.output('y', meanLast(y));
  const zeros = float32(new Float32Array(width * width), [width, width]);
  return emitOnnx(graph, () => ({ kind: 'inline', tensor: zeros }));
}

const rowsOfOnes = (rows: number) => float32(new Float32Array(rows * width).fill(1), [rows, width]);

async function secondsOf(work: () => Promise<unknown>): Promise<number> {
  const from = performance.now();
  await work();
  return (performance.now() - from) / 1000;
}

/** What the engine says, without where in its sources it says it. */
export const problemOf = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error))
    .replace(`${PROBE}: `, '')
    .replace(/^OrtSessionOptionsAppendExecutionProvider_\w+: /, '')
    .split('\n')[0]!
    .replace(/^.* was false\. /, '')
    .replace(/\.$/, '');
