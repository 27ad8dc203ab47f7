import type { Task } from '../../core/task.ts';
import { removeRepeats, removeSharedGroups } from '../audit.ts';
import { openWorkFolder, type WorkFolder } from '../disk/work-folder.ts';
import {
  type Dataset,
  type Example,
  type Examples,
  examplesOf,
  type PerSplit,
  perSplit,
  splitNames,
} from '../example.ts';
import { ExampleStore } from '../example-store.ts';
import { indexRows } from '../row-index.ts';
import { readTable, type Table, type TableOptions } from '../sources/table.ts';
import { type SplitOptions, stratifiedSplit } from '../split.ts';
import { type RowRange, TargetReader, targetOf } from '../targets.ts';
import { findUnits } from '../units.ts';

/** Splits of which some may be missing. */
export type SomeSplits = Partial<PerSplit<readonly Example[]>>;

/** All examples of a collection, in order. */
export async function listOf(examples: Examples): Promise<Example[]> {
  const list: Example[] = [];
  for await (const example of examples) list.push(example);
  return list;
}

/** A dataset with its examples in memory, to compare wherever it lies. */
export async function inMemory({ close, files: _, splits, ...rest }: Dataset) {
  const [train, validation, test] = [
    await listOf(splits.train),
    await listOf(splits.validation),
    await listOf(splits.test),
  ];
  await close();
  return { ...rest, splits: { train, validation, test } };
}

/** A dataset of examples in memory. */
export const datasetOf = (
  made: Omit<Dataset, 'splits' | 'close'> & { splits: PerSplit<readonly Example[]> },
): Dataset => ({
  ...made,
  splits: perSplit((name) => examplesOf(made.splits[name])),
  close: async () => {},
});

async function inWorkFolder<T>(use: (work: WorkFolder) => Promise<T>): Promise<T> {
  const work = await openWorkFolder();
  try {
    return await use(work);
  } finally {
    await work.close();
  }
}

/** A table's rows as examples, by split, before anything is cleaned away or removed. */
export const loadTable = (options: TableOptions): Promise<Omit<Table, 'rowsRead'> & { readonly splits: SomeSplits }> =>
  inWorkFolder(async (work) => {
    const store = new ExampleStore(work);
    const { rowsRead: _, ...table } = await readTable(options, { work, store, prefix: '' });
    store.flush();
    const splits: Record<string, Example[]> = {};
    const view = { places: Int32Array.from(table.places), task: table.task, size: table.labels.length };
    for (const name of splitNames)
      for (const [row, state] of store.states.entries()) {
        if (splitNames[state] !== name) continue;
        const { labels, ...rest } = store.read(row);
        splits[name] ??= [];
        splits[name].push({ ...rest, target: targetOf(labels, view) });
      }
    return { ...table, splits };
  });

/** Rows of a store made of examples, with all that is done to them by number. */
interface Filled {
  readonly store: ExampleStore;
  readonly list: readonly Example[];
  readonly targets: TargetReader;
  readonly index: Awaited<ReturnType<typeof indexRows>>;
}

async function fill(work: WorkFolder, splits: SomeSplits, task: Task): Promise<Filled> {
  const store = new ExampleStore(work);
  const list: Example[] = [];
  for (const name of splitNames)
    for (const example of splits[name] ?? []) {
      const { target, ...rest } = example;
      const held = [...target.keys()].filter((k) => target[k] === 1);
      store.add({ ...rest, labels: task === 'regression' ? target : held }, name, { origin: '' });
      list.push(example);
    }
  store.flush();
  const size = list[0]?.target.length ?? 0;
  const range: RowRange = { start: 0, end: store.length, places: Int32Array.from({ length: size }, (_, k) => k) };
  const targets = new TargetReader({ task, labels: new Array<string>(size).fill('') }, [range]);
  const index = await indexRows(store, { work, targets, singleLabel: false, starts: [0] });
  return { store, list, targets, index };
}

/** What the audit finds in examples, and what is left of them. */
export const auditOf = (splits: SomeSplits) =>
  inWorkFolder(async (work) => {
    const { store, list, index } = await fill(work, splits, 'multi_label_classification');
    const groups = await removeSharedGroups(index.groups, store.states);
    const { audit, removed } = await removeRepeats(index.keys, store.states);
    const kept: Record<string, Example[]> = {};
    for (const name of splitNames)
      if (splits[name]) kept[name] = list.filter((_, row) => store.states[row] === splitNames.indexOf(name));
    const first = audit.conflicts.first.map((rows) => rows.map((row) => list[row]!.id));
    return { ...audit, conflicts: { ...audit.conflicts, first }, removed: { ...removed, groups }, kept };
  });

/** Examples split by {@link stratifiedSplit}. */
export const splitOf = (
  examples: readonly Example[],
  task: Task,
  options: Omit<SplitOptions, 'task' | 'labelCount'>,
): Promise<PerSplit<readonly Example[]>> =>
  inWorkFolder(async (work) => {
    const { store, list, targets, index } = await fill(work, { train: examples }, task);
    const units = await findUnits(index, store.states);
    const assigned = new Uint8Array(units.count + 1);
    const chosen = Uint32Array.from({ length: units.count }, (_, u) => u + 1);
    const labelCount = examples[0]?.target.length ?? 0;
    const grouped = index.groups.size > 0;
    await stratifiedSplit({ store, targets, units, chosen, grouped }, { ...options, task, labelCount }, assigned);
    return perSplit((name) => list.filter((_, row) => splitNames[assigned[units.unitOf[row]!]!] === name));
  });
