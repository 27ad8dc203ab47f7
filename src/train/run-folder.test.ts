import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { temporaryFolder } from '../data/testing/files.ts';
import { parseTrainConfig } from './config.ts';
import { claimNewRun } from './run-folder.ts';

const configFor = (out: string) => parseTrainConfig({ data: 'posts', out });

it('a folder is one run’s, and is looked at again once it is free', async () => {
  const dir = join(temporaryFolder(), 'run');
  const first = await claimNewRun(configFor(dir));
  await expect(claimNewRun(configFor(dir))).rejects.toThrow(`process ${process.pid} on `);
  writeFileSync(join(dir, 'result.json'), '{}');
  await first.release();
  await expect(claimNewRun(configFor(dir))).rejects.toThrow(`${dir} is not empty: choose another --out`);
  expect(readdirSync(dir)).toEqual(['result.json']);
});

it('a folder that nothing came into does not stay', async () => {
  const dir = join(temporaryFolder(), 'run');
  await (await claimNewRun(configFor(dir))).release();
  expect(existsSync(dir)).toBe(false);
});

it('what a killed process left of its preparation is no obstacle', async () => {
  const dir = join(temporaryFolder(), 'run');
  mkdirSync(join(dir, 'data.tmp'), { recursive: true });
  writeFileSync(join(dir, 'lock'), JSON.stringify({ id: 'x', pid: 2 ** 30, host: hostname() }));
  await (await claimNewRun(configFor(dir))).release();
});
