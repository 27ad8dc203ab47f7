import { join } from 'node:path';

import { requireFiles } from './files.ts';
import type { Source } from './source.ts';

const labels = ['sadness', 'joy', 'love', 'anger', 'fear', 'surprise'];
const task = 'single_label_classification';
const folder = (dataDir: string): string => join(dataDir, 'emotion');

/**
 * English tweets labelled by their hashtags. A line is `text;label` without a header or quotes; the label is what follows
 * the last `;`. Some texts are there with two labels, and some test texts in train, too.
 */
export const emotion: Source = {
  name: 'emotion',
  title: 'Emotion (dair-ai): English tweets, 6 emotions',
  licence: 'educational and research use only',
  citation:
    'Saravia et al. 2018, CARER: Contextualized Affect Representations for Emotion Recognition, EMNLP, D18-1404',
  home: 'https://github.com/dair-ai/emotion_dataset',
  access: {
    ask: 'download train.txt, val.txt and test.txt yourself, from its authors or https://www.kaggle.com/datasets/praveengovi/emotions-dataset-for-nlp',
  },
  hubName: 'dair-ai/emotion',
  language: 'en',
  defaultTask: task,
  labels: { [task]: labels },
  folder,
  files: ['train.txt', 'val.txt', 'test.txt'].map((path) => ({ path })),
  async table({ dataDir }) {
    await requireFiles(emotion, dataDir);
    const file = (path: string): string => join(folder(dataDir), path);
    return {
      data: file('train.txt'),
      validation: file('val.txt'),
      test: file('test.txt'),
      columns: ['text', 'label'],
      delimiter: ';',
      quoting: false,
      spillColumn: 'text',
      textColumn: 'text',
      labelColumns: ['label'],
      labels,
      task,
    };
  },
};
