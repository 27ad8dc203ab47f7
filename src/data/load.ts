import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';

import { ConfigError, DataError } from '../core/errors.ts';
import { cleanExamples } from './clean.ts';
import { countLabels, type Dataset, type Example, type SomeSplits, splitNames } from './example.ts';
import { fillSplits } from './fill-splits.ts';
import { loadFolder } from './folder.ts';
import type { DataReport } from './report.ts';
import { isRowFile, type Malformed } from './rows.ts';
import { findSource, unknownSource } from './sources/registry.ts';
import type { Loaded, Source } from './sources/source.ts';
import { loadTable, type TableOptions } from './sources/table.ts';
import { summarise } from './summary.ts';
import { tidy } from './tidy.ts';

/** What data to load, and how to read it. */
export interface DataOptions extends TableOptions {
  /** A source's name, a `.csv`, `.tsv` or `.jsonl` file, or a folder that `writeSplit` wrote. */
  readonly data: string;
  /** The folder of third-party sources, such as `goemotions/`. Default: `data`. */
  readonly dataDir?: string | undefined;
  /** Malformed rows are an error instead of being skipped. */
  readonly strict?: boolean | undefined;
  /** For the split, where the data is not split already. Default: 0. */
  readonly seed?: number | undefined;
}

/**
 * Loads a dataset: reads it, cleans the texts, reports duplicates, conflicts and leaks, removes leaks and train's
 * duplicates, and splits what is not split. An unsplit dataset loses its duplicates as a whole, before the split.
 *
 * @returns the dataset, and the report of all that was found and changed.
 * @throws DataError   if the data is missing or cannot be used, or in strict mode has malformed rows.
 * @throws ConfigError if the options do not fit the data or each other.
 */
export async function loadDataset(options: DataOptions): Promise<{
  readonly dataset: Dataset;
  readonly report: DataReport;
}> {
  const { loaded, name, given, taskInferred, ...origin } = await read(options);
  const { task, labels, malformed } = loaded;
  const { splits: tidied, ...found } = tidy(loaded.splits);
  if (options.strict) checkNoneLost(options.data, malformed, found.dropped);

  const fill = { task, seed: options.seed ?? 0, given, data: options.data };
  const { splits, how } = fillSplits(tidied, fill);
  const { licence, title } = origin;
  const dataset = { name, task, labels, splits, ...(licence === undefined ? {} : { licence }) };
  const report = {
    source: options.data,
    ...(title === undefined ? {} : { title }),
    ...(licence === undefined ? {} : { licence }),
    task,
    taskInferred,
    labels,
    rowsRead: sizesOf(loaded.splits),
    malformed: { count: malformed.length, first: malformed.slice(0, 10) },
    ...found,
    split: how,
    splits: summarise(dataset),
    notes: [...loaded.notes, ...missingLabels(dataset)],
  };
  return { dataset, report };
}

/**
 * All examples of a dataset, cleaned, whatever their split and with none removed: to measure a trained model on them.
 *
 * @throws DataError and ConfigError as {@link loadDataset}; nothing is split, so a few rows will do.
 */
export async function loadExamples(
  options: DataOptions,
): Promise<Pick<Dataset, 'name' | 'task' | 'labels'> & { readonly examples: readonly Example[] }> {
  const { loaded, name } = await read(options);
  const parts = splitNames.map((split) => cleanExamples(loaded.splits[split] ?? []));
  const dropped = parts.reduce((n, part) => n + part.dropped.length, 0);
  if (options.strict) checkNoneLost(options.data, loaded.malformed, dropped);
  return { name, task: loaded.task, labels: loaded.labels, examples: parts.flatMap((part) => part.kept) };
}

/** What was read, and from where. */
interface Origin {
  readonly loaded: Loaded;
  readonly name: string;
  readonly title?: string;
  readonly licence?: string;
  /** What to call splits that the data has: `official` for a source. */
  readonly given: string;
  readonly taskInferred: boolean;
}

async function read(options: DataOptions): Promise<Origin> {
  const { data } = options;
  const source = findSource(data);
  if (source !== undefined) return readSource(source, options);
  if (await isFolder(data)) {
    refuseTableOptions(options, 'a folder that emotune wrote');
    const { name, licence, ...loaded } = await loadFolder(data);
    if (options.task !== undefined && options.task !== loaded.task)
      throw new ConfigError(
        `${data} was written for ${loaded.task}, not ${options.task}: leave out the task, or split the source again`,
      );
    return { loaded, name, given: 'as given in the folder', taskInferred: false, ...(licence ? { licence } : {}) };
  }
  if (!isRowFile(data) && options.delimiter === undefined) throw unknownSource(data);
  const loaded = await loadTable(options);
  const name = basename(data, extname(data));
  return { loaded, name, given: 'as given in the data', taskInferred: options.task === undefined };
}

async function readSource(source: Source, options: DataOptions): Promise<Origin> {
  const { name, title, licence } = source;
  refuseTableOptions(options, `the dataset ${name}`);
  const task = options.task ?? source.defaultTask;
  if (source.labels[task] === undefined)
    throw new ConfigError(`${name}: has no labels for ${task}, only for ${Object.keys(source.labels).join(', ')}`);
  const dataDir = options.dataDir ?? 'data';
  const loaded = await source.load({ task, dataDir });
  const notes = [...loaded.notes, ...(await changedFiles(source, dataDir))];
  return { loaded: { ...loaded, notes }, name, title, licence, given: 'official', taskInferred: false };
}

/** What to say of files that are not those the source publishes. */
async function changedFiles({ files, folder }: Source, dataDir: string): Promise<string[]> {
  const changed: string[] = [];
  for (const { path, sha256 } of files) {
    const content = await readFile(join(folder(dataDir), path));
    if (createHash('sha256').update(content).digest('hex') !== sha256) changed.push(path);
  }
  if (changed.length === 0) return [];
  return [
    `${changed.join(', ')}: not the published files (SHA-256 differs); scores may not compare with those of others`,
  ];
}

/** Options about the form of a file say nothing about data whose form is known; silence would hide a mistake. */
function refuseTableOptions(options: DataOptions, what: string): void {
  const { data, dataDir, strict, seed, task, ...table } = options;
  const set = Object.entries(table).filter(([, value]) => value !== undefined);
  if (set.length > 0)
    throw new ConfigError(`${set.map(([key]) => key).join(', ')}: only for files of your own, data is ${what}`);
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (entry) => entry.isDirectory(),
    () => false,
  );
}

function sizesOf(splits: SomeSplits): DataReport['rowsRead'] {
  const present = splitNames.filter((name) => splits[name] !== undefined);
  return Object.fromEntries(present.map((name) => [name, splits[name]!.length]));
}

/** Labels that no train example holds: the model cannot learn them. */
function missingLabels({ splits, labels, task }: Dataset): string[] {
  if (task === 'regression') return [];
  const counts = countLabels(splits.train, labels.length);
  const missing = labels.filter((_, k) => counts[k] === 0);
  return missing.length === 0 ? [] : [`no train example holds ${missing.join(', ')}`];
}

function checkNoneLost(data: string, malformed: readonly Malformed[], dropped: number): void {
  if (malformed.length + dropped === 0) return;
  const [first] = malformed;
  const where = first === undefined ? '' : `; the first is ${first.file}:${first.line}: ${first.reason}`;
  throw new DataError(
    `${data}: ${malformed.length} malformed rows and ${dropped} without text after cleaning${where}; ` +
      'correct them, or unset strict to skip them',
  );
}
