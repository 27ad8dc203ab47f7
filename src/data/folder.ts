import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { z } from 'zod';

import { ConfigError, DataError } from '../core/errors.ts';
import { type Task, tasks } from '../core/task.ts';
import { AppendFile } from './disk/append-file.ts';
import { type Dataset, type Example, type Examples, heldLabels, splitNames } from './example.ts';
import type { TableOptions } from './sources/table.ts';
import { readTextFile } from './text-file.ts';

const infoFile = 'dataset.json';
const format = 'emotune-dataset/1';

/** What `dataset.json` says beside the three JSON Lines files. */
const Info = z.object({
  format: z.literal(format),
  name: z.string(),
  task: z.enum(tasks),
  labels: z.array(z.string()).min(1),
  licence: z.string().optional(),
  /** Where the examples come from, and how they were split. For people. */
  source: z.string().optional(),
  split: z.string().optional(),
  seed: z.number().optional(),
  /** Which optional fields some example has. */
  fields: z.array(z.enum(['group', 'weight', 'context'])).optional(),
});

/** An optional field of an example, which some of a dataset's have. */
type OptionalField = NonNullable<z.infer<typeof Info>['fields']>[number];
const optionalFields: readonly OptionalField[] = ['group', 'weight', 'context'];

/** The field of an example that holds its labels: a name, names, or values in the order of the labels. */
const labelField: Readonly<Record<Task, string>> = {
  single_label_classification: 'label',
  multi_label_classification: 'labels',
  regression: 'values',
};

export interface WriteOptions {
  /** Where the examples come from: the report's `source`. */
  readonly source?: string;
  /** How they were split: the report's `split`. */
  readonly split?: string;
  readonly seed?: number;
}

/**
 * Writes a dataset as `train.jsonl`, `validation.jsonl`, `test.jsonl` and `dataset.json`, so that a split can be
 * looked at, kept and passed on. The files are written beside `folder` and then moved there, never half of them.
 * `loadDataset({ data: folder })` reads it back.
 *
 * @throws ConfigError if `folder` holds something else.
 * @throws DataError   if a split is empty.
 */
export async function writeSplit(folder: string, dataset: Dataset, options: WriteOptions = {}): Promise<void> {
  const empty = splitNames.find((name) => dataset.splits[name].length === 0);
  if (empty !== undefined) throw new DataError(`${folder}: the ${empty} split is empty; fill it before writing`);
  await checkReplaceable(folder);
  const { name, task, labels, licence, splits } = dataset;
  const beside = `${folder.replace(/[/\\]+$/, '')}.${process.pid}.tmp`;
  await mkdir(beside, { recursive: true });
  try {
    const fields = new Set<OptionalField>();
    for (const split of splitNames)
      await writeExamples(join(beside, `${split}.jsonl`), splits[split], { dataset, fields });
    const present = fields.size > 0 ? { fields: [...fields].sort() } : {};
    const info = Info.parse({ format, name, task, labels, licence, ...options, ...present });
    await writeFile(join(beside, infoFile), `${JSON.stringify(info, null, 2)}\n`);
    await rm(folder, { recursive: true, force: true });
    await rename(beside, folder);
  } finally {
    await rm(beside, { recursive: true, force: true });
  }
}

/** Writes examples as JSON Lines, and notes which optional fields they have. */
async function writeExamples(
  path: string,
  examples: Examples,
  { dataset, fields }: { readonly dataset: Dataset; readonly fields: Set<OptionalField> },
): Promise<void> {
  const file = new AppendFile(path);
  try {
    for await (const example of examples) {
      for (const field of optionalFields) if (example[field] !== undefined) fields.add(field);
      file.appendText(`${JSON.stringify(toRecord(example, dataset))}\n`);
    }
    file.flush();
  } finally {
    file.close();
  }
}

function toRecord(
  { id, text, target, ...rest }: Example,
  { task, labels }: Dataset,
): Readonly<Record<string, unknown>> {
  const held = heldLabels(target, labels);
  const value: Readonly<Record<Task, unknown>> = {
    single_label_classification: held[0],
    multi_label_classification: held,
    regression: target,
  };
  return { id, text, [labelField[task]]: value[task], ...rest };
}

/** @throws ConfigError if a folder holds something that {@link writeSplit} did not write. */
export async function checkReplaceable(folder: string): Promise<void> {
  const entries = await readdir(folder).catch((error: NodeJS.ErrnoException): string[] => {
    if (error.code === 'ENOENT') return [];
    throw new ConfigError(`${folder}: cannot be written (${error.code}); give another folder`);
  });
  if (entries.length > 0 && !entries.includes(infoFile))
    throw new ConfigError(`${folder}: holds files but no ${infoFile}, so it will not be replaced; give another folder`);
}

/** A folder that {@link writeSplit} wrote, and how its rows are read. */
export interface FolderTable {
  readonly name: string;
  readonly licence: string | undefined;
  readonly notes: readonly string[];
  readonly table: TableOptions;
}

/**
 * How to read a folder that {@link writeSplit} wrote.
 *
 * @throws DataError if a file is missing or `dataset.json` is not as written.
 */
export async function folderTable(folder: string): Promise<FolderTable> {
  const { name, task, labels, licence, split, fields = [] } = await readInfo(join(folder, infoFile));
  const table: TableOptions = {
    data: join(folder, 'train.jsonl'),
    validation: join(folder, 'validation.jsonl'),
    test: join(folder, 'test.jsonl'),
    textColumn: 'text',
    idColumn: 'id',
    metaColumn: 'meta',
    labelColumns: [labelField[task]],
    ...Object.fromEntries(fields.map((field) => [`${field}Column`, field])),
    mayLack: fields,
    labels,
    task,
  };
  const notes = split === undefined ? [] : [`the folder was written from a split that was ${split}`];
  return { name, licence, notes, table };
}

async function readInfo(path: string): Promise<z.infer<typeof Info>> {
  const text = await readTextFile(path);
  try {
    return Info.parse(JSON.parse(text));
  } catch (error) {
    const why = error instanceof z.ZodError ? z.prettifyError(error) : (error as Error).message;
    throw new DataError(`${path}: is not what emotune writes: ${why}; write the folder again`);
  }
}
