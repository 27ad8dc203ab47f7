import { basename, join } from 'node:path';

import { requireFiles } from './files.ts';
import type { Source } from './source.ts';

const labels = ['anger', 'disgust', 'fear', 'joy', 'neutral', 'sadness', 'surprise'];
const task = 'single_label_classification';
const home = 'https://github.com/declare-lab/MELD/tree/master/data/MELD';
const folder = (dataDir: string): string => join(dataDir, 'meld');

/**
 * Dialogues of the series Friends: CSV with a header, an utterance a row, those of a dialogue one after the other. The
 * earlier ones are its context. Dialogues are numbered anew in every file. Many quotation marks and dashes of train are C1
 * control characters (U+0092 for ’), which cleaning puts right.
 */
export const meld: Source = {
  name: 'meld',
  title: 'MELD: dialogues of a TV series, 7 emotions',
  licence: 'GPL-3.0; the texts are from a TV series',
  citation:
    'Poria et al. 2019, MELD: A Multimodal Multi-Party Dataset for Emotion Recognition in Conversations, ACL, arXiv:1810.02508',
  home,
  access: { ask: `download train_sent_emo.csv, dev_sent_emo.csv and test_sent_emo.csv yourself from ${home}` },
  hubName: 'declare-lab/MELD',
  language: 'en',
  defaultTask: task,
  labels: { [task]: labels },
  folder,
  files: ['train_sent_emo.csv', 'dev_sent_emo.csv', 'test_sent_emo.csv'].map((path) => ({ path })),
  async table({ dataDir }) {
    await requireFiles(meld, dataDir);
    const file = (path: string): string => join(folder(dataDir), path);
    return {
      data: file('train_sent_emo.csv'),
      validation: file('dev_sent_emo.csv'),
      test: file('test_sent_emo.csv'),
      textColumn: 'Utterance',
      labelColumns: ['Emotion'],
      dialogueColumn: 'Dialogue_ID',
      prepare: ({ file, cells }) => ({ ...cells, Dialogue_ID: `${basename(file)}:${cells.Dialogue_ID}` }),
      labels,
      task,
    };
  },
};
