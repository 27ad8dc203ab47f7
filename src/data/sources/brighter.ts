import { join } from 'node:path';

import { requireFiles } from './files.ts';
import type { PrepareRow } from './prepare.ts';
import type { Source } from './source.ts';

const repository = 'emotion-analysis-project/SemEval2025-Task11';
const commit = '513a7e8bef7ef6370ac416ced97efba338c47c97';
const path = 'task-dataset/semeval-2025-task11-dataset';
const task = 'multi_label_classification';

interface Variant {
  /** As in the names of the files. */
  readonly code: string;
  readonly language: string;
  readonly title: string;
  readonly labels: readonly string[];
  /** Of the files for train, validation and test. */
  readonly files: readonly (readonly [path: string, sha256: string])[];
}

/**
 * BRIGHTER (SemEval-2025 Task 11) in English, German and Spanish: emotions perceived in short texts; a text without any is
 * neutral. English has no disgust. The labels of the English test are missing in track A, and read from track B, where they
 * are intensities from 0 to 3: above 0 is held, as in track A.
 */
export const brighter: readonly Source[] = [
  brighterSource({
    code: 'eng',
    language: 'en',
    title: 'English texts, 5 emotions (no disgust)',
    labels: 'anger fear joy sadness surprise'.split(' '),
    files: [
      ['track_a/train/eng.csv', 'b1f0115cfb31e7da089e06a963d774d1c95c8353a4cea5f0804cb9649cb5f684'],
      ['track_a/dev/eng.csv', 'b0f699be2a6fabf8781e6180c51414e7b1bcc90bda62f2e43fc4ee2390ee8bae'],
      ['track_b/test/eng.csv', 'c1cf8c9ce3eacc46f754fe25d78612e7d851fe66e0a706bd310427a1c2d9ed6c'],
    ],
  }),
  brighterSource({
    code: 'deu',
    language: 'de',
    title: 'German texts, 6 emotions',
    labels: 'anger disgust fear joy sadness surprise'.split(' '),
    files: [
      ['track_a/train/deu.csv', 'e0006e837a74afcc46f12c877442e4823a0de6a396afa37b7949487e2940b295'],
      ['track_a/dev/deu.csv', 'cd0371398dbc7a08075d8cbabbf253b802975100d536106ee5ed6da4c50ffb9c'],
      ['track_a/test/deu.csv', '40d5314ab90d20927a20d713db6231af137be21e9c29562005607d0939e95ecf'],
    ],
  }),
  brighterSource({
    code: 'esp',
    language: 'es',
    title: 'Spanish texts, 6 emotions',
    labels: 'anger disgust fear joy sadness surprise'.split(' '),
    files: [
      ['track_a/train/esp.csv', '136e5a49e3fd0f270e40985b66c7c804cca649888a606ce47d0536082ea412d7'],
      ['track_a/dev/esp.csv', '3bd2d0cabe03fcd09cc1fc4b39b2e9b554f5170fc7ac5415449bc4f55b8d0b41'],
      ['track_a/test/esp.csv', 'e82f7295d0123fd2bfa420671005398a1305f7303c1719c65582a03d8750bd48'],
    ],
  }),
];

/** The files are CSV with a header `id,text` and a column per emotion. */
function brighterSource({ code, language, title, labels, files }: Variant): Source {
  const folder = (dataDir: string): string => join(dataDir, 'brighter');
  const source: Source = {
    name: `brighter-${code}`,
    title: `BRIGHTER: ${title}`,
    licence: 'CC BY 4.0',
    citation:
      'Muhammad et al. 2025, BRIGHTER: BRIdging the Gap in Human-Annotated Textual Emotion Recognition, arXiv:2502.11926',
    home: `https://github.com/${repository}/tree/${commit}/${path}`,
    language,
    defaultTask: task,
    labels: { [task]: labels },
    folder,
    files: files.map(([file, sha256]) => ({
      path: file,
      sha256,
      url: `https://raw.githubusercontent.com/${repository}/${commit}/${path}/${file}`,
    })),
    async table({ dataDir }) {
      await requireFiles(source, dataDir);
      const [data, validation, test] = files.map(([file]) => join(folder(dataDir), file));
      return {
        data: data!,
        validation,
        test,
        textColumn: 'text',
        idColumn: 'id',
        labelColumns: labels,
        labels,
        task,
        prepare: heldAbove0(labels),
      };
    },
  };
  return source;
}

/** Intensities of 2 and 3 hold their label as 1 does. */
const heldAbove0 =
  (labels: readonly string[]): PrepareRow =>
  ({ cells }, count) => {
    const strong = labels.filter((label) => cells[label] === '2' || cells[label] === '3');
    if (strong.length === 0) return cells;
    count('intensities of 2 and 3 read as 1');
    return { ...cells, ...Object.fromEntries(strong.map((label) => [label, '1'])) };
  };
