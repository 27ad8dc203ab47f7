import { ConfigError, DataError } from '../core/errors.ts';
import { hasValues, type Task } from '../core/task.ts';
import { checkNotRepeated, type TableLabels } from './labels.ts';

/** A dataset's labels, under its name. */
export interface NamedLabels extends Pick<TableLabels, 'task' | 'labels' | 'places'> {
  readonly name: string;
}

export interface JoinOptions {
  readonly task?: Task | undefined;
  /** The label set and its order. Default: the labels as they come, dataset by dataset. */
  readonly labels?: readonly string[] | undefined;
  /** New names of labels, under `label` or `dataset:label`, which comes first; an empty one drops the label. */
  readonly labelMap?: Readonly<Record<string, string>> | undefined;
}

/** Labels of several datasets as one set. */
export interface JoinedLabels {
  readonly task: Task;
  readonly labels: readonly string[];
  /** For each dataset: which of `labels` each number of its rows stands for; −1 where the label is dropped. */
  readonly places: readonly Int32Array[];
}

/**
 * Brings the labels of one or several datasets into one set.
 *
 * @throws ConfigError if the tasks differ, or the map names a label that there is not.
 * @throws DataError   if a label is outside the given set, no two classes are left, or values are missing.
 */
export function joinLabels(tables: readonly NamedLabels[], options: JoinOptions): JoinedLabels {
  const task = commonTask(tables, options.task);
  checkNotRepeated(options.labels);
  const renamed = tables.map((table) => renameLabels(table, options.labelMap ?? {}));
  checkMap(tables, options.labelMap ?? {});
  const found = [...new Set(renamed.flat().filter((label) => label !== ''))];
  const labels = options.labels ?? found;
  const outside = found.filter((label) => !labels.includes(label));
  if (outside.length > 0)
    throw new DataError(
      `labels outside the label set [${labels.join(', ')}]: ${outside.join(', ')}; add them to labels, or map them with labelMap`,
    );
  if (task === 'single_label_classification' && labels.length < 2)
    throw new DataError(`only one class [${labels.join(', ')}] is left; a classifier needs two: check labelMap`);
  if (labels.length === 0) throw new DataError('labelMap leaves no label; keep at least one');
  if (hasValues(task)) checkValues(tables, renamed, labels);
  const places = tables.map(({ places }, t) =>
    Int32Array.from(places, (own) => (renamed[t]![own] === '' ? -1 : labels.indexOf(renamed[t]![own]!))),
  );
  return { task, labels, places };
}

/** One text with one label is also one with a set of labels: a single-label dataset joins a multi-label one where told. */
function commonTask(tables: readonly NamedLabels[], told: Task | undefined): Task {
  const distinct = [...new Set(tables.map(({ task }) => task))];
  if (told === 'multi_label_classification' && !distinct.some(hasValues)) return told;
  if (distinct.length === 1) return distinct[0]!;
  const list = tables.map(({ name, task }) => `${name} is for ${task}`).join(', ');
  throw new ConfigError(
    `data: ${list}: datasets that are joined need one task; set task multi_label_classification to read single labels as sets`,
  );
}

/** The new name of each of a dataset's labels. */
function renameLabels({ name, labels }: NamedLabels, map: Readonly<Record<string, string>>): string[] {
  const newNames = new Map(Object.entries(map)); // an object has a `constructor` that no one mapped
  return labels.map((label) => newNames.get(`${name}:${label}`) ?? newNames.get(label) ?? label);
}

function checkMap(tables: readonly NamedLabels[], map: Readonly<Record<string, string>>): void {
  const known = new Set(tables.flatMap(({ name, labels }) => labels.flatMap((label) => [label, `${name}:${label}`])));
  const unknown = Object.keys(map).filter((key) => !known.has(key));
  if (unknown.length === 0) return;
  const there = tables.map(({ name, labels }) => `${name}: ${labels.join(', ')}`).join('; ');
  throw new ConfigError(`labelMap: no label ${unknown.map((key) => `'${key}'`).join(', ')}; there are ${there}`);
}

function checkValues(
  tables: readonly NamedLabels[],
  renamed: readonly (readonly string[])[],
  labels: readonly string[],
): void {
  for (const [t, names] of renamed.entries()) {
    const wrong = labels.filter((label) => names.filter((name) => name === label).length !== 1);
    if (wrong.length > 0)
      throw new DataError(
        `${tables[t]!.name}: has the values [${names.join(', ')}], not one each of [${labels.join(', ')}]; ` +
          `in ${tables[t]!.task} all datasets need the same values: rename them with labelMap`,
      );
  }
}
