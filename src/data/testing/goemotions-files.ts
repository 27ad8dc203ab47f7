import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { goemotions, goemotionsEkman } from '../sources/goemotions.ts';
import { temporaryFolder } from './files.ts';

/**
 * A folder with `goemotions/{original,ekman}` in the exact form of the real files, in small: no header, CSV-quoted
 * texts inside the TSV, several ids in a cell, a text that train shares with test, no newline after the last label.
 */
export function tinyGoemotions(): string {
  const dataDir = temporaryFolder();
  const write = (path: string, lines: readonly string[], end = '\n'): void =>
    writeFileSync(path, lines.join('\n') + end);
  for (const source of [goemotions, goemotionsEkman]) {
    const folder = source.folder(dataDir);
    const labels = source.labels.multi_label_classification!;
    const neutral = labels.indexOf('neutral');
    mkdirSync(folder, { recursive: true });
    write(join(folder, 'labels.txt'), labels, '');
    write(join(folder, 'train.tsv'), [
      'My favourite food is anything.\t2\teebbqej',
      '"Three words. ""Dude. Stop. Seriously."" "\t0,3\teetq9g0',
      '"A ""tab\there"""\t1\teetq9g1',
      `Thank you [NAME]\t${neutral}\teeibobj`,
      'He said "no" and left\t5\tedsb738',
    ]);
    write(join(folder, 'dev.tsv'), ['Is this in New Orleans??\t1\tedgurhb']);
    write(join(folder, 'test.tsv'), [`Thank you [NAME]\t${neutral}\teeccc`, 'thank  YOU [name]\t0\tedddd']);
  }
  return dataDir;
}
