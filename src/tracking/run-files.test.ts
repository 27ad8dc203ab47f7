import { existsSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, it } from 'vitest';
import { parseTrainConfig } from '../train/config.ts';
import { createRunFolder } from '../train/run-folder.ts';
import { configText, recordedBytes, recordedEvents } from './run-files.ts';
import { stepEvent } from './testing/events.ts';

let run = '';
beforeEach(() => {
  run = mkdtempSync(join(tmpdir(), 'emotune-run-files-'));
});

const lines = [1, 2, 3].map((step) => `${JSON.stringify(stepEvent(step))}\n`);

async function stepsIn(bytes: number): Promise<number[]> {
  const steps: number[] = [];
  for await (const event of recordedEvents(run, bytes)) if (event.type === 'step') steps.push(event.step);
  return steps;
}

it('events are read up to a length', async () => {
  writeFileSync(join(run, 'metrics.jsonl'), lines.join(''));
  expect(await recordedBytes(run)).toBe(lines.join('').length);
  expect(await stepsIn(await recordedBytes(run))).toEqual([1, 2, 3]);
  expect(await stepsIn(lines[0]!.length)).toEqual([1]);
  expect(await stepsIn(Number.POSITIVE_INFINITY)).toEqual([1, 2, 3]);
});

it('events end before a line that is not whole', async () => {
  writeFileSync(join(run, 'metrics.jsonl'), lines.join('').slice(0, -5));
  expect(await stepsIn(Number.POSITIVE_INFINITY)).toEqual([1, 2]);
});

it('a folder without a run has no events and no configuration', async () => {
  expect(await recordedBytes(run)).toBe(0);
  expect(await stepsIn(Number.POSITIVE_INFINITY)).toEqual([]);
  expect(await configText(run)).toBeUndefined();
});

it('a run that replaces another does not go on in its event files or its MLflow run', async () => {
  mkdirSync(join(run, 'tensorboard'));
  writeFileSync(join(run, 'tensorboard', 'events.out.tfevents.1.host.1.0'), '');
  writeFileSync(join(run, 'mlflow.json'), '{}');
  await createRunFolder(run, parseTrainConfig({ data: 'posts', overwrite: true }));
  expect([existsSync(join(run, 'tensorboard')), existsSync(join(run, 'mlflow.json'))]).toEqual([false, false]);
});
