import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { float32 } from '../core/tensor.ts';
import { temporaryFolder } from '../data/testing/files.ts';
import { TrainingCheckpoints } from './training-checkpoint.ts';

const checkpointAt = (step: number) => ({
  progress: {
    ...{ version: 1 as const, step, epoch: 1, batch: step, seconds: 1, tokens: 1, sinceBest: 0, best: null },
    ...{
      metricsBytes: 0,
      settings: { rank: 4 },
      data: 'data',
      base: 'base',
      threads: 1,
      device: 'cpu' as const,
      engine: '1',
    },
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

// Elsewhere a folder cannot even be opened.
it.skipIf(process.platform === 'win32')('one that the system cannot read is damaged, too', async () => {
  const run = temporaryFolder();
  const checkpoints = new TrainingCheckpoints(run);
  const older = await checkpoints.write(checkpointAt(100));
  const newest = await checkpoints.write(checkpointAt(200));
  // Opens, and then fails with EISDIR where a failing disk has EIO.
  const spoil = (path: string) => {
    rmSync(path);
    mkdirSync(path);
  };
  spoil(newest);
  const { checkpoint, damaged } = await checkpoints.latest();
  expect(checkpoint).toEqual(checkpointAt(100));
  expect(damaged).toEqual([expect.stringMatching(/000200\.safetensors: cannot be read \(EISDIR: .*\)$/)]);
  spoil(older);
  await expect(checkpoints.latest()).rejects.toThrow(
    /every one is damaged\n {2}.*000100\.safetensors: cannot be read \(EISDIR/,
  );
});
