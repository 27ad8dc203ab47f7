import { type ColumnSource, type ParquetWriteOptions, parquetWriteBuffer } from 'hyparquet-writer';

import { temporaryFile } from './files.ts';

type Options = Omit<ParquetWriteOptions, 'writer' | 'columnData'>;

/** The path of a Parquet file with these columns, for the running test. */
export const parquetFile = (columnData: ColumnSource[], options: Options = {}): string =>
  temporaryFile('posts.parquet', new Uint8Array(parquetWriteBuffer({ columnData, ...options })));

/** What Hugging Face's `datasets` writes into its files about the columns. */
export const huggingFace = (features: Readonly<Record<string, unknown>>): Options => ({
  kvMetadata: [{ key: 'huggingface', value: JSON.stringify({ info: { features } }) }],
});
