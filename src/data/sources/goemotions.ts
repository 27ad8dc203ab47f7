import { join } from 'node:path';

import { requireFiles, requireLines } from './files.ts';
import type { Source } from './source.ts';

const repository = 'https://raw.githubusercontent.com/monologg/GoEmotions-pytorch';
const commit = 'b75f9d3a8b76bc1060687925b04ca98a1b8ea66b';

/** GoEmotions as published: 27 emotions and neutral. `original/` holds the official split. */
export const goemotions = goemotionsSource({
  name: 'goemotions',
  title: 'GoEmotions: Reddit comments, 27 emotions + neutral',
  folder: 'original',
  labels:
    'admiration amusement anger annoyance approval caring confusion curiosity desire disappointment disapproval disgust embarrassment excitement fear gratitude grief joy love nervousness optimism pride realization relief remorse sadness surprise neutral'.split(
      ' ',
    ),
  sha256: {
    'train.tsv': '1c254a142be5c00e80d819b9ae1bbd36d94b2eeb8f4b1271846508d57e57d9c5',
    'dev.tsv': '575489c079c9de1097062a01738f998590d6b7ead66dd1c9fd1d2ba01fd8bc62',
    'test.tsv': '0587b2dd8b27b97352adbfc3fb083d46005c8946657fdc2b1ca8b1cc7f1f8be4',
    'labels.txt': '45c3ef86782d2a4d7fedcd6d8c111aa0d0e94720689bd164fac94fefb4495a89',
  },
});

/** GoEmotions with the 27 emotions mapped to Ekman's six, by the mapping of its authors. */
export const goemotionsEkman = goemotionsSource({
  name: 'goemotions-ekman',
  title: "GoEmotions: Reddit comments, Ekman's 6 emotions + neutral",
  folder: 'ekman',
  labels: 'anger disgust fear joy neutral sadness surprise'.split(' '),
  sha256: {
    'train.tsv': 'bb74d10aec0975674c665205741ba9fe644cd70f682214624997f3770fd9e53f',
    'dev.tsv': '011e6579adc4d9bb2ffd908879b99e1594e7647b262cbb2e1c5c9c1c4d7d8bcc',
    'test.tsv': 'f9f9b91827fe134259469368b93abddc2a52e2e2a87beab661023b06cf490baa',
    'labels.txt': '5ecd91c315ebf550ac798f06549e35a6ee1fb90866608fd640c24d520dc6aa0c',
  },
});

interface Variant {
  readonly name: string;
  readonly title: string;
  readonly folder: string;
  readonly labels: readonly string[];
  readonly sha256: Readonly<Record<string, string>>;
}

/**
 * The files have no header; a line is text, comma-separated ids into the lines of labels.txt, comment id, between tabs.
 * A text with a quote or a tab is CSV-quoted inside the TSV, with its quotes doubled (about 3 % of them).
 */
function goemotionsSource(variant: Variant): Source {
  const { name, title, labels } = variant;
  const task = 'multi_label_classification';
  const folder = (dataDir: string): string => join(dataDir, 'goemotions', variant.folder);
  const source: Source = {
    name,
    title,
    licence: 'CC BY 4.0',
    citation: 'Demszky et al. 2020, GoEmotions: A Dataset of Fine-Grained Emotions, ACL, arXiv:2005.00547',
    home: `${repository.replace('raw.githubusercontent', 'github')}/tree/${commit}/data/${variant.folder}`,
    hubName: 'google-research-datasets/go_emotions',
    language: 'en',
    defaultTask: task,
    labels: { [task]: labels },
    folder,
    files: Object.entries(variant.sha256).map(([path, sha256]) => ({
      path,
      sha256,
      url: `${repository}/${commit}/data/${variant.folder}/${path}`,
    })),
    async table({ dataDir }) {
      const file = (path: string): string => join(folder(dataDir), path);
      await requireFiles(source, dataDir);
      await requireLines(file('labels.txt'), labels);
      return {
        data: file('train.tsv'),
        validation: file('dev.tsv'),
        test: file('test.tsv'),
        columns: ['text', 'label ids', 'id'],
        textColumn: 'text',
        labelColumns: ['label ids'],
        idColumn: 'id',
        labels,
        labelSeparator: ',',
        task,
      };
    },
  };
  return source;
}
