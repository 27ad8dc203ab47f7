import { mkdir, readdir, readFile } from 'node:fs/promises';
import { isAbsolute, join, relative, resolve, sep } from 'node:path';

import { z } from 'zod';

import { writeJson } from '../checkpoint/atomic.ts';
import { placeOf } from '../checkpoint/place.ts';
import { ConfigError, DataError } from '../core/errors.ts';
import { jsonOrUndefined } from '../core/json.ts';
import { listed } from '../core/quoted.ts';
import { type Task, tasks } from '../core/task.ts';
import { withLock } from '../hub/lock.ts';
import { AppendFile } from './disk/append-file.ts';
import { openWorkFolder, replaceLock } from './disk/work-folder.ts';
import { type Dataset, type Example, type Examples, heldLabels, type SplitName, splitNames } from './example.ts';
import { replaceFolder, whatIsAside } from './replace-folder.ts';
import type { TableOptions } from './sources/table.ts';
import { readTextFile } from './text-file.ts';

const infoFile = 'dataset.json';
const format = 'emotune-dataset/1';
const fileOf = (split: SplitName): string => `${split}.jsonl`;
const ourFiles = [...splitNames.map(fileOf), infoFile];

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
  ordinal_regression: 'levels',
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
 * looked at, kept and passed on. The files are written beside `folder`, flushed, and then get its place as a whole: see
 * {@link replaceFolder}. `loadDataset({ data: folder })` reads it back.
 *
 * @throws ConfigError if `folder` holds something else, or the data itself.
 * @throws DataError   if a split is empty.
 */
export async function writeSplit(folder: string, dataset: Dataset, options: WriteOptions = {}): Promise<void> {
  const empty = splitNames.find((name) => dataset.splits[name].length === 0);
  if (empty !== undefined) throw new DataError(`${folder}: the ${empty} split is empty; fill it before writing`);
  await checkReplaceable(folder);
  await checkNotRead(folder, dataset);
  const place = await placeOf(folder);
  const beside = `${place}.emotune.tmp`;
  const work = await openWorkFolder(beside);
  try {
    const made = work.path('new');
    await mkdir(made);
    await writeFiles(made, dataset, options);
    await withLock(replaceLock(beside), async () => {
      await checkReplaceable(folder); // writing took its time
      await replaceFolder(place, made, ourFiles);
    });
  } finally {
    await work.close();
  }
}

async function writeFiles(folder: string, dataset: Dataset, options: WriteOptions): Promise<void> {
  const { name, task, labels, licence, splits } = dataset;
  const fields = new Set<OptionalField>();
  for (const split of splitNames) await writeExamples(join(folder, fileOf(split)), splits[split], { dataset, fields });
  const present = fields.size > 0 ? { fields: [...fields].sort() } : {};
  await writeJson(join(folder, infoFile), Info.parse({ format, name, task, labels, licence, ...options, ...present }));
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
    file.sync();
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
    ordinal_regression: target,
  };
  return { id, text, [labelField[task]]: value[task], ...rest };
}

/**
 * Whether a folder may be written by {@link writeSplit}: there is none, it is empty, or it is what `writeSplit` wrote.
 *
 * @throws ConfigError if it holds anything else, or is the current folder or around it.
 */
export async function checkReplaceable(folder: string): Promise<void> {
  const place = await placeOf(folder);
  if (isInside(resolve('.'), place))
    throw new ConfigError(
      `${folder || "''"}: is the current folder, or around it; a split is a folder of its own: give another name`,
    );
  const entries = await readdir(place).catch((error: NodeJS.ErrnoException): string[] => {
    if (error.code === 'ENOENT') return [];
    throw new ConfigError(`${folder}: cannot be written (${error.code}); give another folder`);
  });
  if (entries.length === 0) return;
  const not = 'so it will not be replaced; give another folder';
  if (!entries.includes(infoFile)) throw new ConfigError(`${folder}: holds files but no ${infoFile}, ${not}`);
  const info = jsonOrUndefined(await readFile(join(place, infoFile), 'utf8').catch(() => ''));
  if ((info as { readonly format?: unknown } | null | undefined)?.format !== format)
    throw new ConfigError(`${folder}: its ${infoFile} is not one that emotune wrote, ${not}`);
  const foreign = entries.filter((name) => !ourFiles.includes(name)).sort();
  if (foreign.length > 0)
    throw new ConfigError(
      `${folder}: holds ${listed(foreign, 3)}, which emotune did not write, ${not}, or move that away`,
    );
}

/** @throws ConfigError if the dataset was read from files in the folder. */
async function checkNotRead(folder: string, { files = [] }: Dataset): Promise<void> {
  const place = await placeOf(folder);
  for (const file of files)
    if (isInside(await placeOf(file), place))
      throw new ConfigError(
        `${folder}: holds the data itself (${file}), so it will not be replaced; give another folder`,
      );
}

function isInside(path: string, folder: string): boolean {
  const way = relative(folder, path);
  return !isAbsolute(way) && way.split(sep)[0] !== '..';
}

/** A folder that {@link writeSplit} wrote, and how its rows are read. */
export interface FolderTable {
  readonly name: string;
  readonly licence: string | undefined;
  readonly notes: readonly string[];
  readonly table: TableOptions;
}

/** What to say of a name under which there is nothing because a process was killed while it replaced a folder. */
export async function interrupted(folder: string): Promise<DataError | undefined> {
  const aside = await whatIsAside(resolve(folder));
  return aside === undefined
    ? undefined
    : new DataError(
        `${folder}: a process was killed while it replaced this folder; what was there is now ${aside}: give it its name back, or write the split again`,
      );
}

/**
 * How to read a folder that {@link writeSplit} wrote.
 *
 * @throws DataError if a file is missing or `dataset.json` is not as written.
 */
export async function folderTable(folder: string): Promise<FolderTable> {
  const { name, task, labels, licence, split, fields = [] } = await readInfo(join(folder, infoFile));
  const table: TableOptions = {
    data: join(folder, fileOf('train')),
    validation: join(folder, fileOf('validation')),
    test: join(folder, fileOf('test')),
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
