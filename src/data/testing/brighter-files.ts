import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { brighter } from '../sources/brighter.ts';
import { temporaryFolder } from './files.ts';

const texts = [
  ['"He said ""no"", and that was that."', 'Colours of autumn.'],
  ['"Well, well 🖖"', 'Nothing to add'],
  ['"So, who is it?"', 'What a day'],
] as const;

/**
 * A folder with `brighter/track_{a,b}` in the exact form of the real files, in small: quotes as in RFC 4180, no disgust in
 * English, a text without any emotion, intensities in track B, no labels in the English test file of track A.
 */
export function tinyBrighter(): string {
  const dataDir = temporaryFolder();
  for (const source of brighter) {
    const labels = source.labels.multi_label_classification!;
    const code = source.name.slice(-3);
    const write = (path: string, cells: readonly string[], part: number): void => {
      const file = join(source.folder(dataDir), path);
      const id = path.replaceAll(/\/|\.csv/g, '_');
      const lines = texts[part]!.map((text, row) => `${id}${row + 1},${text},${cells[row]}`);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, `${[`id,text,${labels.join(',')}`, ...lines].join('\n')}\n`);
    };
    const of = (value: string): string => labels.map((_, k) => (k === 1 ? '0' : value)).join(',');
    for (const [part, name] of ['train', 'dev', 'test'].entries()) {
      write(`track_a/${name}/${code}.csv`, [of('1'), of('0')], part);
      write(`track_b/${name}/${code}.csv`, [of(String(part + 1)), of('0')], part);
    }
    if (code === 'eng') write('track_a/test/eng.csv', [of('').replace('0', ''), of('').replace('0', '')], 2);
  }
  return dataDir;
}
