import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { isear } from '../sources/isear.ts';
import { temporaryFolder } from './files.ts';

const columns =
  'ID CITY COUN SUBJ SEX AGE RELI PRAC FOCC MOCC FIEL EMOT WHEN LONG INTS ERGO TROPHO TEMPER EXPRES MOVE EXP1 EXP2 EXP10 PARAL CON EXPC PLEA PLAN FAIR CAUS COPING MORL SELF RELA VERBAL NEUTRO Field1 Field3 Field2 MYKEY SIT STATE'.split(
    ' ',
  );

const answers = [
  ['101', 'joy', 'When the letter came, and á it was good news. á'],
  ['101', 'fear', 'The choice was left | right, and I did not know.'],
  ['101', 'anger', '"When nobody listened." I said | nothing | at all.'],
  ['101', 'sadness', '[ No response.]'],
  ['102', 'disgust', 'The kitchen.'],
  ['102', 'shame', '[ Same as in disgust.]'],
  ['102', 'guilt', 'When I forgot my sister’s birthday.'],
  ['102', 'joy', 'NO RESPONSE'],
  ['103', 'joy', 'Never.'],
  ['103', 'fear', 'Never again, I thought.'],
] as const;

/**
 * A folder with `isear/isear.csv` in the exact form of the real file, in small: a `|` after the last column, too, `|` and
 * `"` inside answers, line ends that became `á`, answers that say there is none.
 */
export function tinyIsear(): string {
  const dataDir = temporaryFolder();
  const cells = ([ID, Field1, SIT]: (typeof answers)[number], row: number): string[] => {
    const told: Readonly<Record<string, string>> = { ID, Field1, SIT, MYKEY: `0${ID}${row}` };
    return columns.map((name) => told[name] ?? '1');
  };
  const lines = [columns, ...answers.map(cells)].map((fields) => `${fields.join('|')}|\n`);
  mkdirSync(isear.folder(dataDir), { recursive: true });
  writeFileSync(join(isear.folder(dataDir), 'isear.csv'), lines.join(''));
  return dataDir;
}
