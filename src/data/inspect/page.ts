import { threeDigits } from '../../core/quantities.ts';
import { hasValues } from '../../core/task.ts';
import { type Html, html } from '../../report/html.ts';
import { page, type Section } from '../../report/page.ts';
import { bar, facts, figures, quotation, shade, table, whole } from '../../report/parts.ts';
import { type SplitName, splitNames } from '../example.ts';
import { auditFacts, type DataReport, type Fact, inputFacts, plural, quantileName } from '../report.ts';
import { lengthQuantiles } from '../summary.ts';
import { classBalance, labelPairs } from './classes.ts';
import { rowFacts, scriptNames, sourceFacts } from './format.ts';
import type { Inspection } from './inspect.ts';

/** Labels up to which their pairs are a matrix. */
const maxMatrix = 30;
const maxPairs = 40;

/** A report and an inspection as a page. */
export function inspectionPage(report: DataReport, inspection: Inspection): string {
  const { title, source, task, labels } = report;
  const used = splitNames.filter((name) => report.splits[name].size > 0);
  return page({
    title: title ?? source,
    lead: `${task.replaceAll('_', ' ')}, ${plural(labels.length, 'label')}`,
    sections: [
      overview(report),
      hasValues(task) ? valueSection(report, used) : labelSection(report, used),
      ...levelSection(report, inspection, used),
      ...togetherSection(report, inspection),
      lengthSection(report, inspection),
      repeatSection(report, inspection),
      scriptSection(inspection, used),
      ...factSection('Groups, weights, context', rowFacts(inspection)),
      ...factSection('Source and terms', sourceFacts(report)),
    ],
  });
}

function overview(report: DataReport): Section {
  const sizes = splitNames.map((name) => [name, report.splits[name].size] as const);
  const total = sizes.reduce((n, [, size]) => n + size, 0);
  const notes = report.notes.map((note, i): Fact => [i === 0 ? 'notes' : '', note]);
  return {
    title: 'Overview',
    body: [
      figures([['examples', total], ...sizes]),
      factList([...inputFacts(report), ['split', report.split], ...notes]),
    ],
  };
}

/** Facts; one without a name is a further line of the one before. */
function factList(list: readonly Fact[]): Html {
  const lines: { name: string; texts: string[] }[] = [];
  for (const [name, text] of list)
    if (name === '' && lines.length > 0) lines.at(-1)!.texts.push(text);
    else lines.push({ name, texts: [text] });
  return facts(
    lines.map(({ name, texts }) => [
      name,
      html`${texts.filter((text) => text !== '').map((text, i) => (i === 0 ? html`${text}` : html`<br>${text}`))}`,
    ]),
  );
}

const factSection = (title: string, list: readonly Fact[]): Section[] =>
  list.length === 0 ? [] : [{ title, body: [factList(list)] }];

function labelSection(report: DataReport, used: readonly SplitName[]): Section {
  const { labels, splits } = report;
  const most = (name: SplitName): number => Math.max(...splits[name].counts);
  const order = labels.map((_, k) => k).sort((a, b) => splits.train.counts[b]! - splits.train.counts[a]!);
  const cell = (name: SplitName, k: number): Html => bar(splits[name].counts[k]!, { of: most(name) });
  const unlabelled = used.some((name) => splits[name].unlabelled > 0);
  return {
    title: 'Labels',
    body: [
      table({
        caption: 'Examples that hold each label, the most frequent first',
        head: ['label', ...used],
        rows: [
          ...order.map((k) => [labels[k], ...used.map((name) => cell(name, k))]),
          ...(unlabelled ? [['(no label)', ...used.map((name) => splits[name].unlabelled)]] : []),
        ],
      }),
      balanceTable(report, used),
    ],
  };
}

const balanceTable = (report: DataReport, used: readonly SplitName[]): Html =>
  table({
    caption: 'Class imbalance: the most frequent label over the rarest that occurs',
    head: ['split', 'most', 'fewest', 'ratio', 'labels without an example'],
    text: [1, 2, 4],
    rows: used.flatMap((name) => {
      const balance = classBalance(report, report.splits[name]);
      if (!balance) return [];
      const { most, fewest, ratio, empty } = balance;
      const counted = ([label, count]: readonly [string, number]): string => `${label} ${whole(count)}`;
      return [[name, counted(most), counted(fewest), `${threeDigits(ratio)} : 1`, empty.join(', ') || 'none']];
    }),
  });

const valueSection = ({ labels, splits }: DataReport, used: readonly SplitName[]): Section => ({
  title: 'Values',
  body: used.map((name) =>
    table({
      caption: name,
      head: ['value', 'mean', 'deviation', 'least', 'most'],
      rows: splits[name].values.map(({ mean, deviation, min, max }, k) => [
        labels[k],
        ...[mean, deviation, min, max].map((x) => x.toFixed(3)),
      ]),
    }),
  ),
});

function levelSection({ labels }: DataReport, { splits }: Inspection, used: readonly SplitName[]): Section[] {
  const tables = used.flatMap((name) => {
    const { levels } = splits[name];
    if (!levels) return [];
    const highest = Math.max(...levels.map(({ length }) => length));
    const most = Math.max(...levels.flat());
    const cells = (counts: readonly number[]): Html[] =>
      Array.from({ length: highest }, (_, level) => bar(counts[level] ?? 0, { of: most }));
    return table({
      caption: `${name}: examples of each level`,
      head: ['label', ...Array.from({ length: highest }, (_, level) => `level ${level}`)],
      rows: levels.map((counts, k) => [labels[k], ...cells(counts)]),
    });
  });
  return tables.length === 0 ? [] : [{ title: 'Levels', body: tables }];
}

function togetherSection(report: DataReport, { together }: Inspection): Section[] {
  if (!together) return [];
  const { labels, splits } = report;
  const n = splitNames.reduce((sum, name) => sum + splits[name].size, 0);
  const pairs = labelPairs(together, n);
  const most = pairs[0]?.count ?? 0;
  const matrix = table({
    caption: 'Examples of all splits that hold both labels; the deeper, the more',
    head: ['', ...labels],
    rows: together.map((row, a) => [labels[a], ...row.map((count, b) => (a === b ? '·' : shade(count, { of: most })))]),
  });
  const list = table({
    caption: `Pairs of labels held together, most often first${pairs.length > maxPairs ? ` (${maxPairs} of ${whole(pairs.length)})` : ''}; times chance: over what independent labels would give`,
    head: ['labels', 'examples', 'times chance'],
    rows: pairs
      .slice(0, maxPairs)
      .map(({ a, b, count, lift }) => [`${labels[a]} + ${labels[b]}`, bar(count, { of: most }), threeDigits(lift)]),
  });
  return [{ title: 'Labels together', body: labels.length <= maxMatrix ? [matrix, list] : [list] }];
}

function lengthSection({ splits }: DataReport, { splits: inspected }: Inspection): Section {
  const lengths = (caption: string, of: (name: SplitName) => readonly number[]): Html =>
    table({
      caption,
      head: ['', ...splitNames],
      rows: lengthQuantiles.map((q, i) => [quantileName(q), ...splitNames.map((name) => of(name)[i] ?? '–')]),
    });
  return {
    title: 'Text lengths',
    body: [
      lengths('Characters', (name) => splits[name].lengths),
      lengths('Words: what white space separates', (name) => inspected[name].words),
    ],
  };
}

function repeatSection(report: DataReport, { nearDuplicates }: Inspection): Section {
  const { threshold, within, across, first } = nearDuplicates;
  const pairs = table({
    caption: 'Some nearly equal texts, those across splits first',
    head: ['similarity', 'first', 'second'],
    text: [1, 2],
    rows: first.map(({ similarity, pair }) => [
      similarity.toFixed(2),
      ...pair.map(({ id, split, text }) => html`<span class="soft">${split} ${id}</span><br>${quotation(text)}`),
    ]),
  });
  return {
    title: 'Repeats, conflicts and leaks',
    body: [
      factList(auditFacts(report).filter(([name]) => name !== 'split')),
      table({
        caption: `Nearly equal texts: Jaccard similarity of runs of 5 characters ≥ ${threshold}; equal ones count; none were removed`,
        head: ['', 'examples'],
        rows: [
          ...splitNames.map((name) => [`${name}, with one before it in ${name}`, within[name]]),
          ...across.map(({ from, into, examples }) => [`${from}, with one in ${into}`, examples]),
        ],
      }),
      ...(first.length === 0 ? [] : [pairs]),
    ],
  };
}

function scriptSection(inspection: Inspection, used: readonly SplitName[]): Section {
  const rows = scriptNames(inspection).map((name) => [
    name,
    ...used.flatMap((split) => {
      const { scripts } = inspection.splits[split];
      const own = scripts.find(({ script }) => script === name);
      return (['texts', 'letters'] as const).map((what) => {
        const total = scripts.reduce((n, share) => n + share[what], 0);
        const value = own?.[what] ?? 0;
        return bar(value, { of: total, shown: `${whole(value)} (${percent(value, total)})` });
      });
    }),
  ]);
  return {
    title: 'Writing scripts',
    body: [
      table({
        caption: 'Texts by the script of most of their letters, and letters by script',
        head: ['script', ...used.flatMap((name) => [`${name}: texts`, `letters`])],
        rows,
      }),
    ],
  };
}

const percent = (part: number, whole: number): string => (whole === 0 ? '–' : `${((100 * part) / whole).toFixed(1)} %`);
