import { join } from 'node:path';

import { requireFiles } from './files.ts';
import type { PrepareRow } from './prepare.ts';
import type { Source } from './source.ts';

const repository = 'emotion-analysis-project/SemEval2025-Task11';
const commit = '513a7e8bef7ef6370ac416ced97efba338c47c97';
const path = 'task-dataset/semeval-2025-task11-dataset';
const parts = ['train', 'dev', 'test'] as const;
type Part = (typeof parts)[number];

interface Variant {
  /** As in the names of the files. */
  readonly code: string;
  readonly language: string;
  readonly title: string;
  readonly labels: readonly string[];
  readonly sha256: {
    readonly track_a: Readonly<Partial<Record<Part, string>>>;
    readonly track_b: Readonly<Record<Part, string>>;
  };
}

/**
 * BRIGHTER (SemEval-2025 Task 11) in English, German and Spanish: emotions perceived in short texts, as labels (track A) or
 * as intensities from 0 to 3 (track B). A text without any is neutral. English has no disgust. Track A's English test has
 * no labels, and is read from track B: an intensity above 0 holds the label.
 */
export const brighter: readonly Source[] = [
  brighterSource({
    code: 'eng',
    language: 'en',
    title: 'English texts, 5 emotions (no disgust)',
    labels: 'anger fear joy sadness surprise'.split(' '),
    sha256: {
      track_a: {
        train: 'b1f0115cfb31e7da089e06a963d774d1c95c8353a4cea5f0804cb9649cb5f684',
        dev: 'b0f699be2a6fabf8781e6180c51414e7b1bcc90bda62f2e43fc4ee2390ee8bae',
      },
      track_b: {
        train: '7e7b967bfd96304e74498db28278c4ed343a58fb6f40cd03c6b2df1bedc8bc54',
        dev: 'a10d4a7e94c9d1f91ab07f87084c6322a224192e87970438c3af65eb96552c35',
        test: 'c1cf8c9ce3eacc46f754fe25d78612e7d851fe66e0a706bd310427a1c2d9ed6c',
      },
    },
  }),
  brighterSource({
    code: 'deu',
    language: 'de',
    title: 'German texts, 6 emotions',
    labels: 'anger disgust fear joy sadness surprise'.split(' '),
    sha256: {
      track_a: {
        train: 'e0006e837a74afcc46f12c877442e4823a0de6a396afa37b7949487e2940b295',
        dev: 'cd0371398dbc7a08075d8cbabbf253b802975100d536106ee5ed6da4c50ffb9c',
        test: '40d5314ab90d20927a20d713db6231af137be21e9c29562005607d0939e95ecf',
      },
      track_b: {
        train: 'c495c65a5bc21cbcbabf18108dd0c1211f725508fd759c3383a00c38ba8ec39c',
        dev: 'a04b12c27f6f70e944d33096401a50a04e0252a435b9d8f29bd626e6159d908a',
        test: 'cc876202ecec5a6877eaf017f5fde4946efac0dcd6cc471c4c5103a865e36333',
      },
    },
  }),
  brighterSource({
    code: 'esp',
    language: 'es',
    title: 'Spanish texts, 6 emotions',
    labels: 'anger disgust fear joy sadness surprise'.split(' '),
    sha256: {
      track_a: {
        train: '136e5a49e3fd0f270e40985b66c7c804cca649888a606ce47d0536082ea412d7',
        dev: '3bd2d0cabe03fcd09cc1fc4b39b2e9b554f5170fc7ac5415449bc4f55b8d0b41',
        test: 'e82f7295d0123fd2bfa420671005398a1305f7303c1719c65582a03d8750bd48',
      },
      track_b: {
        train: '3d0d55c5afb5dff90cc581a4280d024d6c8b1bcea314cabf00923250e19f617d',
        dev: '88991a80a86ee84f2689a0b61918a1e7b21964df60845bb3e24cf4429d226e38',
        test: 'e9a47593fffd0dac97736993d181f23364b81b8773d4eadb8f1750cc2f8886f1',
      },
    },
  }),
];

/** The files are CSV with a header `id,text` and a column per emotion. */
function brighterSource({ code, language, title, labels, sha256 }: Variant): Source {
  const folder = (dataDir: string): string => join(dataDir, 'brighter');
  const fileOf = (track: string, part: string): string => `${track}/${part}/${code}.csv`;
  const source: Source = {
    name: `brighter-${code}`,
    title: `BRIGHTER: ${title}`,
    licence: 'CC BY 4.0',
    citation:
      'Muhammad et al. 2025, BRIGHTER: BRIdging the Gap in Human-Annotated Textual Emotion Recognition, arXiv:2502.11926',
    home: `https://github.com/${repository}/tree/${commit}/${path}`,
    language,
    defaultTask: 'multi_label_classification',
    labels: { multi_label_classification: labels, ordinal_regression: labels },
    folder,
    files: Object.entries(sha256).flatMap(([track, hashes]) =>
      Object.entries(hashes).map(([part, hash]) => ({
        path: fileOf(track, part),
        sha256: hash,
        url: `https://raw.githubusercontent.com/${repository}/${commit}/${path}/${fileOf(track, part)}`,
      })),
    ),
    async table({ task, dataDir }) {
      await requireFiles(source, dataDir);
      const isOrdinal = task === 'ordinal_regression';
      const [data, validation, test] = parts.map((part) => {
        const track = isOrdinal || sha256.track_a[part] === undefined ? 'track_b' : 'track_a';
        return join(folder(dataDir), fileOf(track, part));
      });
      return {
        data: data!,
        validation,
        test,
        textColumn: 'text',
        idColumn: 'id',
        labelColumns: labels,
        labels,
        task,
        ...(isOrdinal ? {} : { prepare: heldAbove0(labels) }),
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
