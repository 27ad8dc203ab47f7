import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { float32 } from '../core/tensor.ts';
import { temporaryFolder } from '../data/testing/files.ts';
import { TrainingCheckpoints } from './training-checkpoint.ts';

const checkpointAt = (step: number) => ({
  progress: {
    ...{ version: 1 as const, step, epoch: 1, batch: step, seconds: 1, tokens: 1, sinceBest: 0, best: null },
    ...{ metricsBytes: 0, settings: { rank: 4 }, data: 'data', base: 'base', threads: 1, engine: '1' },
  },
  state: new Map([['flat', float32([step, 1], [2])]]),
  best: new Map(),
});

it('a damaged checkpoint is set aside, so that a good one does not make room for it', async () => {
  const run = temporaryFolder();
  const checkpoints = new TrainingCheckpoints(run);
  const files = () => readdirSync(join(run, 'checkpoints')).sort();
  await checkpoints.write(checkpointAt(100));
  const newest = await checkpoints.write(checkpointAt(200));
  const bytes = readFileSync(newest);
  bytes[bytes.length - 1]! ^= 1;
  writeFileSync(newest, bytes);
  const { checkpoint, damaged } = await checkpoints.latest();
  expect(checkpoint).toEqual(checkpointAt(100));
  expect(damaged).toEqual([`${newest}: its content is not what was written (SHA-256 differs)`]);
  expect(files()).toEqual(['step-000000100.safetensors', 'step-000000200.safetensors.damaged']);
  await checkpoints.write(checkpointAt(150));
  expect(files()).toEqual(['step-000000100.safetensors', 'step-000000150.safetensors']);
});
