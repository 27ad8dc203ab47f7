import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { trainSchema } from '../train/config.ts';
import { readConfigFile } from './config-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'emotune-config-'));
afterAll(() => rmSync(folder, { recursive: true }));

const path = join(folder, 'run.yaml');
const read = (yaml: string) => {
  writeFileSync(path, yaml);
  return readConfigFile(path, trainSchema.shape);
};

it('reads the keys of the schema', async () => {
  expect(await read('data: posts.csv\nrank: 8\nlayers: [0, 1]\nrankPattern:\n  q_proj: 4\ndora: true\n')).toEqual({
    data: 'posts.csv',
    rank: 8,
    layers: [0, 1],
    rankPattern: { q_proj: 4 },
    dora: true,
  });
  expect(await read('# nothing yet\n')).toEqual({});
});

it.each([
  ['ranks: 8', "run.yaml: unknown key 'ranks'; did you mean rank?"],
  ['batch-size: 8', "run.yaml: unknown key 'batch-size'; did you mean batchSize?"],
  ['toString: 8', "run.yaml: unknown key 'toString'"],
  ['rank: eight', 'run.yaml: rank: expected a whole number ≥ 1, got "eight"'],
  ['layers: 3', 'run.yaml: layers: expected a list of whole numbers ≥ 0, separated by commas, got 3'],
  ['- rank', 'run.yaml: expected settings such as \'rank: 16\', one per line, got ["rank"]'],
  ['rank: [1', 'run.yaml: not YAML: '],
])('refuses %j', async (yaml, message) => {
  await expect(read(yaml)).rejects.toThrow(message);
});

it('says when there is no such file', async () => {
  await expect(readConfigFile('nowhere.yaml', {})).rejects.toThrow('nowhere.yaml: no such file; check the path');
});
