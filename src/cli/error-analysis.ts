/** What `evaluate` says of a model's errors: which texts, and on which parts of the data. */
import { ConfigError } from '../core/errors.ts';
import { hasValues, type Task } from '../core/task.ts';
import { textTable } from '../core/text-table.ts';
import type { Example, Examples } from '../data/example.ts';
import type { Answers, Rows } from '../metrics/evaluate.ts';
import type { Mistake } from '../metrics/mistakes.ts';
import type { Slice, SliceBy } from '../metrics/slices.ts';
import { countWords } from '../text/words.ts';
import { foundLine, withExamples } from './found-texts.ts';
import { writeResult } from './output.ts';
import { cutTo } from './terminal.ts';
import { formatWhole, plural } from './view/quantities.ts';

/** What a model answered, in the order of `labels`. */
export interface AnalysedAnswers extends Answers {
  readonly task: Task;
  readonly labels: readonly string[];
  readonly targets: Rows;
}

/** Gathers by what the examples are told apart, as they are read. */
export class SliceFacts {
  readonly #names: readonly string[];
  readonly #values: (string | number | undefined)[][];
  readonly #columns = new Set<string>();

  /** @param names `length` (in words), `intensity` (of values and levels), or columns of the data. */
  constructor(names: readonly string[] = []) {
    this.#names = names;
    this.#values = names.map(() => []);
  }

  add({ text, meta = {} }: Example): void {
    for (const name in meta) this.#columns.add(name);
    for (const [i, name] of this.#names.entries())
      this.#values[i]!.push(name === 'length' && meta.length === undefined ? countWords(text) : cellValue(meta[name]));
  }

  /** @throws ConfigError if a name is no column of the data. */
  async by({ task, targets }: AnalysedAnswers): Promise<SliceBy[]> {
    const by: SliceBy[] = [];
    for (const [i, name] of this.#names.entries()) {
      const values = this.#values[i]!;
      const isThere = values.some((value) => value !== undefined);
      if (!isThere && !(name === 'intensity' && hasValues(task))) throw this.#unknown(name);
      by.push({ name, values: isThere ? values : await intensities(task, targets) });
    }
    return by;
  }

  #unknown(name: string): ConfigError {
    const there = [...this.#columns].join(', ');
    return new ConfigError(
      `--slices ${name}: no column of the data that is not used otherwise is called so; there are ${there || 'none'}, and length`,
    );
  }
}

const cellValue = (cell: unknown): string | number | undefined => {
  if (typeof cell === 'number') return cell;
  if (typeof cell !== 'string' && typeof cell !== 'boolean') return undefined;
  const text = String(cell).trim();
  return text === '' ? undefined : Number.isFinite(Number(text)) ? Number(text) : text;
};

/** How extreme each target is: its highest level, or its largest distance from the mean in units of the deviation. */
async function intensities(task: Task, targets: Rows): Promise<number[]> {
  if (task === 'ordinal_regression') return targets.map((row) => Math.max(...row));
  const { fitStandardization } = await import('../train/standardization.ts');
  const { means, deviations } = await fitStandardization(targets, targets[0]!.length);
  return targets.map((row) => Math.max(...row.map((y, k) => Math.abs(y - means[k]!) / deviations[k]!)));
}

/** A table of the parts, with what they are compared by. */
export function sliceLines(slices: readonly Slice[], metric: string): string[] {
  const rows = slices.map(({ name, value, n, metric: { value: score, low, high } }) => [
    name,
    cutTo(value.replace(/\s+/g, ' '), 40),
    formatWhole(n),
    decimal(score),
    `${decimal(low)} to ${decimal(high)}`,
  ]);
  return textTable([['slice', '', 'texts', metric, '95 % interval'], ...rows]);
}

const decimal = (value: number | null | undefined): string => value?.toFixed(4) ?? 'n/a';

/**
 * Writes the texts that were answered wrongly as JSON Lines, the worst first, each with what is true, what was answered and
 * all scores.
 *
 * @returns lines for a person: how many there are, and the worst of them.
 */
export async function writeMistakes(
  path: string,
  examples: Examples,
  { task, labels, targets, scores }: AnalysedAnswers,
  mistakes: readonly Mistake[],
): Promise<string[]> {
  const worst: string[] = [];
  const name = (held: readonly number[]) => held.map((k) => labels[k]!);
  const named = (values: readonly number[]) => Object.fromEntries(labels.map((label, k) => [label, values[k]!]));
  const truth = (target: readonly number[]) =>
    hasValues(task) ? named(target) : name([...target.keys()].filter((k) => target[k] === 1));
  async function* records(): AsyncGenerator<string, void> {
    for await (const [{ place, given, size }, { id, text, context }] of withExamples(mistakes, examples)) {
      const answered = { true: truth(targets[place]!), labels: name(given), size, scores: named(scores[place]!) };
      if (worst.length < shown) worst.push(foundLine(size, verdict(answered), text));
      yield `${JSON.stringify({ id, text, ...(context ? { context } : {}), ...answered })}\n`;
    }
  }
  await writeResult(path, records());
  const what = hasValues(task) ? 'by their largest error' : 'answered wrongly';
  return [`${plural(mistakes.length, 'text')} ${what}, in ${path}; the worst:`, ...worst];
}

/** Mistakes that a person is shown. */
const shown = 5;

interface Answered {
  readonly true: readonly string[] | Readonly<Record<string, number>>;
  readonly labels: readonly string[];
  readonly scores: Readonly<Record<string, number>>;
}

/** `joy, not sadness` */
function verdict({ true: truth, labels, scores }: Answered): string {
  const list = (names: readonly string[]) => names.join(', ') || 'none';
  const values = (of: Readonly<Record<string, number>>) => Object.values(of).map((y) => y.toFixed(2));
  return Array.isArray(truth)
    ? `${list(labels)}, not ${list(truth)}`
    : `${list(values(scores))}, not ${list(values(truth as Readonly<Record<string, number>>))}`;
}
