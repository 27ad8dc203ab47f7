import { DataError } from '../core/errors.ts';
/** Which column holds what. */
export interface Columns {
  readonly text: string;
  readonly labels: readonly string[];
  readonly id?: string;
  readonly split?: string;
  readonly group?: string;
  readonly weight?: string;
  readonly context?: string;
  readonly dialogue?: string;
  /** What was guessed rather than told, for the report. */
  readonly notes: readonly string[];
}

export interface ColumnOptions {
  /** Default: the first column with a usual name, such as `text`, `tweet`, `sentence`. */
  readonly textColumn?: string | undefined;
  /** Default: a column with a usual name (`label`, `emotion`, …), else the columns `labels` names, else all 0/1 columns. */
  readonly labelColumns?: readonly string[] | undefined;
  /** Default: `id`, if there is one. */
  readonly idColumn?: string | undefined;
  /** A column of `train`, `validation` (`valid`, `val`, `dev`) and `test`. Default: `split`, if there is one; `false`: none. */
  readonly splitColumn?: string | false | undefined;
  /** Rows with the same value here, such as an author or a thread, are never in two splits. Default: the dialogue, if any. */
  readonly groupColumn?: string | undefined;
  /** What each row counts in training's loss: a number from 10⁻⁶ to 10⁶, such as annotators' agreement. Default: 1. */
  readonly weightColumn?: string | undefined;
  /** The turns before the text: a JSON array of strings or of `{"role": …, "text": …}`. */
  readonly contextColumn?: string | undefined;
  /** Names the dialogue whose turns the rows are, one after the other; the turns before a row are its context. A group, too. */
  readonly dialogueColumn?: string | undefined;
  /** The label set and its order. Default: what the rows hold, sorted; several label columns in their own order. */
  readonly labels?: readonly string[] | undefined;
}

const usual = {
  text: 'text tweet sentence content utterance message post comment review body document'.split(' '),
  label: 'label labels emotion emotions sentiment class category target'.split(' '),
  id: ['id'],
  split: ['split'],
};

/** The first column with one of the names, in any case; the names in the order of preference. */
function guess(columns: readonly string[], names: readonly string[]): string | undefined {
  const wanted = names.find((name) => columns.some((column) => column.toLowerCase() === name));
  return columns.find((column) => column.toLowerCase() === wanted);
}

/** The column that is taken for the texts'. */
export const guessTextColumn = (columns: readonly string[]): string | undefined => guess(columns, usual.text);

/** What the columns of a table are chosen from. */
export interface ColumnSurvey {
  readonly file: string;
  readonly columns: readonly string[];
  /** Whether there are rows and all hold 0, 1 or nothing in this column. */
  isIndicator(column: string): boolean;
}

/**
 * Chooses columns by name: those told, else those with a usual name in any case.
 *
 * @throws DataError if a column is missing, naming those there are and the option that sets it.
 */
export function chooseColumns(survey: ColumnSurvey, options: ColumnOptions): Columns {
  const { file, columns } = survey;
  const missing = (what: string, option: string): never => {
    const other = columns.length === 1 && [';', '\t', ',', '|'].find((character) => columns[0]!.includes(character));
    const way = other ? `its fields look separated by ${JSON.stringify(other)}: set delimiter` : `set ${option}`;
    throw new DataError(`${file}: ${what} among the columns [${columns.join(', ')}]; ${way}`);
  };
  const told = (name: string, option: string): string =>
    columns.includes(name) ? name : missing(`no column '${name}'`, option);

  const text = options.textColumn ? told(options.textColumn, 'textColumn') : guessTextColumn(columns);
  if (text === undefined) return missing(`no text column (such as ${usual.text.slice(0, 3).join(', ')})`, 'textColumn');
  const id = options.idColumn ? told(options.idColumn, 'idColumn') : guess(columns, usual.id);
  const guessSplit = (): string | undefined =>
    options.splitColumn === false ? undefined : guess(columns, usual.split);
  const split = options.splitColumn ? told(options.splitColumn, 'splitColumn') : guessSplit();
  const optional = {
    ...(options.groupColumn ? { group: told(options.groupColumn, 'groupColumn') } : {}),
    ...(options.weightColumn ? { weight: told(options.weightColumn, 'weightColumn') } : {}),
    ...(options.contextColumn ? { context: told(options.contextColumn, 'contextColumn') } : {}),
    ...(options.dialogueColumn ? { dialogue: told(options.dialogueColumn, 'dialogueColumn') } : {}),
  };
  const used = new Set([text, id, split, ...Object.values(optional)]);
  const others = columns.filter((column) => !used.has(column));
  const labels = options.labelColumns?.length
    ? options.labelColumns.map((name) => told(name, 'labelColumns'))
    : guessLabels(survey, { others, byName: guess(columns, usual.label), labels: options.labels });
  if (labels.length === 0)
    return missing(`no label column (such as ${usual.label.slice(0, 3).join(', ')})`, 'labelColumns');

  const notes = [
    options.textColumn ? [] : [`text column '${text}' chosen by its name`],
    options.labelColumns?.length ? [] : [`label columns [${labels.join(', ')}] chosen by their names or values`],
    options.splitColumn || split === undefined ? [] : [`split column '${split}' chosen by its name`],
  ].flat();
  const group = optional.group ?? optional.dialogue;
  return {
    text,
    labels,
    notes,
    ...(id === undefined ? {} : { id }),
    ...(split === undefined ? {} : { split }),
    ...optional,
    ...(group === undefined ? {} : { group }),
  };
}

interface LabelChoice {
  readonly others: readonly string[];
  readonly byName: string | undefined;
  readonly labels: readonly string[] | undefined;
}

function guessLabels(survey: ColumnSurvey, { others, byName, labels }: LabelChoice): readonly string[] {
  if (byName !== undefined) return [byName];
  if (labels?.every((label) => others.includes(label))) return labels;
  const indicators = others.filter((column) => survey.isIndicator(column));
  return indicators.length > 1 ? indicators : [];
}
