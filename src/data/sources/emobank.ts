import { join } from 'node:path';

import { toNumber } from '../label-form.ts';
import { requireFiles } from './files.ts';
import type { Source } from './source.ts';
import type { TableOptions } from './table.ts';

const repository = 'JULIELab/EmoBank';
const commit = '248ce2a43e165a66d31aeaed83cff9641d6654e0';
const folder = (dataDir: string): string => join(dataDir, 'emobank');
const dimensions = ['V', 'A', 'D'] as const;

type Point = readonly [valence: number, arousal: number, dominance: number];

/**
 * The means of the words for the six basic emotions, from -1 to 1 (Russell & Mehrabian 1977, Evidence for a three-factor
 * theory of emotions, Journal of Research in Personality 11). Neutral, the middle of the scale, is our addition.
 */
const prototypes: readonly (readonly [emotion: string, point: Point])[] = [
  ['anger', [-0.51, 0.59, 0.25]],
  ['disgust', [-0.6, 0.35, 0.11]],
  ['fear', [-0.64, 0.6, -0.43]],
  ['joy', [0.76, 0.48, 0.35]],
  ['neutral', [0, 0, 0]],
  ['sadness', [-0.63, -0.27, -0.33]],
  ['surprise', [0.4, 0.67, -0.13]],
];
const emotions = prototypes.map(([emotion]) => emotion);

/**
 * The emotion whose prototype is nearest to a point of EmoBank's scale.
 *
 *     argmin_e ‖(x - 3) / 2 - p_e‖₂ for x in [1, 5]³; the first of equally near ones
 */
export function nearestEmotion(point: Point): string {
  const distances = prototypes.map(([, prototype]) => Math.hypot(...point.map((x, k) => (x - 3) / 2 - prototype[k]!)));
  return emotions[distances.indexOf(Math.min(...distances))]!;
}

/** Valence, arousal and dominance from 1 to 5, the weighted mean of readers' and writers' ratings. */
export const emobank: Source = emobankSource({
  name: 'emobank',
  title: 'EmoBank: English sentences of several genres, valence, arousal and dominance from 1 to 5',
  defaultTask: 'regression',
  labels: { regression: dimensions },
  form: { task: 'regression', labelColumns: dimensions, labels: dimensions },
});

/**
 * EmoBank by {@link nearestEmotion}. Most sentences are rated near the middle: 9357 of 10062 are neutral, 341 disgust,
 * 112 joy, 96 surprise, 90 sadness, 42 anger, 24 fear.
 */
export const emobankEmotions: Source = emobankSource({
  name: 'emobank-emotions',
  title: 'EmoBank as the emotion with the nearest valence, arousal and dominance: derived, 93 % neutral',
  defaultTask: 'single_label_classification',
  labels: { single_label_classification: emotions },
  form: {
    task: 'single_label_classification',
    labelColumns: ['emotion'],
    labels: emotions,
    prepare({ cells }) {
      const point = dimensions.map((name) => toNumber(cells[name]));
      return isPoint(point) ? { ...cells, emotion: nearestEmotion(point) } : cells;
    },
  },
});

const isPoint = (values: readonly (number | undefined)[]): values is Point => !values.includes(undefined);

interface Variant extends Pick<Source, 'name' | 'title' | 'defaultTask' | 'labels'> {
  readonly form: Omit<TableOptions, 'data'>;
}

/** `emobank.csv` has a header `id,split,V,A,D,text` and quotes as in RFC 4180; its split is the official one. */
function emobankSource({ form, ...variant }: Variant): Source {
  const source: Source = {
    ...variant,
    licence: 'CC BY-SA 4.0',
    citation:
      'Buechel & Hahn 2017, EmoBank: Studying the Impact of Annotation Perspective and Representation Format, EACL',
    home: `https://github.com/${repository}/tree/${commit}/corpus`,
    language: 'en',
    folder,
    files: [
      {
        path: 'emobank.csv',
        sha256: '1ade4a4a453e880c0f39d0536d2b355e8a716e0cf88236c64cdb4d438cf9605b',
        url: `https://raw.githubusercontent.com/${repository}/${commit}/corpus/emobank.csv`,
      },
    ],
    async table({ dataDir }) {
      await requireFiles(source, dataDir);
      return {
        ...form,
        data: join(folder(dataDir), 'emobank.csv'),
        textColumn: 'text',
        idColumn: 'id',
        splitColumn: 'split',
      };
    },
  };
  return source;
}
