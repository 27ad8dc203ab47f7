import { DataError } from '../core/errors.ts';
import { hasValues } from '../core/task.ts';
import { removeRepeats, removeSharedGroups } from './audit.ts';
import { cleaningSteps } from './clean.ts';
import type { WorkFolder } from './disk/work-folder.ts';
import { openWorkFolder } from './disk/work-folder.ts';
import { type Dataset, type Examples, perSplit, type SplitName, splitNames } from './example.ts';
import { ExampleStore, rowState } from './example-store.ts';
import { fillSplits } from './fill-splits.ts';
import { type JoinedLabels, joinLabels } from './join-labels.ts';
import { type DataOptions, findData, type Origin } from './origin.ts';
import type { DataReport, DatasetReport } from './report.ts';
import { indexRows } from './row-index.ts';
import { RowSet } from './row-set.ts';
import { readTable, type Table } from './sources/table.ts';
import { StoredExamples } from './stored-examples.ts';
import { type SplitSummary, summarise } from './summary.ts';
import { type RowRange, TargetReader } from './targets.ts';
import { makeIdsUnique, withSuffix } from './unique-ids.ts';

/**
 * Loads one dataset or several as one: reads them, cleans the texts, reports duplicates, conflicts and leaks, removes
 * leaks and train's duplicates, and splits what is not split. An unsplit dataset loses its duplicates as a whole, before
 * the split. No step holds the rows in memory: they lie in a work folder until the dataset is closed.
 *
 * @returns the dataset, and the report of all that was found and changed.
 * @throws DataError   if the data is missing or cannot be used, or in strict mode has malformed rows.
 * @throws ConfigError if the options do not fit the data or each other.
 */
export async function loadDataset(options: DataOptions): Promise<{
  readonly dataset: Dataset;
  readonly report: DataReport;
}> {
  return inWorkFolder(options, async (work) => {
    const read = await readAll(options, work);
    const { store, joined, parts } = read;
    const { targets, index, suffixes } = await indexed(read, work);
    const groups = await removeSharedGroups(index.groups, store.states);
    const { audit, removed } = await removeRepeats(index.keys, store.states);
    const { task, labels } = joined;
    const splitting = { store, index, targets, task, labelCount: labels.length, seed: options.seed ?? 0 };
    const how = await fillSplits({
      ...splitting,
      datasets: parts.map((part) => ({ ...part, present: presentSplits(part.table), given: part.origin.given })),
      data: showData(options),
    }).catch((error: unknown) => {
      throw withSkipped(error, parts);
    });

    const view = { store, suffixes, ranges: parts, task, labels };
    const licence = [...new Set(parts.map(({ origin }) => origin.licence).filter(Boolean))].join('; ');
    const dataset: Dataset = {
      name: parts.map(({ name }) => name).join('+'),
      task,
      labels,
      splits: perSplit((name) => new StoredExamples(view, rowsOf(store, splitNames.indexOf(name)))),
      ...(licence === '' ? {} : { licence }),
      files: parts.flatMap(({ origin: { table } }) => [table.data, table.validation ?? [], table.test ?? []].flat()),
      close: () => work.close(),
    };
    const splits = await summarise(store, splitting);
    const idOf = (row: number): string => withSuffix(store.read(row).id, suffixes?.[row]);
    const report: DataReport = {
      ...overview(options, read),
      audit: { ...audit, conflicts: { ...audit.conflicts, first: audit.conflicts.first.map((r) => r.map(idOf)) } },
      removed: { ...removed, groups },
      split: [...new Set(how)].length === 1 ? how[0]! : parts.map(({ name }, d) => `${name}: ${how[d]}`).join('; '),
      splits,
      datasets: parts.map((part, d) => datasetReport(part, { split: how[d]!, unlabelled: index.unlabelled[d]! })),
      notes: [
        ...parts.flatMap(({ name, table, origin }) =>
          [...table.notes, ...origin.notes].map((note) => (parts.length > 1 ? `${name}: ${note}` : note)),
        ),
        ...repeatedIds(suffixes, parts),
        ...splitNames.flatMap((name) => missingLabels(joined, name, splits[name])),
      ],
    };
    return { dataset, report };
  });
}

/**
 * All examples of a dataset, cleaned, whatever their split and with none removed: to measure a trained model on them.
 *
 * @throws DataError and ConfigError as {@link loadDataset}; nothing is split, so a few rows will do.
 */
export async function loadExamples(
  options: DataOptions,
): Promise<
  Pick<Dataset, 'name' | 'task' | 'labels' | 'close'> &
    Pick<DataReport, 'malformed' | 'dropped'> & { readonly examples: Examples }
> {
  return inWorkFolder(options, async (work) => {
    const read = await readAll(options, work);
    const { store, joined, parts } = read;
    const { suffixes } = await indexed(read, work);
    const view = { store, suffixes, ranges: parts, ...joined };
    return {
      name: parts.map(({ name }) => name).join('+'),
      task: joined.task,
      labels: joined.labels,
      examples: new StoredExamples(view, new RowSet(store.states, (state) => !(state & rowState.removed))),
      ...skipped(parts),
      close: () => work.close(),
    };
  });
}

/** What rows are compared by, and the suffixes that make their ids unique. */
async function indexed({ store, joined, parts }: AllRead, work: WorkFolder) {
  const targets = new TargetReader(joined, parts);
  const index = await indexRows(store, {
    work,
    targets,
    singleLabel: joined.task === 'single_label_classification',
    starts: parts.map(({ start }) => start),
  });
  return { targets, index, suffixes: await makeIdsUnique(store, index.ids, work) };
}

async function inWorkFolder<T>(options: DataOptions, load: (work: WorkFolder) => Promise<T>): Promise<T> {
  const work = await openWorkFolder(options.workFolder);
  try {
    return await load(work);
  } catch (error) {
    await work.close();
    throw error;
  }
}

/** A dataset that was read, and where its rows are in the store. */
interface Part extends RowRange {
  /** Unique among those that are joined. */
  readonly name: string;
  readonly origin: Origin;
  readonly table: Table;
}

interface AllRead {
  readonly store: ExampleStore;
  readonly joined: JoinedLabels;
  readonly parts: readonly Part[];
}

async function readAll(options: DataOptions, work: WorkFolder): Promise<AllRead> {
  const origins = await findData(options);
  const store = new ExampleStore(work);
  const read: Omit<Part, 'places'>[] = [];
  for (const { name, origin } of uniquelyNamed(origins)) {
    const start = store.length;
    const prefix = origins.length > 1 ? `${name}/` : '';
    const table = await readTable(origin.table, { work, store, prefix });
    read.push({ name, origin, table, start, end: store.length });
  }
  store.flush();
  if (options.strict)
    checkNoneLost(
      options,
      read.map(({ table }) => table),
    );
  const { task, labels, labelMap } = options;
  const joining = read.map(({ name, table }) => ({ ...table, name }));
  const joined = joinLabels(joining, origins.length > 1 || labelMap ? { task, labels, labelMap } : ownLabels(read));
  return { store, joined, parts: read.map((part, d) => ({ ...part, places: joined.places[d]! })) };
}

/** One dataset keeps its labels, and the ones that no row holds. */
const ownLabels = ([part]: readonly Omit<Part, 'places'>[]) => ({ task: part!.table.task, labels: part!.table.labels });

function uniquelyNamed(origins: readonly Origin[]): { readonly name: string; readonly origin: Origin }[] {
  const taken = new Map<string, number>();
  return origins.map((origin) => {
    const times = (taken.get(origin.name) ?? 0) + 1;
    taken.set(origin.name, times);
    return { name: withSuffix(origin.name, times), origin };
  });
}

const showData = ({ data }: DataOptions): string => (typeof data === 'string' ? data : data.join(', '));

const presentSplits = ({ rowsRead }: Table) => splitNames.filter((name) => rowsRead[name] !== undefined);

/** The rows of a split that are not removed: their state is its number, with no other bit. */
const rowsOf = ({ states }: ExampleStore, split: number): RowSet => new RowSet(states, (state) => state === split);

/** The part of the report that is about reading. */
function overview(
  options: DataOptions,
  { joined, parts }: AllRead,
): Pick<
  DataReport,
  'source' | 'title' | 'licence' | 'task' | 'taskInferred' | 'labels' | 'rowsRead' | 'malformed' | 'cleaned' | 'dropped'
> {
  const tables = parts.map(({ table }) => table);
  const [only] = parts.length === 1 ? parts : [];
  const { title, licence } = only?.origin ?? {};
  const present = splitNames.filter((name) => tables.some(({ rowsRead }) => rowsRead[name] !== undefined));
  const total = (count: (table: Table) => number): number => tables.reduce((n, table) => n + count(table), 0);
  return {
    source: showData(options),
    ...(title === undefined ? {} : { title }),
    ...(licence === undefined ? {} : { licence }),
    task: joined.task,
    taskInferred: parts.some(({ origin }) => origin.taskInferred),
    labels: joined.labels,
    rowsRead: Object.fromEntries(present.map((name) => [name, total(({ rowsRead }) => rowsRead[name] ?? 0)])),
    cleaned: Object.fromEntries(
      cleaningSteps.map((step) => [step, total(({ cleaned }) => cleaned[step])]),
    ) as DataReport['cleaned'],
    ...skipped(parts),
  };
}

/** Rows that could not be used. */
function skipped(parts: readonly Part[]): Pick<DataReport, 'malformed' | 'dropped'> {
  const tables = parts.map(({ table }) => table);
  return {
    malformed: {
      count: tables.reduce((n, { malformed }) => n + malformed.count, 0),
      first: tables.flatMap(({ malformed }) => malformed.first).slice(0, 10),
    },
    dropped: tables.reduce((n, { dropped }) => n + dropped, 0),
  };
}

/** Where there are too few rows, those that could not be used may be why. */
function withSkipped(error: unknown, parts: readonly Part[]): unknown {
  const { count, first } = skipped(parts).malformed;
  if (!(error instanceof DataError) || count === 0) return error;
  const { file, line, reason } = first[0]!;
  const rows = count === 1 ? '1 row was' : `${count} rows were`;
  return new DataError(`${error.message}; ${rows} skipped as malformed, the first is ${file}:${line}: ${reason}`, {
    cause: error,
  });
}

function datasetReport(
  { name, origin, table }: Part,
  { split, unlabelled }: { readonly split: string; readonly unlabelled: number },
): DatasetReport {
  const { table: _, given: __, taskInferred: ___, notes: ____, ...about } = origin;
  const { task, labels, rowsRead, malformed } = table;
  return {
    ...about,
    name,
    task,
    labels,
    rowsRead,
    malformed: malformed.count,
    unlabelled,
    split,
  };
}

function repeatedIds(suffixes: Uint32Array | undefined, parts: readonly Part[]): string[] {
  if (suffixes === undefined) return [];
  let count = 0;
  for (const suffix of suffixes) if (suffix > 1) count++;
  const columns = [...new Set(parts.map(({ table }) => table.idColumn).filter((name) => name !== undefined))];
  return [`${count} repeated ids in column '${columns.join("', '")}' got a suffix such as #2`];
}

/** Labels that no example of a split holds: the model cannot learn them, or cannot be measured on them. */
function missingLabels({ labels, task }: JoinedLabels, name: SplitName, { counts }: SplitSummary): string[] {
  if (hasValues(task)) return [];
  const missing = labels.filter((_, k) => counts[k] === 0);
  return missing.length === 0 ? [] : [`no ${name} example holds ${missing.join(', ')}`];
}

function checkNoneLost(options: DataOptions, tables: readonly Table[]): void {
  const malformed = tables.reduce((n, table) => n + table.malformed.count, 0);
  const dropped = tables.reduce((n, table) => n + table.dropped, 0);
  if (malformed + dropped === 0) return;
  const first = tables.flatMap((table) => table.malformed.first)[0];
  const where = first === undefined ? '' : `; the first is ${first.file}:${first.line}: ${first.reason}`;
  throw new DataError(
    `${showData(options)}: ${malformed} malformed rows and ${dropped} without text after cleaning${where}; ` +
      'correct them, or unset strict to skip them',
  );
}
