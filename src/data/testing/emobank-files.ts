import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { emobank } from '../sources/emobank.ts';
import { temporaryFolder } from './files.ts';

/**
 * A folder with `emobank/emobank.csv` in the exact form of the real file, in small: the official split as a column, quotes
 * doubled inside quotes and left over at the end of a text, a text that occurs twice in train, one of test also in train.
 */
export function tinyEmobank(): string {
  const dataDir = temporaryFolder();
  mkdirSync(emobank.folder(dataDir), { recursive: true });
  const lines = [
    'id,split,V,A,D,text',
    'A_1,train,3.0,3.0,3.2,"Did she say so in her last letter? """',
    'A_2,train,1.2,3.1,2.8,"It added: ""In winter, nothing grows,"" and left."',
    'A_3,train,4.5,4.0,3.7,"Dear friend,"',
    'A_4,train,4.5,4.0,3.7,"Dear friend,"',
    'A_5,train,3.0,2.9,3.0,Thank you.',
    'B_1,dev,2.0,4.2,2.1,They ran for their lives!',
    'C_1,test,3.7,3.2,3.0,Thank you.',
    'C_2,test,1.7,2.4,2.3,"Nobody came; ""well"", he said."',
  ];
  writeFileSync(join(emobank.folder(dataDir), 'emobank.csv'), `${lines.join('\n')}\n`);
  return dataDir;
}
