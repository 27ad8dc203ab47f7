import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { meld } from '../sources/meld.ts';
import { temporaryFolder } from './files.ts';

const header = 'Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID,Season,Episode,StartTime,EndTime';

/**
 * A folder with `meld/{train,dev,test}_sent_emo.csv` in the exact form of the real files, in small: CRLF, RFC 4180 quotes,
 * Windows-1252 characters as C1 control characters in train, dialogues that are numbered anew in every file.
 */
export function tinyMeld(): string {
  const dataDir = temporaryFolder();
  const write = (
    path: string,
    ...rows: readonly (readonly [text: string, emotion: string, dialogue: number])[]
  ): void => {
    const lines = rows.map(
      ([text, emotion, dialogue], i) =>
        `${i + 1},${text},Ann,${emotion},neutral,${dialogue},${i},1,1,"00:00:01,000","00:00:02,000"`,
    );
    writeFileSync(join(meld.folder(dataDir), path), [header, ...lines, ''].join('\r\n'));
  };
  mkdirSync(meld.folder(dataDir), { recursive: true });
  write(
    'train_sent_emo.csv',
    ['"Well, it\u0092s late."', 'neutral', 0],
    ['"""Late""\u0097again?!"', 'surprise', 0],
    ['I know\u0085', 'sadness', 0],
    ['Get out!', 'anger', 1],
    ['Wait', 'fear', 1],
    ['Lovely.', 'joy', 2],
    ['Yuck.', 'disgust', 3],
  );
  write('dev_sent_emo.csv', ['It’s fine.', 'joy', 0], ['Is it?', 'surprise', 0]);
  write('test_sent_emo.csv', ['Hey!', 'joy', 0], ['Hey.', 'neutral', 1], ['What’s that?', 'surprise', 1]);
  return dataDir;
}
