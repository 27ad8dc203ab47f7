import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { semeval2018 } from '../sources/semeval2018.ts';
import type { Source } from '../sources/source.ts';
import { temporaryFolder } from './files.ts';

const tweets = [
  ['Tea &amp; toast, what a morning\\n&lt;3', "No bus again. I'm done &amp;lt;"],
  ['"Nothing works today', 'They came back "early" and sang'],
  ['He slammed the door', 'A quiet "evening'],
] as const;

/** What stands after the tweet: in the header, in two rows, and in one of the study of bias. */
function cellsOf({ labels, defaultTask: task }: Source): string[][] {
  const names = [...labels[task]!];
  if (task === 'multi_label_classification')
    return [names, names.map((_, k) => (k < 2 ? '1' : '0')), names.map(() => '0')];
  const name = names[0]!;
  if (task === 'regression')
    return [['Affect Dimension', 'Intensity Score'], ...['0.479', '1.000', '0.000'].map((score) => [name, score])];
  const classes =
    name === 'valence'
      ? ['-3: very negative emotional state can be inferred', '2: moderately positive emotional state can be inferred']
      : [`2: moderate amount of ${name} can be inferred`, `0: no ${name} can be inferred`];
  return [['Affect Dimension', 'Intensity Class'], ...classes.map((level) => [name, level])];
}

/**
 * The archive of SemEval-2018 Task 1 in its exact form, in small: no quoting, HTML entities, `\n` in two characters, a
 * byte order mark in the files for validation, a tweet without any emotion, rows of the study of bias in test.
 */
export function tinySemeval2018(): string {
  const dataDir = temporaryFolder();
  for (const source of semeval2018)
    for (const [part, { path }] of source.files.entries()) {
      const file = join(source.folder(dataDir), path);
      const code = /-(En|Es|Ar)-/.exec(path)![1]!;
      const mystery = source.defaultTask === 'regression' && code === 'En' && part === 2;
      const [header, first, second, third] = cellsOf(source).map((cells) => cells.join('\t'));
      const lines = [
        `ID\tTweet\t${header}`,
        `2018-${code}-0${part}1\t${tweets[part]![0]}\t${first}`,
        `2018-${code}-0${part}2\t${tweets[part]![1]}\t${second}`,
        ...(mystery ? [`2018-${code}-mystery-05498\tMy friend feels "annoyed.\t${third}`] : []),
      ];
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, `${part === 1 ? '\ufeff' : ''}${lines.join('\n')}\n`);
    }
  return dataDir;
}
