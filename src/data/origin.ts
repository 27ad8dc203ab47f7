import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';

import { ConfigError } from '../core/errors.ts';
import type { Task } from '../core/task.ts';
import { folderTable, interrupted } from './folder.ts';
import { isRowFile } from './rows.ts';
import { findSource, unknownSource } from './sources/registry.ts';
import type { Source } from './sources/source.ts';
import type { TableOptions } from './sources/table.ts';

/** What data to load, and how to read it. */
export interface DataOptions
  extends Omit<TableOptions, 'data' | 'metaColumn' | 'mayLack' | 'prepare' | 'spillColumn' | 'lineFiles'> {
  /**
   * A source's name, a `.csv`, `.tsv`, `.jsonl` or `.parquet` file, or a folder that `writeSplit` wrote; or several of these, which
   * are joined. The options about the form of a file go for all files among them.
   */
  readonly data: string | readonly string[];
  /** New names of labels: `{ annoyance: 'anger', 'goemotions:fear': 'terror', neutral: '' }`; an empty one drops the label. */
  readonly labelMap?: Readonly<Record<string, string>> | undefined;
  /** The folder of third-party sources, such as `goemotions/`. Default: `data`. */
  readonly dataDir?: string | undefined;
  /** Malformed rows are an error instead of being skipped. */
  readonly strict?: boolean | undefined;
  /** For the split, where the data is not split already. Default: 0. */
  readonly seed?: number | undefined;
  /** A folder in which working files lie until the dataset is closed. Default: among the system's temporary files. */
  readonly workFolder?: string | undefined;
}

/** One dataset that was named, and how its rows are read. */
export interface Origin {
  readonly name: string;
  readonly table: TableOptions;
  readonly title?: string;
  readonly licence?: string;
  /** Of a known source: whom to cite, where it is found, and what its terms ask of who wants it. */
  readonly citation?: string;
  readonly home?: string;
  readonly terms?: string;
  /** What to call splits that the data has: `official` for a source. */
  readonly given: string;
  readonly taskInferred: boolean;
  readonly notes: readonly string[];
}

/**
 * Finds the datasets that are named.
 *
 * @throws ConfigError if a name is unknown, or options do not go with the data.
 * @throws DataError   if files of a dataset are missing.
 */
export async function findData(options: DataOptions): Promise<readonly Origin[]> {
  const names = typeof options.data === 'string' ? [options.data] : options.data;
  if (names.length === 0) throw new ConfigError('data: name at least one dataset');
  if (names.length > 1 && (options.validation !== undefined || options.test !== undefined))
    throw new ConfigError(
      'validation, test: only with one dataset; write the parts of each to a folder with data split',
    );
  if (options.contextTurns !== undefined && options.dialogueColumn === undefined)
    throw new ConfigError(
      'contextTurns: counts turns of a dialogue; name the column of the dialogues with dialogueColumn',
    );
  if (options.contextColumn !== undefined && options.dialogueColumn !== undefined)
    throw new ConfigError(
      'contextColumn and dialogueColumn: the context comes from a column or from the rows before; use one',
    );
  const origins: Origin[] = [];
  const forms = new Set<string>();
  for (const data of names) {
    const { origin, form } = await find(data, { ...options, several: names.length > 1 });
    origins.push(origin);
    forms.add(form);
  }
  if (!forms.has('file')) refuseTableOptions(options, [...forms].join(' and '));
  return origins;
}

interface Request extends DataOptions {
  /** Whether it is one of several. */
  readonly several: boolean;
}

interface Found {
  readonly origin: Origin;
  /** `file`, whose form the options tell; else what it is, in words. */
  readonly form: string;
}

async function find(data: string, options: Request): Promise<Found> {
  const source = findSource(data);
  if (source !== undefined) return { origin: await readSource(source, options), form: `the dataset ${source.name}` };
  if (await isFolder(data)) return { origin: await readFolder(data, options), form: 'a folder that emotune wrote' };
  if (!isRowFile(data) && options.delimiter === undefined) throw (await interrupted(data)) ?? unknownSource(data);
  const { labelMap, dataDir, strict, seed, workFolder, several, labels, ...form } = options;
  const own = several || labelMap !== undefined ? {} : { labels }; // a joined set is made later
  return {
    form: 'file',
    origin: {
      name: basename(data, extname(data)),
      table: { ...form, ...own, data },
      given: 'as given in the data',
      taskInferred: options.task === undefined,
      notes: [],
    },
  };
}

async function readFolder(data: string, { task, several }: Request): Promise<Origin> {
  const { name, licence, notes, table } = await folderTable(data);
  if (task !== undefined && task !== table.task && !(several && joins(table.task!, task)))
    throw new ConfigError(
      `${data} was written for ${table.task}, not ${task}: leave out the task, or split the source again`,
    );
  return { name, table, notes, given: 'as given in the folder', taskInferred: false, ...(licence ? { licence } : {}) };
}

async function readSource(source: Source, options: Request): Promise<Origin> {
  const { name, title, licence, citation, home, access } = source;
  const terms = access === undefined ? {} : { terms: access.ask };
  const task = sourceTask(source, options);
  const dataDir = options.dataDir ?? 'data';
  const table = await source.table({ task, dataDir });
  const notes = await changedFiles(source, dataDir);
  return { name, table, title, licence, citation, home, ...terms, notes, given: 'official', taskInferred: false };
}

/** The task to read a source for: the one told, or one whose labels join it. */
function sourceTask({ name, labels, defaultTask }: Source, { task = defaultTask, several }: Request): Task {
  if (labels[task] !== undefined) return task;
  const tasks = Object.keys(labels) as Task[];
  const other = several ? tasks.find((own) => joins(own, task)) : undefined;
  if (other !== undefined) return other;
  throw new ConfigError(`${name}: has no labels for ${task}, only for ${tasks.join(', ')}`);
}

/** Whether a dataset for `own` can be read as one for `task`: one label is a set of labels, too. */
const joins = (own: Task, task: Task): boolean =>
  own === task || (own === 'single_label_classification' && task === 'multi_label_classification');

/** What to say of files that are not those the source publishes. */
async function changedFiles({ files, folder }: Source, dataDir: string): Promise<string[]> {
  const changed: string[] = [];
  for (const { path, sha256 } of files) {
    if (sha256 === undefined) continue;
    const hash = createHash('sha256');
    await pipeline(createReadStream(join(folder(dataDir), path)), hash);
    if (hash.digest('hex') !== sha256) changed.push(path);
  }
  if (changed.length === 0) return [];
  return [
    `${changed.join(', ')}: not the published files (SHA-256 differs); scores may not compare with those of others`,
  ];
}

/** Options about the form of a file say nothing about data whose form is known; silence would hide a mistake. */
function refuseTableOptions(options: DataOptions, what: string): void {
  const { data, dataDir, strict, seed, task, labelMap, workFolder, ...table } = options;
  const { labels, ...form } = table;
  const joined = typeof data !== 'string' || labelMap !== undefined;
  const set = Object.entries(joined ? form : table).filter(([, value]) => value !== undefined);
  if (set.length > 0)
    throw new ConfigError(`${set.map(([key]) => key).join(', ')}: only for files of your own, data is ${what}`);
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (entry) => entry.isDirectory(),
    () => false,
  );
}
