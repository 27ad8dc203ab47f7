/**
 * PiSSA's principal parts: how long the matrices of a large shape take, and how near nano-llama's come to the exact ones.
 *
 *     node --import tsx bench/pissa.ts --rank 16
 */
import { parseArgs } from 'node:util';
import { openCheckpoint } from '../src/checkpoint/checkpoint.ts';
import { random } from '../src/core/random.ts';
import { float32 } from '../src/core/tensor.ts';
import { openPrincipalParts } from '../src/lora/principal.ts';
import { svd } from '../src/lora/svd.ts';
import { baseFolder } from '../src/models/base.ts';
import { readWeight } from '../src/models/weights.ts';
import { Device } from '../src/runtime/device.ts';

const { values } = parseArgs({ options: { rank: { type: 'string', default: '16' } } });
const rank = Number(values.rank);
const device = new Device();
const parts = await openPrincipalParts(device);
const energy = (sigma: readonly number[]) => sigma.reduce((sum, s) => sum + s * s, 0);

const nano = await openCheckpoint(baseFolder('nano'));
let worst = { name: '', excess: 0 };
let seconds = 0;
for (const { name, shape } of nano.tensors.values()) {
  if (!/(self_attn|mlp).*weight$/.test(name)) continue;
  const weight = await readWeight(nano, name);
  const from = performance.now();
  const { sigma } = await parts.of(weight, { rank, random: random(0).fork(name) });
  seconds += (performance.now() - from) / 1000;
  const exact = svd({ count: shape[0]!, length: shape[1]!, data: Float64Array.from(weight.data) }).sigma;
  const rest = energy(exact.slice(rank));
  const excess = Math.sqrt((rest + energy(exact.slice(0, rank)) - energy(sigma)) / rest) - 1;
  if (excess > worst.excess) worst = { name, excess };
}
console.log(
  `nano-llama: ${seconds.toFixed(1)} s; ‖W − BA‖ above the least by at most ${worst.excess.toExponential(1)}, at ${worst.name}`,
);

/** Llama-3-8B's: how many matrices of each shape. */
const shapes = [
  [4096, 4096, 64],
  [1024, 4096, 64],
  [14336, 4096, 64],
  [4096, 14336, 32],
] as const;
let total = 0;
for (const [rows, columns, count] of shapes) {
  const rng = random(1);
  const weight = float32(Float32Array.from({ length: rows * columns }, rng.uniform), [rows, columns]);
  const from = performance.now();
  await parts.of(weight, { rank, random: rng });
  const each = (performance.now() - from) / 1000;
  total += each * count;
  console.log(`[${rows}, ${columns}]: ${each.toFixed(2)} s, ${count} of them`);
}
console.log(`Llama-3-8B’s 224 matrices: ${(total / 60).toFixed(1)} min`);
await device.close();
