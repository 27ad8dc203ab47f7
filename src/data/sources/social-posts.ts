import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import type { Task } from '../../core/task.ts';
import type { Source } from './source.ts';

const emotions = ['anger', 'disgust', 'fear', 'joy', 'neutral', 'sadness', 'surprise'];
const folder = fileURLToPath(new URL('../../../assets/social-posts', import.meta.url));

const columns = {
  single_label_classification: ['label'],
  multi_label_classification: ['labels'],
  regression: ['valence', 'arousal', 'dominance'],
} satisfies Partial<Record<Task, readonly string[]>>;

/** 1,320 short English messages written for this project, with one emotion each, one to three, or valence, arousal and dominance. */
export const socialPosts: Source = {
  name: 'social-posts',
  title: 'Social posts: fictional short messages, 7 emotions',
  licence: 'CC0 1.0',
  citation: 'emotune, assets/social-posts',
  home: 'shipped with emotune in assets/social-posts',
  language: 'en',
  defaultTask: 'single_label_classification',
  labels: {
    single_label_classification: emotions,
    multi_label_classification: emotions,
    regression: columns.regression,
  },
  folder: () => folder,
  files: [{ path: 'posts.jsonl', sha256: '04213ab6df8d4cae9ebf792cdecc562ee8a26e9c3cb7ecd0a2a77072c5ab3939' }],
  table: async ({ task }) => ({
    data: join(folder, 'posts.jsonl'),
    task,
    textColumn: 'text',
    idColumn: 'id',
    splitColumn: 'split',
    labelColumns: columns[task as keyof typeof columns],
    labels: task === 'regression' ? columns.regression : emotions,
  }),
};
