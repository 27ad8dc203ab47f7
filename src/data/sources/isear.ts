import { join } from 'node:path';

import { requireFiles } from './files.ts';
import type { PrepareRow } from './prepare.ts';
import type { Source } from './source.ts';

const labels = ['joy', 'fear', 'anger', 'sadness', 'disgust', 'shame', 'guilt'];
const task = 'single_label_classification';
const folder = (dataDir: string): string => join(dataDir, 'isear');

/**
 * Answers of students in 37 countries to when they felt each of seven emotions: the `isear.csv` that was made of the
 * survey's Access database, with 43 columns between `|`, the last without a name. SIT is the answer, Field1 the emotion, ID
 * the person, MYKEY the row. An answer may hold a `|`, and `"` is a character.
 */
export const isear: Source = {
  name: 'isear',
  title: 'ISEAR: situations in which people felt an emotion, 7 emotions',
  licence: 'CC BY-NC-SA 3.0',
  citation:
    'Scherer & Wallbott 1994, Evidence for universality and cultural variation of differential emotion response patterning, J. Pers. Soc. Psychol. 66(2), 310-328',
  home: 'https://www.unige.ch/cisa/research/materials-and-online-research/research-material/',
  access: {
    ask: 'download isear.csv (43 columns between |) yourself, such as from https://github.com/sinmaniphel/py_isear_dataset',
  },
  language: 'en',
  defaultTask: task,
  labels: { [task]: labels },
  folder,
  files: [{ path: 'isear.csv' }],
  async table({ dataDir }) {
    await requireFiles(isear, dataDir);
    return {
      data: join(folder(dataDir), 'isear.csv'),
      delimiter: '|',
      quoting: false,
      spillColumn: 'SIT',
      textColumn: 'SIT',
      labelColumns: ['Field1'],
      idColumn: 'MYKEY',
      groupColumn: 'ID',
      prepare,
      labels,
      task,
    };
  },
};

/** What people wrote who had nothing to tell, in lower case, without brackets and the full stop. */
const noAnswers = new Set([
  'blank',
  'can not think of anything just now',
  'do not know',
  'do not remember any incident',
  'does not apply',
  "doesn't apply",
  'i have never felt this emotion',
  'never',
  'never experienced',
  'never felt the emotion',
  'no description',
  'no reponse',
  'no response',
  'none',
  'not applicable',
  'not applicable to myself',
  'nothing',
]);

/** A no-break space and a line end became ` á ` when the database was exported. */
const lineEnd = / á(?= |$)/g;

const prepare: PrepareRow = ({ cells }, count) => {
  const answer = String(cells.SIT ?? '');
  const said = answer.replace(/^[\s[]+|[\s.\]]+$/g, '').toLowerCase();
  if (noAnswers.has(said)) return `no answer, such as '[ No response.]'`;
  const text = answer.replace(lineEnd, '');
  if (text !== answer) count("line ends written as 'á' removed");
  return { ...cells, SIT: text };
};
