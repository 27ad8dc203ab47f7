/** From runs to tables: medians over the rounds, and ratios to PyTorch's better precision. */
import { figures } from './figures.ts';
import { median } from './job.ts';
import { TOLERATED_LOAD } from './load.ts';
import type { Measurement } from './plan.ts';
import type { System } from './systems.ts';

/** One run: the values of its measurement's figures in their order, or why there are none. */
export interface Run {
  readonly shape: string;
  readonly measurement: Measurement;
  readonly system: string;
  readonly round: number;
  readonly values?: readonly (number | undefined)[];
  readonly error?: string;
  /** The share of the processors that went to other processes meanwhile, where it is known. */
  readonly othersShare?: number | undefined;
}

/** A figure of a shape: a median for every system, and ours beside PyTorch's better one. */
export interface Row {
  readonly shape: string;
  readonly title: string;
  readonly unit: string;
  readonly medians: Readonly<Record<string, number | undefined>>;
  readonly ratios: Readonly<Record<string, Ratio | undefined>>;
}

/** Ours divided by theirs: the median over the rounds, and the least and the greatest of them. */
export interface Ratio {
  readonly to: string;
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

export function rowsOf(runs: readonly Run[], systems: readonly System[]): Row[] {
  const kinds = [...new Map(runs.map(({ shape, measurement }) => [`${shape} ${measurement}`, { shape, measurement }]))];
  return kinds.flatMap(([, { shape, measurement }]) =>
    figures[measurement].map(({ title, unit, better }, figure) => {
      const found = runs.filter((run) => run.shape === shape && run.measurement === measurement);
      const values = new Map(
        systems.map(({ name }) => [
          name,
          new Map(found.filter((run) => run.system === name).map(({ round, values }) => [round, values?.[figure]])),
        ]),
      );
      const medians = Object.fromEntries([...values].map(([name, byRound]) => [name, medianOf([...byRound.values()])]));
      const theirs = better && best(systems, medians, better);
      const ratios = systems
        .filter(({ side }) => side === 'emotune')
        .map(({ name }) => [name, theirs && ratioOf(values.get(name)!, values.get(theirs)!, theirs)]);
      return { shape, title, unit, medians, ratios: Object.fromEntries(ratios) };
    }),
  );
}

/** PyTorch's better precision by a figure. */
function best(systems: readonly System[], medians: Row['medians'], better: 'higher' | 'lower'): string | undefined {
  const theirs = systems.filter(({ side, name }) => side === 'PyTorch' && medians[name] !== undefined);
  const sign = better === 'higher' ? 1 : -1;
  return theirs.sort((a, b) => sign * (medians[b.name]! - medians[a.name]!))[0]?.name;
}

type ByRound = ReadonlyMap<number, number | undefined>;

function ratioOf(ours: ByRound, theirs: ByRound, to: string): Ratio | undefined {
  const ratios = [...ours].flatMap(([round, value]) => {
    const other = theirs.get(round);
    return value === undefined || other === undefined ? [] : [value / other];
  });
  if (ratios.length === 0) return undefined;
  return { to, median: median(ratios), low: Math.min(...ratios), high: Math.max(...ratios) };
}

function medianOf(values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter((value) => value !== undefined);
  return known.length > 0 ? median(known) : undefined;
}

/** One table for every shape; what failed, and what was disturbed, stands below. */
export function markdown(rows: readonly Row[], runs: readonly Run[], systems: readonly System[]): string {
  const mine = systems.filter(({ side }) => side === 'emotune');
  const isCompared = mine.length < systems.length;
  const heads = [
    'figure',
    ...systems.map(({ name }) => name),
    ...(isCompared ? mine.map(({ name }) => `${name} ÷ PyTorch’s better`) : []),
  ];
  const tables = [...new Set(rows.map(({ shape }) => shape))].map((shape) => {
    const lines = rows
      .filter((row) => row.shape === shape)
      .map(({ title, unit, medians, ratios }) => [
        unit === '' ? title : `${title}, ${unit}`,
        ...systems.map(({ name }) => show(medians[name])),
        ...(isCompared ? mine.map(({ name }) => showRatio(ratios[name])) : []),
      ]);
    return [`### ${shape}`, '', line(heads), line(heads.map(() => '---')), ...lines.map(line)].join('\n');
  });
  const failures = runs.flatMap((run) => (run.error === undefined ? [] : [`- ${runName(run)} failed: ${run.error}`]));
  return [...tables, failures.join('\n'), disturbances(runs)].filter((part) => part !== '').join('\n\n');
}

/** The name of a run, for people. */
export const runName = ({ round, shape, measurement, system }: Run): string =>
  `round ${round + 1}, ${shape}, ${measurement}, ${system}`;

function disturbances(runs: readonly Run[]): string {
  const disturbed = runs.filter(({ othersShare = 0 }) => othersShare > TOLERATED_LOAD);
  if (disturbed.length === 0) return '';
  const list = disturbed.map((run) => `- ${runName(run)}: ${(100 * run.othersShare!).toFixed(0)} %`);
  return [
    `**Not to be trusted**: during ${disturbed.length} of ${runs.length} runs other processes took more than ${100 * TOLERATED_LOAD} % of the processors. Run again on a machine that does nothing else.`,
    list.join('\n'),
  ].join('\n\n');
}

const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;

/** Three digits that matter. */
const show = (value: number | undefined): string =>
  value === undefined ? '–' : value >= 100 ? value.toFixed(0) : value.toPrecision(3);

const showRatio = (ratio: Ratio | undefined): string =>
  ratio ? `**${ratio.median.toFixed(2)}×** (${ratio.low.toFixed(2)}–${ratio.high.toFixed(2)})` : '–';
