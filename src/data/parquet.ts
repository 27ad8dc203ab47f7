import type { FileMetaData } from 'hyparquet';
import { z } from 'zod';

import { DataError } from '../core/errors.ts';
import { jsonOrUndefined } from '../core/json.ts';
import type { Cells } from './rows.ts';

/** Some rows of a Parquet file. */
export interface ParquetRows {
  readonly columns: readonly string[];
  readonly rows: readonly Cells[];
}

/**
 * The rows of a Parquet file, a row group at a time: what is held is one group. Values become what JSON has: lists arrays,
 * 64-bit integers numbers, or strings where a number cannot tell them apart, dates ISO 8601, and nulls stay. The class
 * labels of Hugging Face's `datasets` become their names, which the file's metadata tell.
 *
 * @throws DataError if the file is missing, is not Parquet, is cut off or damaged.
 * @see https://parquet.apache.org/docs/file-format/
 */
export async function* parquetRows(path: string): AsyncGenerator<ParquetRows, void> {
  const [{ asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects, parquetSchema }, { compressors }] =
    await Promise.all([import('hyparquet'), import('hyparquet-compressors')]);
  try {
    const file = await asyncBufferFromFile(path);
    const metadata = await parquetMetadataAsync(file, { geoparquet: false });
    const columns = parquetSchema(metadata).children.map(({ element }) => element.name);
    const names = classNames(metadata);
    yield { columns, rows: [] };
    let rowStart = 0;
    for (const { num_rows } of metadata.row_groups) {
      const rowEnd = rowStart + Number(num_rows);
      const rows = await parquetReadObjects({ file, metadata, compressors, rowStart, rowEnd, geoparquet: false });
      yield { columns, rows: rows.map((row) => cellsOf(row, names)) };
      rowStart = rowEnd;
    }
  } catch (error) {
    throw unreadable(path, error as NodeJS.ErrnoException);
  }
}

function unreadable(path: string, error: NodeJS.ErrnoException): DataError {
  if (error instanceof DataError) return error;
  if (error.code === 'ENOENT') return new DataError(`${path}: no such file; check the path`);
  if (error.code !== undefined) return new DataError(`${path}: cannot be read (${error.code}): ${error.message}`);
  return new DataError(
    `${path}: is not Parquet, is cut off or damaged (${error.message}); get it again, or write it as .csv or .jsonl`,
    { cause: error },
  );
}

const ClassLabel = z.object({ _type: z.literal('ClassLabel'), names: z.array(z.string()) });
const Feature = z.union([ClassLabel, z.object({ feature: ClassLabel }).transform(({ feature }) => feature)]);
const HuggingFace = z.object({ info: z.object({ features: z.record(z.string(), z.unknown()) }) });

/**
 * The names of the class labels in each column that has such, or lists of such.
 *
 * @see https://huggingface.co/docs/datasets/package_reference/main_classes#datasets.ClassLabel
 */
function classNames({ key_value_metadata = [] }: FileMetaData): ReadonlyMap<string, readonly string[]> {
  const text = key_value_metadata.find(({ key }) => key === 'huggingface')?.value;
  const told = HuggingFace.safeParse(jsonOrUndefined(text ?? ''));
  const features = Object.entries(told.data?.info.features ?? {});
  return new Map(
    features.flatMap(([column, feature]) => {
      const label = Feature.safeParse(feature);
      return label.success ? [[column, label.data.names] as const] : [];
    }),
  );
}

function cellsOf(row: Cells, names: ReadonlyMap<string, readonly string[]>): Cells {
  return Object.fromEntries(
    Object.entries(row).map(([column, value]) => {
      const classes = names.get(column);
      const cell = jsonOf(value);
      return [column, classes === undefined ? cell : named(cell, classes)];
    }),
  );
}

/** Names instead of the numbers of classes; -1 is how `datasets` writes that there is no label. */
function named(cell: unknown, classes: readonly string[]): unknown {
  if (Array.isArray(cell)) return cell.map((each) => named(each, classes));
  return typeof cell === 'number' ? (classes[cell] ?? (cell === -1 ? null : cell)) : cell;
}

function jsonOf(value: unknown): unknown {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  if (typeof value !== 'object') return value ?? null;
  if (value === null || value instanceof Date)
    return value && (Number.isNaN(value.getTime()) ? null : value.toISOString());
  if (ArrayBuffer.isView(value)) return Array.from(value as Uint8Array | BigInt64Array, jsonOf);
  if (Array.isArray(value)) return value.map(jsonOf);
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, jsonOf(each)]));
}
