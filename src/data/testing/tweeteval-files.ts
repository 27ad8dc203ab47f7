import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { tweetevalEmotion } from '../sources/tweeteval-emotion.ts';
import { temporaryFolder } from './files.ts';

/**
 * A folder with `tweeteval/emotion` in the exact form of the real files, in small: texts and ids line by line, a space after
 * every text, quotes, tabs and commas that mean nothing, HTML entities, `\n` in two characters, no newline after the mapping.
 */
export function tinyTweeteval(): string {
  const dataDir = temporaryFolder();
  const write = (path: string, content: string): void =>
    writeFileSync(join(tweetevalEmotion.folder(dataDir), path), content);
  const writeSplit = (split: string, rows: readonly (readonly [string, number])[]): void => {
    write(`${split}_text.txt`, rows.map(([text]) => `${text} \n`).join(''));
    write(`${split}_labels.txt`, rows.map(([, id]) => `${id}\n`).join(''));
  };
  mkdirSync(tweetevalEmotion.folder(dataDir), { recursive: true });
  write('mapping.txt', '0\tanger\n1\tjoy\n2\toptimism\n3\tsadness');
  writeSplit('train', [
    ['@user Late again, "again"\tand again #bus', 0],
    ['"What a day 😀', 1],
    ['Tea &amp; toast\\n&lt;3', 2],
  ]);
  writeSplit('val', [['Rain. Rain. Rain.', 3]]);
  writeSplit('test', [
    ['@user we will see, it can only get better', 2],
    ['No words', 3],
  ]);
  return dataDir;
}
