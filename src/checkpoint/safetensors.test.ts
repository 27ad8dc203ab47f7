import { mkdtemp, readFile, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { float32, int32, type Tensor, uint32 } from '../core/tensor.ts';
import { openSafetensors, readRows, readTensor, writeSafetensors, writeSafetensorsStream } from './safetensors.ts';

let dir: string;
let files = 0;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'emotune-safetensors-'));
});
const fresh = () => join(dir, `${files++}.safetensors`);

async function holding(text: string): Promise<string> {
  const path = fresh();
  await writeFile(path, text);
  return path;
}

/** A file of raw parts: a header (text, or an object) and data. */
async function raw(header: unknown, data = new Uint8Array(0), headerBytes?: number): Promise<string> {
  const text = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(headerBytes ?? text.length));
  const path = fresh();
  await writeFile(path, Buffer.concat([length, text, data]));
  return path;
}

async function written(tensors: Record<string, Tensor>, options?: Parameters<typeof writeSafetensors>[2]) {
  const path = fresh();
  await writeSafetensors(path, Object.entries(tensors), options);
  return openSafetensors(path);
}

const f32 = (name: string, range: [number, number], shape = [(range[1] - range[0]) / 4]) => ({
  [name]: { dtype: 'F32', shape, data_offsets: range },
});

describe('round trip', () => {
  test('keeps names, order, types, shapes, values and metadata', async () => {
    const tensors = {
      z: float32([1, -2.5, 3, 4, 5, 6], [2, 3]),
      'a.ß"\n': int32([-(2 ** 31), 7]),
      scalar: uint32([2 ** 32 - 1], []),
      empty: float32([], [0, 4]),
    };
    const file = await written(tensors, { metadata: { made: 'here' } });
    expect(file.metadata).toEqual({ made: 'here' });
    expect([...file.tensors.keys()]).toEqual(Object.keys(tensors));
    for (const [name, tensor] of Object.entries(tensors))
      expect(await readTensor(file.tensors.get(name)!)).toEqual(tensor);
  });

  test('of any float32 values is exact', async () => {
    const values = fc.array(fc.float({ noDefaultInfinity: false }), { maxLength: 50 });
    await fc.assert(
      fc.asyncProperty(values, async (list) => {
        const tensor = float32(list);
        const file = await written({ x: tensor });
        expect(await readTensor(file.tensors.get('x')!)).toEqual(tensor);
      }),
      { numRuns: 30 },
    );
  });

  test('stores floats, and only floats, as bfloat16 or half', async () => {
    for (const dtype of ['BF16', 'F16'] as const) {
      const file = await written({ x: float32([1.5, -0.25]), ids: int32([3]) }, { dtype });
      expect([...file.tensors.values()].map((entry) => entry.dtype)).toEqual([dtype, 'I32']);
      expect(await readTensor(file.tensors.get('x')!)).toEqual(float32([1.5, -0.25]));
    }
  });

  test('starts the data at a multiple of 8 and says which framework it is for', async () => {
    const file = await written({ x: float32([1]) });
    expect(file.tensors.get('x')!.offset % 8).toBe(0);
    expect(file.metadata).toEqual({ format: 'pt' });
  });
});

describe('streaming', () => {
  const specs = [{ name: 'x', dtype: 'F32', shape: [2] }] as const;
  const bytes = new Uint8Array(Float32Array.of(1, 2).buffer);

  test('takes pieces whose memory is reused', async () => {
    const path = fresh();
    async function* produce() {
      const piece = new Uint8Array(4);
      for (const at of [0, 4]) {
        piece.set(bytes.subarray(at, at + 4));
        yield piece;
      }
    }
    await writeSafetensorsStream(path, specs, { produce });
    expect(await readTensor((await openSafetensors(path)).tensors.get('x')!)).toEqual(float32([1, 2]));
  });

  test('refuses too few bytes and leaves no file', async () => {
    const path = fresh();
    const writing = writeSafetensorsStream(path, specs, { produce: () => bytes.subarray(0, 4) });
    await expect(writing).rejects.toThrow('x F32 [2] takes 8 bytes, got 4');
    await expect(readFile(path)).rejects.toThrow('ENOENT');
  });

  test('refuses two tensors of one name', async () => {
    const writing = writeSafetensorsStream(fresh(), [...specs, ...specs], { produce: () => bytes });
    await expect(writing).rejects.toThrow('two tensors of one file are called x');
  });
});

describe('rows', () => {
  const table = float32(
    Array.from({ length: 40 }, (_, i) => i),
    [10, 4],
  );
  const rowsOf = async (rows: number[], dtype: 'F32' | 'BF16' = 'F32') =>
    readRows((await written({ table }, { dtype })).tensors.get('table')!, rows);
  const expected = (rows: number[]) => Float32Array.from(rows.flatMap((r) => [4 * r, 4 * r + 1, 4 * r + 2, 4 * r + 3]));

  test.each([[[]], [[3]], [[9, 0]], [[1, 2, 3, 7, 8]], [[5, 4, 5, 5, 0]]])('reads %j', async (rows) => {
    expect(await rowsOf(rows)).toEqual(expected(rows));
    expect(await rowsOf(rows, 'BF16')).toEqual(expected(rows));
  });

  test('a row beyond the table is refused', async () => {
    await expect(rowsOf([1, 10])).rejects.toThrow('table [10, 4]: there is no row 10');
  });

  test('only a float matrix has rows to read', async () => {
    const file = await written({ v: float32([1]), ids: int32([1], [1, 1]) });
    await expect(readRows(file.tensors.get('v')!, [0])).rejects.toThrow('rows can only be read from a matrix');
    await expect(readRows(file.tensors.get('ids')!, [0])).rejects.toThrow('I32 values are not floats');
  });
});

describe('opening', () => {
  test('follows symlinks to the real file', async () => {
    const file = await written({ x: float32([1]) });
    const link = fresh();
    await symlink(file.path, link);
    expect((await openSafetensors(link)).tensors.get('x')!.file).toBe(file.path);
  });

  test('accepts a gap between tensors and a header without metadata', async () => {
    const file = await openSafetensors(await raw({ ...f32('a', [0, 4]), ...f32('b', [8, 12]) }, new Uint8Array(12)));
    expect([...file.tensors.keys()]).toEqual(['a', 'b']);
  });

  const data = new Uint8Array(8);
  test.each([
    ['a missing file', () => '/no/such/file', 'cannot be opened (ENOENT'],
    ['a file of three bytes', () => holding('abc'), 'it has 3 bytes'],
    ['a Git LFS pointer', () => holding('version https://git-lfs.github.com/spec/v1\n'), 'it is a Git LFS pointer'],
    ['a header longer than the file', () => raw('{}', data, 1000), 'its header would have 1000 bytes, the file has 18'],
    ['a broken header', () => raw('{"a"', data), 'its header is not JSON'],
    ['a header that is a list', () => raw('[]'), 'its header is not a JSON object'],
    ['metadata that is not text', () => raw({ __metadata__: { a: 1 } }), '__metadata__ is not an object of strings'],
    ['an unknown dtype', () => raw({ w: { dtype: 'F4', shape: [], data_offsets: [0, 4] } }), 'w: unknown dtype "F4"'],
    ['a broken shape', () => raw({ w: { dtype: 'F32', shape: [-1], data_offsets: [0, 4] } }), 'w: its shape is [-1]'],
    [
      'broken offsets',
      () => raw({ w: { dtype: 'F32', shape: [1], data_offsets: [0] } }),
      'w: its data_offsets are [0]',
    ],
    [
      'a tensor beyond the end',
      () => raw(f32('w', [8, 12]), data),
      'w: bytes 8 to 12 are not within the 8 bytes of data',
    ],
    ['a wrong length', () => raw(f32('w', [0, 8], [3]), data), 'F32 [3] takes 12 bytes, its range 0 to 8 has 8'],
    ['an overlap', () => raw({ ...f32('v', [0, 8]), ...f32('w', [4, 8]) }, data), 'tensors v and w overlap'],
  ])('refuses %s', async (_, make, message) => {
    await expect(openSafetensors(await make())).rejects.toThrow(message);
  });

  test('a file cut short after it was opened is noticed', async () => {
    const file = await written({ x: float32([1, 2]) });
    const entry = file.tensors.get('x')!;
    await truncate(file.path, entry.offset + 4);
    await expect(readTensor(entry)).rejects.toThrow(`it ends at byte ${entry.offset + 4}`);
  });
});
