import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { emotion } from '../sources/emotion.ts';
import { temporaryFolder } from './files.ts';

/**
 * A folder with `emotion/{train,val,test}.txt` in the exact form of the real files, in small: `;` and quotes inside texts, a
 * text with two labels, one that test and validation share with train.
 */
export function tinyEmotion(): string {
  const dataDir = temporaryFolder();
  const write = (path: string, ...lines: readonly string[]): void =>
    writeFileSync(join(emotion.folder(dataDir), path), `${lines.join('\n')}\n`);
  mkdirSync(emotion.folder(dataDir), { recursive: true });
  write(
    'train.txt',
    'i feel low; the rain goes on;sadness',
    'i feel "fine;joy',
    'i feel tender;love',
    'i feel torn;anger',
    'i feel torn;fear',
    'i feel at home;joy',
    'i feel calm now;joy',
  );
  write('val.txt', 'i feel at home;joy', 'i feel dazed;surprise');
  write('test.txt', 'i feel calm now;joy', 'i feel shaken;fear');
  return dataDir;
}
