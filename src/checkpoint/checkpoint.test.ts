import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { float32 } from '../core/tensor.ts';
import { writeJson } from './atomic.ts';
import { openCheckpoint, requireTensors } from './checkpoint.ts';
import { writeSafetensors } from './safetensors.ts';

const folder = () => mkdtemp(join(tmpdir(), 'emotune-checkpoint-'));
const weights = { a: float32([1, 2, 3], [1, 3]), b: float32([4, 5]), c: float32([6]) };

async function single(tensors: Partial<typeof weights> = weights): Promise<string> {
  const dir = await folder();
  await writeJson(join(dir, 'config.json'), { model_type: 'llama' });
  await writeSafetensors(join(dir, 'model.safetensors'), Object.entries(tensors));
  return dir;
}

/** The same weights, a and b in shard 1, c in shard 2. */
async function sharded(weightMap: unknown = { a: '1.safetensors', b: '1.safetensors', c: '2.safetensors' }) {
  const dir = await folder();
  const { a, b, c } = weights;
  await writeJson(join(dir, 'config.json'), {});
  await writeSafetensors(join(dir, '1.safetensors'), Object.entries({ b, a }));
  await writeSafetensors(join(dir, '2.safetensors'), Object.entries({ c }), { metadata: { other: 'text' } });
  await writeJson(join(dir, 'model.safetensors.index.json'), { weight_map: weightMap });
  return dir;
}

test('opens one file', async () => {
  const checkpoint = await openCheckpoint(await single());
  expect(checkpoint.config).toEqual({ model_type: 'llama' });
  expect([...checkpoint.tensors.keys()]).toEqual(['a', 'b', 'c']);
});

test('opens shards', async () => {
  const { tensors } = await openCheckpoint(await sharded());
  expect([...tensors.values()].map(({ name, shape }) => [name, shape])).toEqual([
    ['a', [1, 3]],
    ['b', [2]],
    ['c', [1]],
  ]);
});

describe('refuses', () => {
  const spoiled = async (dir: Promise<string>, change: (dir: string) => Promise<unknown>) => {
    await change(await dir);
    return dir;
  };
  test.each([
    ['a folder that is not there', async () => '/no/such/model', '/no/such/model: no such folder'],
    ['a file', async () => join(await single(), 'config.json'), 'not a folder'],
    ['a folder without config.json', folder, 'no config.json'],
    [
      'a broken config.json',
      () => spoiled(single(), (dir) => writeFile(join(dir, 'config.json'), '{')),
      /config\.json: cannot be read as a JSON object: .*JSON/,
    ],
    [
      'a config.json that is no object',
      () => spoiled(single(), (dir) => writeFile(join(dir, 'config.json'), '[]')),
      'cannot be read as a JSON object: not an object',
    ],
    [
      'a folder without weights',
      () => spoiled(single(), (dir) => rm(join(dir, 'model.safetensors'))),
      'neither model.safetensors nor model.safetensors.index.json; download',
    ],
    [
      'pickled weights',
      async () =>
        spoiled(
          spoiled(single(), (dir) => rm(join(dir, 'model.safetensors'))),
          (dir) => writeFile(join(dir, 'pytorch_model.bin'), ''),
        ),
      /it has pytorch_model\.bin, which are Python pickles .*save_pretrained/,
    ],
    [
      'all missing and damaged shards at once',
      () =>
        spoiled(sharded(), async (dir) => {
          await rm(join(dir, '1.safetensors'));
          await truncate(join(dir, '2.safetensors'), 20);
        }),
      /2 of 2 shards are missing or damaged:\n.*1\.safetensors: cannot be opened.*\n.*2\.safetensors: not a usable/,
    ],
    ['an index without weights', () => sharded({}), 'no weight_map'],
    [
      'a shard outside the folder',
      () => sharded({ a: '../1.safetensors' }),
      '"../1.safetensors" (for a) is not a file',
    ],
    [
      'an index that names what a shard lacks',
      () => sharded({ a: '2.safetensors', z: '1.safetensors' }),
      /names tensors that their shards lack:\n {2}a is not in 2\.safetensors\n {2}z is not in 1\.safetensors/,
    ],
  ])('%s', async (_, make, message) => {
    await expect(openCheckpoint(await make())).rejects.toThrow(message);
  });
});

describe('fingerprint', () => {
  const print = async (dir: string) => (await openCheckpoint(dir)).fingerprint();

  test('does not depend on the cut into shards or the folder', async () => {
    expect(await print(await single())).toBe(await print(await sharded()));
  });

  test('is pinned', async () => {
    expect(await print(await single())).toBe('cd196c63b5e01f8561762c6b0974db3b5727196b8193bc7afb4ca18aefb74a33');
  });

  test('sees a changed value, name or shape', async () => {
    const { a, b, c } = weights;
    const prints = await Promise.all(
      [
        { a, b, c },
        { a, b: float32([4, 5.5]), c },
        { a, b, d: c },
        { a: float32(a.data as never, [3]), b, c },
      ].map(async (tensors) => print(await single(tensors))),
    );
    expect(new Set(prints).size).toBe(prints.length);
  });
});

describe('required tensors', () => {
  test('that fit raise nothing', async () => {
    requireTensors(await openCheckpoint(await single()), [{ name: 'a', shape: [1, 3] }]);
  });

  test('that do not are all listed', async () => {
    const checkpoint = await openCheckpoint(await single());
    const wanted = [
      { name: 'a', shape: [3, 1] },
      { name: 'b', shape: [2] },
      { name: 'x', shape: [7] },
    ];
    expect(() => requireTensors(checkpoint, wanted)).toThrow('\n  a is [1, 3], not [3, 1]\n  x [7] is missing');
  });

  test('beyond 20 are counted', async () => {
    const checkpoint = await openCheckpoint(await single());
    const wanted = Array.from({ length: 23 }, (_, i) => ({ name: `x${i}`, shape: [1] }));
    expect(() => requireTensors(checkpoint, wanted)).toThrow(/x19 \[1\] is missing\n {2}… and 3 more$/);
  });
});
