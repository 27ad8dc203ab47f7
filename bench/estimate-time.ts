/**
 * The estimate of a step against steps, on a machine that is busy with other things: in one process, the machine's speed is
 * measured, then a step is run, again and again, and the means are compared. What disturbs one disturbs the other.
 *
 *     node --import tsx bench/estimate-time.ts --base nano --rounds 20
 */
import { parseArgs } from 'node:util';
import { random } from '../src/core/random.ts';
import { epochBatches } from '../src/data/batches.ts';
import { findBase } from '../src/models/base.ts';
import { Device } from '../src/runtime/device.ts';
import { measureSpeed } from '../src/runtime/speed.ts';
import { parseTrainConfig } from '../src/train/config.ts';
import { estimateTime } from '../src/train/estimate-time.ts';
import { workloadOf } from '../src/train/plan.ts';
import { prepare } from '../src/train/prepare.ts';
import { Trainer } from '../src/train/trainer.ts';
import { workloadGraphs } from '../src/train/workload.ts';

const { values: options } = parseArgs({
  options: {
    base: { type: 'string', default: 'nano' },
    rounds: { type: 'string', default: '20' },
    'batch-size': { type: 'string', default: '16' },
    'micro-batch-tokens': { type: 'string', default: '2048' },
    rank: { type: 'string', default: '16' },
  },
});
const config = parseTrainConfig({
  base: options.base,
  data: 'social-posts',
  rank: Number(options.rank),
  batchSize: Number(options['batch-size']),
  microBatchTokens: Number(options['micro-batch-tokens']),
});
const prepared = await prepare(config, { base: await findBase(config.base) });
const device = new Device();
const work = workloadOf({ ...config, precision: 'fp32' }, prepared);
const trainer = await Trainer.open(device, { ...work, checkpoint: prepared.checkpoint, seed: 0 });
const batches = epochBatches(prepared.train.length, config.batchSize, random(0).fork('order').fork(1));
const graphs = workloadGraphs(work);

const sums = { step: 0, expectedStep: 0, evaluation: 0, expectedEvaluation: 0 };
const texts = prepared.validation
  .read(Array.from({ length: prepared.validation.length }, (_, i) => i))
  .flatMap(({ sequences }) => sequences);
async function secondsOf(what: () => Promise<unknown>): Promise<number> {
  const from = performance.now();
  await what();
  return (performance.now() - from) / 1000;
}
// The first of each touches its memory for the first time.
await trainer.step(prepared.train.read(batches.at(0)), 1e-5);
await trainer.logits(texts);
for (let round = 0; round < Number(options.rounds); round++) {
  const batch = prepared.train.read(batches.at(round % batches.length));
  const lengths = { ...work.lengths, train: batch.map(({ sequences }) => sequences.map((ids) => ids.length)) };
  const time = estimateTime({ ...work, lengths }, graphs, { speed: await measureSpeed(device), openingBytes: 0 });
  sums.expectedStep += time.step;
  sums.expectedEvaluation += time.evaluation;
  sums.step += await secondsOf(() => trainer.step(batch, 1e-5));
  if (round % 4 === 0) sums.evaluation += 4 * (await secondsOf(() => trainer.logits(texts)));
}
const row = (name: string, expected: number, measured: number) =>
  `${name} expected ${((1000 * expected) / Number(options.rounds)).toFixed(0)} ms, measured ${((1000 * measured) / Number(options.rounds)).toFixed(0)} ms, ratio ${(expected / measured).toFixed(2)}`;
console.log(
  `${options.base}, batch ${config.batchSize}, micro-batch ${config.microBatchTokens}, rank ${config.rank}: ${row('step', sums.expectedStep, sums.step)}; ${row('evaluation', sums.expectedEvaluation, sums.evaluation)}`,
);
await device.close();
await prepared.close();
