import { hasValues, type Task } from '../core/task.ts';
import { textTable } from '../core/text-table.ts';
import type { Audit, Removed } from './audit.ts';
import { type CleaningCounts, type CleaningStep, cleaningSteps } from './clean.ts';
import { type PerSplit, type SplitName, splitNames } from './example.ts';
import type { MalformedRows } from './malformed.ts';
import type { Origin } from './origin.ts';
import { lengthQuantiles, type SplitSummary } from './summary.ts';

/** What happened between the files and the dataset. */
export interface DataReport {
  /** The `data` option: a source's name, a file or a folder, or several. */
  readonly source: string;
  readonly title?: string;
  readonly licence?: string;
  readonly task: Task;
  /** Whether the task was guessed from the label cells. */
  readonly taskInferred: boolean;
  readonly labels: readonly string[];
  /** Usable rows, before cleaning. `train` alone: the source is not split. */
  readonly rowsRead: Readonly<Partial<Record<SplitName, number>>>;
  /** Rows that could not be used; `first` holds up to ten. */
  readonly malformed: MalformedRows;
  /** The number of texts each cleaning step changed. */
  readonly cleaned: CleaningCounts;
  /** Examples whose text came out of cleaning empty. */
  readonly dropped: number;
  /** Duplicates, conflicting labels and leaks of the cleaned texts, before any removal. */
  readonly audit: Audit;
  /** Examples removed because they repeat one of train, or because their text or group is in a later split. */
  readonly removed: Removed;
  /** Where the splits come from, such as `official` or `stratified 80/10/10, seed 0`. */
  readonly split: string;
  /** The dataset as it is handed out. */
  readonly splits: PerSplit<SplitSummary>;
  /** Each dataset that went in; one, unless several are joined. */
  readonly datasets: readonly DatasetReport[];
  readonly notes: readonly string[];
}

/** What happened to one of the datasets that are joined. */
export interface DatasetReport extends Pick<Origin, 'name' | 'title' | 'licence' | 'citation' | 'home' | 'terms'> {
  readonly task: Task;
  /** Its own, before they were mapped. */
  readonly labels: readonly string[];
  readonly rowsRead: Readonly<Partial<Record<SplitName, number>>>;
  readonly malformed: number;
  /** Rows that the label map left without a label, which a single-label task cannot use. */
  readonly unlabelled: number;
  readonly split: string;
}

/** The report as aligned lines of plain text. */
export function formatReport(report: DataReport): string[] {
  const facts = [...inputFacts(report), ...auditFacts(report)].map(([name, text]) =>
    `${name.padEnd(12)}${text}`.trimEnd(),
  );
  const notes = report.notes.map((note) => `note        ${note}`);
  return [...facts, ...notes, '', ...textTable(splitTable(report))];
}

/** A name and what is said of it. */
export type Fact = readonly [name: string, text: string];

/** What was read. A fact without a name goes on with the one before it. */
export function inputFacts(report: DataReport): Fact[] {
  const { title, licence, labels, task, rowsRead, malformed, cleaned, dropped, datasets } = report;
  const unlabelled = datasets.reduce((n, dataset) => n + dataset.unlabelled, 0);
  const total = splitNames.reduce((n, name) => n + (rowsRead[name] ?? 0), 0);
  const changes = cleaningSteps
    .filter((step) => cleaned[step] > 0)
    .map((step) => `${stepNames[step]} in ${cleaned[step]}`);
  return [
    ['source', [report.source, title, licence && `licence ${licence}`].filter(Boolean).join('; ')],
    ...(datasets.length > 1 ? datasets.map(datasetFact) : []),
    [
      'task',
      `${task}${report.taskInferred ? ' (inferred)' : ''}, ${plural(labels.length, 'label')}: ${labels.join(', ')}`,
    ],
    ['rows read', `${total}${Object.keys(rowsRead).length > 1 ? `: ${eachSplit((name) => rowsRead[name] ?? 0)}` : ''}`],
    ['malformed', malformed.count === 0 ? 'none' : `${plural(malformed.count, 'row')} skipped`],
    ...malformed.first.map(({ file, line, reason }): Fact => ['', `${file}:${line}: ${reason}`]),
    ['cleaned', changes.length === 0 ? 'nothing to change' : changes.join(', ')],
    ['dropped', dropped === 0 ? 'none' : `${plural(dropped, 'row')} with no text left after cleaning`],
    ...(unlabelled > 0
      ? [['unlabelled', `${plural(unlabelled, 'row')} left without a label by the label map`] as const]
      : []),
  ];
}

function datasetFact({ name, task, labels, rowsRead, malformed, split }: DatasetReport): Fact {
  const rows = Object.values(rowsRead).reduce((n, count) => n + count, 0);
  const lost = malformed === 0 ? '' : `, ${plural(malformed, 'row')} malformed`;
  return ['', `${name}: ${plural(rows, 'row')}${lost}; ${task}, ${plural(labels.length, 'label')}; ${split}`];
}

const stepNames: Readonly<Record<CleaningStep, string>> = {
  lineEndings: 'line ends made \\n',
  misreadCharacters: 'Windows-1252 characters restored',
  controlCharacters: 'control characters removed',
  loneSurrogates: 'broken characters replaced',
  outerWhiteSpace: 'outer white space trimmed',
};

/** What was found and removed. A fact without a name goes on with the one before it. */
export function auditFacts({
  audit: { duplicates, nearDuplicates, conflicts, leaks },
  removed,
  split,
}: DataReport): Fact[] {
  const repeats = splitNames.some((name) => nearDuplicates[name] > 0)
    ? `${eachSplit((name) => nearDuplicates[name])} (exactly the same: ${eachSplit((name) => duplicates[name])})`
    : 'none';
  const conflicting = `${plural(conflicts.texts, 'text')} with different labels in ${plural(conflicts.examples, 'example')}`;
  const examples = conflicts.first.map((ids) => ids.join(' / ')).join('; ');
  const gone = splitNames.reduce((n, name) => n + removed.leaks[name] + removed.groups[name], removed.duplicates);
  const reasons = [
    removed.duplicates > 0 ? `${plural(removed.duplicates, 'repeat')} of a train text with the same labels` : [],
    removed.leaks.train > 0 ? `${removed.leaks.train} from train that are in validation or test` : [],
    removed.leaks.validation > 0 ? `${removed.leaks.validation} from validation that are in test` : [],
    removed.groups.train > 0 ? `${removed.groups.train} from train whose group is in validation or test` : [],
    removed.groups.validation > 0 ? `${removed.groups.validation} from validation whose group is in test` : [],
  ].flat();
  return [
    ['duplicates', repeats],
    ['conflicts', conflicts.texts === 0 ? 'none' : `${conflicting}, such as ${examples}`],
    ['leaks', leaks.length === 0 ? 'none' : ''],
    ...leaks.map(
      ({ from, into, exact, normalised }): Fact => [
        '',
        `${plural(normalised, `${from} text`)} also in ${into} (exactly the same: ${exact})`,
      ],
    ),
    ['removed', gone === 0 ? 'none' : reasons.join(', ')],
    ['split', split],
  ];
}

export const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;

export const eachSplit = (value: (name: SplitName) => number): string =>
  splitNames.map((name) => `${name} ${value(name)}`).join(', ');

function splitTable({ splits, labels, task }: DataReport): string[][] {
  const row = (name: string, cell: (split: SplitSummary) => string | number | undefined): string[] => [
    name,
    ...splitNames.map((split) => String(cell(splits[split]) ?? '-')),
  ];
  const unlabelled = splitNames.some((name) => splits[name].unlabelled > 0);
  return [
    ['', ...splitNames],
    row('examples', ({ size }) => size),
    ...labels.map((label, k) => row(`  ${label}`, (split) => labelCell(split, k))),
    ...(unlabelled ? [row('  (no label)', (split) => split.unlabelled)] : []),
    ...(hasValues(task) ? [['  (mean ± deviation, min..max)', '', '', '']] : []),
    ['characters', '', '', ''],
    ...lengthQuantiles.map((q, i) => row(`  ${quantileName(q)}`, ({ lengths }) => lengths[i])),
  ];
}

function labelCell({ counts, values }: SplitSummary, k: number): string | number | undefined {
  const range = values[k];
  if (range === undefined) return counts[k];
  const [mean, deviation, min, max] = [range.mean, range.deviation, range.min, range.max].map((x) => x.toFixed(2));
  return `${mean} ± ${deviation}, ${min}..${max}`;
}

export function quantileName(q: number): string {
  const names: Readonly<Record<number, string>> = { 0: 'shortest', 0.5: 'median', 1: 'longest' };
  return names[q] ?? `${q * 100} % are at most`;
}
