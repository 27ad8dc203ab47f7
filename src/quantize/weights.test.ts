import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openCheckpoint } from '../checkpoint/checkpoint.ts';
import { writeSafetensors } from '../checkpoint/safetensors.ts';
import { random } from '../core/random.ts';
import { float32 } from '../core/tensor.ts';
import { int8Rounding } from './int8.ts';
import { withRoundedWeights } from './weights.ts';

const weights = ['a.weight', 'b.weight'].map((name) => ({ name, shape: [16, 8] as const }));
let dir: string;
let cacheDir: string;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'emotune-int8-'));
  const draw = random(1);
  const tensor = () => float32(Float32Array.from({ length: 128 }, draw.normal.bind(draw)), [16, 8]);
  await writeSafetensors(join(dir, 'model.safetensors'), new Map(weights.map(({ name }) => [name, tensor()])));
  await writeFile(join(dir, 'config.json'), '{}');
});
beforeAll(() => {
  cacheDir = join(tmpdir(), `emotune-int8-cache-${process.pid}`);
});
afterAll(() => Promise.all([dir, cacheDir].map((d) => rm(d, { recursive: true, force: true }))));

const made = async () => (await readdir(join(cacheDir, 'weights'))).filter((name) => name.endsWith('.safetensors'));
const file = async () => join(cacheDir, 'weights', (await made())[0]!);

test('weights are rounded once', async () => {
  const progress: number[] = [];
  const checkpoint = await openCheckpoint(dir);
  const options = { rounding: int8Rounding, cacheDir, onProgress: (done: number) => void progress.push(done) };
  const { tensors } = await withRoundedWeights(checkpoint, weights, options);
  for (const { name } of weights) {
    expect(tensors.get(`${name}.int8.forward`)).toMatchObject({ dtype: 'I8', shape: [8, 16] });
    expect(tensors.get(`${name}.int8.backward`)).toMatchObject({ dtype: 'I8', shape: [16, 8] });
    expect(tensors.get(name)).toBeDefined();
  }
  const times = progress.length;
  expect(times).toBe(8);
  await withRoundedWeights(checkpoint, weights, options);
  expect(progress.length).toBe(times);
});

test('a damaged file is noticed and made again, the same', async () => {
  const path = await file();
  const whole = await readFile(path);
  const damaged = Buffer.from(whole);
  damaged[damaged.length - 1]! ^= 1;
  await writeFile(path, damaged);
  const notices: string[] = [];
  await withRoundedWeights(await openCheckpoint(dir), weights, {
    rounding: int8Rounding,
    cacheDir,
    onNotice: (line) => notices.push(line),
  });
  expect(notices).toEqual([expect.stringMatching(/is damaged and made again$/)]);
  expect(await readFile(path)).toEqual(whole);
});

test('what a killed process left is removed, and a file without its hash is not trusted', async () => {
  const path = await file();
  await rm(`${path}.json`);
  await writeFile(`${path}.0000.tmp`, 'half');
  const before = (await stat(path)).mtimeMs;
  await withRoundedWeights(await openCheckpoint(dir), weights, { rounding: int8Rounding, cacheDir });
  expect((await readdir(join(cacheDir, 'weights'))).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  expect((await stat(path)).mtimeMs).toBeGreaterThan(before);
});

test('two at a time make one file', async () => {
  await rm(cacheDir, { recursive: true });
  const checkpoint = await openCheckpoint(dir);
  const both = [0, 1].map(() => withRoundedWeights(checkpoint, weights, { rounding: int8Rounding, cacheDir }));
  const [one, other] = await Promise.all(both);
  expect(one!.tensors).toEqual(other!.tensors);
  expect(await made()).toHaveLength(1);
});

test('other weights are other files', async () => {
  await withRoundedWeights(await openCheckpoint(dir), weights.slice(1), { rounding: int8Rounding, cacheDir });
  expect(await made()).toHaveLength(2);
});
