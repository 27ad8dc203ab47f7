import { join } from 'node:path';

import { DataError } from '../../core/errors.ts';
import type { Task } from '../../core/task.ts';
import type { Row } from '../rows.ts';
import { requireFiles } from './files.ts';
import type { PrepareRow } from './prepare.ts';
import type { Source } from './source.ts';

/** The archive as its authors give it out, unpacked in the folder of third-party data. */
const archive = 'SemEval2018-Task1-all-data';
const home = 'https://competitions.codalab.org/competitions/17751';

const languages = [
  { language: 'en', code: 'En', folder: 'English' },
  { language: 'es', code: 'Es', folder: 'Spanish' },
  { language: 'ar', code: 'Ar', folder: 'Arabic' },
] as const;
type Language = (typeof languages)[number];

const parts = ['train', 'dev', 'test-gold'] as const;
type Part = (typeof parts)[number];

const emotions = 'anger anticipation disgust fear joy love optimism pessimism sadness surprise trust'.split(' ');
const rated = ['anger', 'fear', 'joy', 'sadness'];

/** The two forms of a rating: `reg`, a number from 0 to 1, and `oc`, a class such as `2: moderate amount of anger …`. */
const forms = [
  { form: 'reg', task: 'regression', column: 'Intensity Score' },
  { form: 'oc', task: 'ordinal_regression', column: 'Intensity Class' },
] as const;
type Form = (typeof forms)[number];

/**
 * SemEval-2018 Task 1, Affect in Tweets, in English, Spanish and Arabic: E-c (eleven emotions, none of them is neutral);
 * V-reg and V-oc (valence, from 0 to 1 or as one of seven levels); EI-reg and EI-oc (how intense one of four emotions is,
 * from 0 to 1 or as one of four levels). EI has a file, and here a dataset, per emotion: the tweets of the four overlap
 * only in part, so that most have no intensity of the other three.
 */
export const semeval2018: readonly Source[] = languages.flatMap((language) => [
  emotionsOf(language),
  ...forms.map((form) => valenceOf(language, form)),
  ...forms.flatMap((form) => rated.map((emotion) => intensityOf(language, form, emotion))),
]);

function emotionsOf({ language, folder, code }: Language): Source {
  return semevalSource(language, {
    name: `ec-${language}`,
    title: `E-c: ${folder} tweets, 11 emotions`,
    task: 'multi_label_classification',
    labels: emotions,
    file: (part) => `${folder}/E-c/2018-E-c-${code}-${part}.txt`,
    values: (row) => emotions.map((emotion) => cellOf(row, emotion)),
  });
}

/** The classes of V-oc go from -3 to 3; here they are the levels 0 to 6. */
function valenceOf({ language, folder, code }: Language, { form, task, column }: Form): Source {
  const scale = form === 'reg' ? 'from 0 to 1' : 'from 0 (very negative) to 6 (very positive)';
  return semevalSource(language, {
    name: `v-${form}-${language}`,
    title: `V-${form}: ${folder} tweets, valence ${scale}`,
    task,
    labels: ['valence'],
    file: (part) => `${folder}/V-${form}/2018-Valence-${form}-${code}-${part}.txt`,
    values: (row) => [levelIn(cellOf(row, column), -3)],
  });
}

function intensityOf({ language, folder, code }: Language, { form, task, column }: Form, emotion: string): Source {
  return semevalSource(language, {
    name: `ei-${form}-${language}-${emotion}`,
    title: `EI-${form}: ${folder} tweets, intensity of ${emotion} from 0 to ${form === 'reg' ? 1 : 3}`,
    task,
    labels: [emotion],
    file: (part) => `${folder}/EI-${form}/${intensityFile(`EI-${form}-${code}-${emotion}`, part)}`,
    values(row) {
      checkEmotion(row, emotion);
      return [levelIn(cellOf(row, column), 0)];
    },
  });
}

/** The level that the class in a cell is, where the lowest is 0; a cell without a class, such as a score, as it is. */
function levelIn(cell: string, lowest: number): string {
  const [, name] = /^(-?\d+):/.exec(cell) ?? [];
  return name === undefined ? cell : String(Number(name) - lowest);
}

/** The folder and name of a file of EI; the English training files alone lack the year. */
function intensityFile(name: string, part: Part): string {
  const folders: Readonly<Record<Part, string>> = { train: 'training', dev: 'development', 'test-gold': 'test-gold' };
  const year = part === 'train' && name.includes('-En-') ? '' : '2018-';
  return `${folders[part]}/${year}${name}-${part}.txt`;
}

interface Subtask {
  readonly name: string;
  readonly title: string;
  readonly task: Task;
  readonly labels: readonly string[];
  file(part: Part): string;
  /** The cells of the labels. */
  values(row: Row): readonly string[];
}

/** The files are TSV with a header and without quoting: a `"` is a character. */
function semevalSource(language: string, { name, title, task, labels, file, values }: Subtask): Source {
  const folder = (dataDir: string): string => join(dataDir, archive);
  const source: Source = {
    name: `semeval2018-${name}`,
    title: `SemEval-2018 Task 1, ${title}`,
    licence: 'NRC terms of use: cite it, do not redistribute it',
    citation: 'Mohammad et al. 2018, SemEval-2018 Task 1: Affect in Tweets, SemEval',
    home,
    access: { ask: `get ${archive}.zip from ${home}, unpack it` },
    language,
    defaultTask: task,
    labels: { [task]: labels },
    folder,
    files: parts.map((part) => ({ path: file(part) })),
    async table({ dataDir }) {
      await requireFiles(source, dataDir);
      const [data, validation, test] = parts.map((part) => join(folder(dataDir), file(part)));
      return {
        data: data!,
        validation,
        test,
        delimiter: '\t',
        quoting: false,
        textColumn: 'Tweet',
        idColumn: 'ID',
        labelColumns: labels,
        labels,
        task,
        prepare: prepareWith(labels, values),
      };
    },
  };
  return source;
}

const prepareWith =
  (labels: readonly string[], values: Subtask['values']): PrepareRow =>
  (row, count) => {
    const id = cellOf(row, 'ID');
    if (id.includes('mystery')) return 'sentences of a study of bias, which have no score (their ids say mystery)';
    const tweet = cellOf(row, 'Tweet');
    const text = decoded(tweet);
    if (text !== tweet) count('HTML entities and \\n decoded');
    const read = values(row);
    if (read.includes('NONE'))
      throw new DataError(
        `${row.file}:${row.line}: the label is NONE: this is the test file without labels; the file of that name that ` +
          'ends in -test-gold.txt has them',
      );
    return { ID: id, Tweet: text, ...Object.fromEntries(labels.map((label, k) => [label, read[k]])) };
  };

/** @throws DataError if there is no such column. */
function cellOf({ file, cells }: Row, column: string): string {
  const cell = cells[column];
  if (typeof cell === 'string') return cell;
  const columns = Object.keys(cells).join(', ');
  throw new DataError(
    `${file}: no column '${column}' among the columns [${columns}]; it is not the file of that name in ${archive}.zip`,
  );
}

/** @throws DataError if the row is about another of the four emotions. */
function checkEmotion(row: Row, emotion: string): void {
  const found = cellOf(row, 'Affect Dimension');
  if (found !== emotion && rated.includes(found))
    throw new DataError(
      `${row.file}:${row.line}: is about ${found}, not ${emotion}; it is not the file of that name in ${archive}.zip`,
    );
}

const entities: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'" };

/** A tweet as it was written: its HTML entities, and `\n` in two characters, are what they stand for. */
export const decoded = (text: string): string =>
  text.replace(/&(amp|lt|gt|quot|#39);/g, (_, name: string) => entities[name]!).replaceAll('\\n', '\n');
