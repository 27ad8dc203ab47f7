import { readFileSync, writeFileSync } from 'node:fs';
import { brotliCompressSync, gzipSync } from 'node:zlib';

import { describe, expect, it } from 'vitest';

import { heldLabels } from './example.ts';
import { parquetRows } from './parquet.ts';
import type { Cells } from './rows.ts';
import { temporaryFile, temporaryFolder } from './testing/files.ts';
import { huggingFace, parquetFile } from './testing/parquet-file.ts';
import { loadTable } from './testing/store.ts';

async function read(path: string): Promise<{ readonly columns: readonly string[]; readonly groups: Cells[][] }> {
  let columns: readonly string[] = [];
  const groups: Cells[][] = [];
  for await (const part of parquetRows(path)) {
    columns = part.columns;
    if (part.rows.length > 0) groups.push([...part.rows]);
  }
  return { columns, groups };
}

const text = { name: 'text', data: ['a', 'b', 'c', 'd', 'e'] };

describe('the rows of a Parquet file', () => {
  it('have what JSON has', async () => {
    const path = parquetFile([
      { name: 'text', data: ['é', null], type: 'STRING' },
      { name: 'id', data: [7n, 2n ** 60n], type: 'INT64' },
      { name: 'score', data: [0.5, null], type: 'DOUBLE' },
      { name: 'at', data: [new Date(0), null], type: 'TIMESTAMP' },
      { name: 'turns', data: [['a', 'b'], []] },
      { name: 'ids', data: [[1n, 2n], [3n]] },
      { name: 'more', data: [{ n: 1 }, null], type: 'JSON' },
    ]);
    const first = { text: 'é', id: 7, score: 0.5, at: '1970-01-01T00:00:00.000Z', turns: ['a', 'b'], ids: [1, 2] };
    const second = { text: null, id: '1152921504606846976', score: null, at: null, turns: [], ids: [3] };
    expect(await read(path)).toEqual({
      columns: ['text', 'id', 'score', 'at', 'turns', 'ids', 'more'],
      groups: [
        [
          { ...first, more: { n: 1 } },
          { ...second, more: null },
        ],
      ],
    });
  });

  it('come a row group at a time', async () => {
    const { groups } = await read(parquetFile([text], { rowGroupSize: 2 }));
    expect(groups.map((rows) => rows.map((row) => row.text))).toEqual([['a', 'b'], ['c', 'd'], ['e']]);
  });

  it.each([
    ['UNCOMPRESSED', undefined],
    ['SNAPPY', undefined],
    ['GZIP', { GZIP: (bytes: Uint8Array) => gzipSync(bytes) }],
    ['BROTLI', { BROTLI: (bytes: Uint8Array) => brotliCompressSync(bytes) }],
  ] as const)('may be compressed: %s', async (codec, compressors) => {
    const data = Array.from({ length: 100 }, (_, i) => `text ${i % 3}`);
    const path = parquetFile([{ name: 'text', data }], { codec, ...(compressors ? { compressors } : {}) });
    expect((await read(path)).groups.flat().map((row) => row.text)).toEqual(data);
  });
});

describe('class labels', () => {
  const emotions = { names: ['sadness', 'joy', 'love'], _type: 'ClassLabel' };
  const label = { name: 'label', data: [1, 0, 2, -1, 1] };

  it('get the names that the metadata of Hugging Face tell', async () => {
    const path = parquetFile([text, label], huggingFace({ text: { _type: 'Value' }, label: emotions }));
    const { splits, labels, malformed } = await loadTable({ data: path });
    expect(splits.train!.map(({ target }) => heldLabels(target, labels))).toEqual([
      ['joy'],
      ['sadness'],
      ['love'],
      ['joy'],
    ]);
    expect(malformed.first).toEqual([{ file: path, line: 4, reason: 'no label' }]);
  });

  it.each(['Sequence', 'List'])('get them in a %s, too', async (_type) => {
    const lists = { name: 'labels', data: [[1, 2], [0], [], [1], [2]] };
    const path = parquetFile([text, lists], huggingFace({ labels: { feature: emotions, _type } }));
    const { splits, labels, task } = await loadTable({ data: path });
    expect(task).toBe('multi_label_classification');
    expect(splits.train!.slice(0, 3).map(({ target }) => heldLabels(target, labels))).toEqual([
      ['joy', 'love'],
      ['sadness'],
      [],
    ]);
  });

  it('are ids into the label set without such names', async () => {
    const ids = { name: 'label', data: [1, 0, 2, 0, 1] };
    const labels = ['sadness', 'joy', 'love'];
    const table = await loadTable({ data: parquetFile([text, ids]), labels });
    expect(table.splits.train!.map(({ target }) => heldLabels(target, labels)[0])).toEqual(
      ids.data.map((id) => labels[id]),
    );
    expect(table.notes).toContain('labels read as ids into the label set');
  });

  it('are as they are where the metadata are no JSON', async () => {
    const path = parquetFile([text, label], { kvMetadata: [{ key: 'huggingface', value: '{' }] });
    expect((await read(path)).groups.flat().map((row) => row.label)).toEqual(label.data);
  });
});

describe('a file that cannot be read', () => {
  const damaged = /posts\.parquet: is not Parquet, is cut off or damaged \(.+\); get it again, or write it as \.csv/;

  it.each([
    ['is empty', ''],
    ['is a table of another kind', 'text,label\na,joy\n'],
  ])('is an error: it %s', (_, content) =>
    expect(read(temporaryFile('posts.parquet', content))).rejects.toThrow(damaged),
  );

  it.each([0.3, 0.9, 0.999])('is an error: it is cut off after %d of its bytes', async (share) => {
    const path = parquetFile([text]);
    const bytes = readFileSync(path);
    writeFileSync(path, bytes.subarray(0, Math.floor(bytes.length * share)));
    await expect(read(path)).rejects.toThrow(damaged);
  });

  it('is an error where it is damaged, after the row groups before', async () => {
    const path = parquetFile([text], { rowGroupSize: 2 });
    const bytes = readFileSync(path);
    bytes.fill(0xff, bytes.indexOf('c') - 20, bytes.indexOf('c') + 2);
    writeFileSync(path, bytes);
    const parts = parquetRows(path);
    await parts.next();
    expect((await parts.next()).value!.rows).toEqual([{ text: 'a' }, { text: 'b' }]);
    await expect(parts.next()).rejects.toThrow(damaged);
  });

  it('is an error: it is not there, or a folder', async () => {
    await expect(read('nowhere.parquet')).rejects.toThrow('nowhere.parquet: no such file; check the path');
    await expect(read(temporaryFolder())).rejects.toThrow('cannot be read (EISDIR)');
  });

  it('is an error where it has no rows', () =>
    expect(
      loadTable({
        data: parquetFile([
          { name: 'text', data: [], type: 'STRING' },
          { name: 'label', data: [], type: 'STRING' },
        ]),
      }),
    ).rejects.toThrow('no usable row, 0 malformed'));
});
