import { join } from 'node:path';

import { requireFiles, requireLines } from './files.ts';
import { decoded } from './semeval2018.ts';
import type { Source } from './source.ts';

const labels = ['anger', 'joy', 'optimism', 'sadness'];
const task = 'single_label_classification';
const home = 'https://github.com/cardiffnlp/tweeteval/tree/main/datasets/emotion';
const folder = (dataDir: string): string => join(dataDir, 'tweeteval', 'emotion');
const splits = ['train', 'val', 'test'];

/**
 * The emotion task of TweetEval, made of SemEval-2018's: texts and label ids in two files, line by line; `mapping.txt` says
 * what the ids mean. Names of users are `@user`.
 */
export const tweetevalEmotion: Source = {
  name: 'tweeteval-emotion',
  title: 'TweetEval, emotion: English tweets, 4 emotions',
  licence: "Twitter's terms of service; SemEval-2018's terms (research)",
  citation:
    'Barbieri et al. 2020, TweetEval, Findings of EMNLP, arXiv:2010.12421; Mohammad et al. 2018, SemEval-2018 Task 1: Affect in Tweets, S18-1001',
  home,
  access: { ask: `download mapping.txt and the *_text.txt and *_labels.txt files yourself from ${home}` },
  hubName: 'cardiffnlp/tweet_eval',
  language: 'en',
  defaultTask: task,
  labels: { [task]: labels },
  folder,
  files: [...splits.flatMap((split) => [`${split}_text.txt`, `${split}_labels.txt`]), 'mapping.txt'].map((path) => ({
    path,
  })),
  async table({ dataDir }) {
    await requireFiles(tweetevalEmotion, dataDir);
    const file = (path: string): string => join(folder(dataDir), path);
    await requireLines(
      file('mapping.txt'),
      labels.map((label, id) => `${id}\t${label}`),
    );
    return {
      data: file('train_text.txt'),
      validation: file('val_text.txt'),
      test: file('test_text.txt'),
      prepare({ cells }, count) {
        const text = decoded(String(cells.text));
        if (text !== cells.text) count('HTML entities and \\n decoded');
        return { ...cells, text };
      },
      lineFiles: (text) => ({ text, label: text.replace(/_text\.txt$/, '_labels.txt') }),
      textColumn: 'text',
      labelColumns: ['label'],
      labels,
      task,
    };
  },
};
