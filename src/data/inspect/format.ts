import { threeDigits } from '../../core/quantities.ts';
import { quoted } from '../../core/quoted.ts';
import { textTable } from '../../core/text-table.ts';
import { type SplitName, splitNames } from '../example.ts';
import { type DataReport, eachSplit, type Fact, plural, quantileName } from '../report.ts';
import { lengthQuantiles } from '../summary.ts';
import { classBalance, labelPairs } from './classes.ts';
import type { Inspection, SplitInspection } from './inspect.ts';

const maxColumns = 100;
const maxPairs = 15;

/** An inspection as aligned lines of plain text; the report stands before it. */
export function formatInspection(report: DataReport, inspection: Inspection): string[] {
  const facts = [...nearFacts(inspection), ...classFacts(report), ...rowFacts(inspection), ...sourceFacts(report)];
  const n = splitNames.reduce((sum, name) => sum + report.splits[name].size, 0);
  return [
    ...facts.map(([name, text]) => `${name.padEnd(12)}${text}`.trimEnd()),
    '',
    ...textTable([
      ['', ...splitNames],
      ['words', '', '', ''],
      ...lengthQuantiles.map((q, i) => [
        `  ${quantileName(q)}`,
        ...splitNames.map((name) => String(inspection.splits[name].words[i] ?? '-')),
      ]),
      ['scripts (texts)', '', '', ''],
      ...scriptNames(inspection)
        .filter((script) => splitNames.some((name) => textsOf(inspection.splits[name], script) > 0))
        .map((script) => [`  ${script}`, ...splitNames.map((name) => scriptCell(inspection.splits[name], script))]),
    ]),
    ...levelLines(report, inspection),
    ...(inspection.together ? ['', ...togetherLines(report.labels, inspection.together, n)] : []),
  ];
}

function nearFacts({ nearDuplicates: { threshold, within, across, first } }: Inspection): Fact[] {
  if (across.length === 0 && splitNames.every((name) => within[name] === 0)) return [['alike', 'none']];
  return [
    ['alike', `${eachSplit((name) => within[name])} (Jaccard ≥ ${threshold}; equal ones too)`],
    ...across.map(
      ({ from, into, examples }): Fact => ['', `${plural(examples, `${from} example`)} like one of ${into}`],
    ),
    ...first.flatMap(({ similarity, pair }): Fact[] => [
      ['', `${similarity.toFixed(2)}  ${pair.map(({ split, id }) => `${split} ${quoted(id)}`).join(' and ')}`],
      ...pair.map(({ text }): Fact => ['', `      ${quoted(text)}`]),
    ]),
  ];
}

function classFacts(report: DataReport): Fact[] {
  const lines = splitNames.flatMap((name) => {
    const balance = classBalance(report, report.splits[name]);
    if (!balance) return [];
    const { fewest, most, ratio, empty } = balance;
    const none = empty.length === 0 ? '' : `; without ${empty.join(', ')}`;
    return [`${name}: ${most.join(' ')} to ${fewest.join(' ')}, ${threeDigits(ratio)} to 1${none}`];
  });
  return lines.map((line, i) => [i === 0 ? 'imbalance' : '', line]);
}

/** Groups, weights and contexts, where the data has them. */
export function rowFacts({ splits }: Inspection): Fact[] {
  const each = (name: string, say: (split: SplitInspection) => string | undefined): Fact[] =>
    splitNames
      .flatMap((split) => say(splits[split])?.replace(/^/, `${split}: `) ?? [])
      .map((line, i) => [i === 0 ? name : '', line]);
  return [
    ...each(
      'groups',
      ({ groups: g }) =>
        g && `${plural(g.groups, 'group')} of ${plural(g.examples, 'example')}, the largest ${g.largest}`,
    ),
    ...each('weights', ({ weights: w }) => w && `${decimal(w.min)} to ${decimal(w.max)}, mean ${decimal(w.mean)}`),
    ...each(
      'context',
      ({ contexts: c }) =>
        c && `${plural(c.examples, 'example')}, ${decimal(c.meanTurns)} turns on average, ${c.maxTurns} at most`,
    ),
  ];
}

/** How many examples have each level, in ordinal tasks. */
function levelLines({ labels }: DataReport, { splits }: Inspection): string[] {
  const used = splitNames.filter((name) => splits[name].levels !== undefined);
  if (used.length === 0) return [];
  const cell = (name: SplitName, k: number): string => splits[name].levels![k]!.join(' / ');
  return [
    '',
    ...textTable([
      ['examples of level 0 / 1 / …', ...used],
      ...labels.map((label, k) => [`  ${label}`, ...used.map((name) => cell(name, k))]),
    ]),
  ];
}

/** Whom to cite and what the terms are, of each known source. */
export function sourceFacts({ datasets }: DataReport): Fact[] {
  return datasets.flatMap(({ name, licence, citation, home, terms }) => {
    const known = Object.entries({ licence, terms, cite: citation, home }).flatMap(([fact, text]): Fact[] =>
      text === undefined ? [] : [[fact, datasets.length > 1 ? `${name}: ${text}` : text]],
    );
    return citation === undefined ? [] : known;
  });
}

/** Every script of any split, those of most texts first. */
export function scriptNames({ splits }: Inspection): string[] {
  const totals = new Map<string, number>();
  for (const name of splitNames)
    for (const { script, texts } of splits[name].scripts) totals.set(script, (totals.get(script) ?? 0) + texts);
  return [...totals.keys()].sort((a, b) => totals.get(b)! - totals.get(a)!);
}

/** Texts that are mostly written in a script. */
const textsOf = ({ scripts }: Pick<SplitInspection, 'scripts'>, name: string): number =>
  scripts.find(({ script }) => script === name)?.texts ?? 0;

function scriptCell({ scripts }: SplitInspection, name: string): string {
  if (scripts.length === 0) return '-';
  const total = scripts.reduce((n, { texts }) => n + texts, 0);
  const texts = textsOf({ scripts }, name);
  return `${texts} (${((100 * texts) / total).toFixed(1)} %)`;
}

/** The matrix where it fits the width, else its largest entries. */
function togetherLines(labels: readonly string[], together: readonly (readonly number[])[], n: number): string[] {
  const matrix = textTable([['together', ...labels], ...together.map((row, a) => [labels[a]!, ...row.map(String)])]);
  if (matrix.every((line) => line.length <= maxColumns)) return matrix;
  const pairs = labelPairs(together, n);
  const more = pairs.length - maxPairs;
  return [
    ...textTable([
      ['most often together', 'examples', 'times chance'],
      ...pairs
        .slice(0, maxPairs)
        .map(({ a, b, count, lift }) => [`${labels[a]} + ${labels[b]}`, String(count), threeDigits(lift)]),
    ]),
    ...(more > 0 ? [`and ${more} more pairs (--json, --html)`] : []),
  ];
}

const decimal = (n: number): string => String(Number(n.toPrecision(3)));
