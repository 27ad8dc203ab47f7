import { Command } from 'commander';
import { z } from 'zod';
import { ConfigError } from '../core/errors.ts';
import type { FetchedFile } from '../data/fetch.ts';
import type { Source } from '../data/sources/source.ts';
import { dataShape } from '../train/config.ts';
import { makeCommand } from './command.ts';
import { requireData, splitShape } from './data-flags.ts';
import { addFlags, type Values, valuesFrom } from './flags.ts';
import { hubFor, hubShape } from './hub-flags.ts';
import { labelErrorsCommand } from './label-errors.ts';
import { checkNotRead, printLines, writeResult } from './output.ts';
import { openProgressLine } from './progress-line.ts';
import { commandLine } from './shell.ts';
import { columnsOf } from './terminal.ts';
import { plural } from './view/quantities.ts';
import { wrap } from './view/wrap.ts';

type Given = Readonly<Record<string, unknown>>;

/** Datasets: which there are, what is in them, and how they are split. */
export function dataCommand(): Command {
  const group = new Command('data')
    .summary('list, fetch, inspect and split datasets')
    .description(
      'List the datasets that emotune knows, fetch one, look into one, find its doubtful labels, or write its split to a folder.',
    )
    .helpOption('-h, --help', 'show this help');
  const commands = [listCommand(), fetchCommand(), inspectCommand(), labelErrorsCommand(), splitCommand()];
  for (const command of commands) group.addCommand(command);
  return group;
}

function listCommand(): Command {
  const shape = { dataDir: dataShape.dataDir };
  const command = makeCommand('list', {
    summary: 'datasets that emotune knows by name',
    description:
      'List the datasets that emotune knows by name, with their tasks, labels and licences, and say whether their files are here.',
    examples: [['emotune data list --data-dir ~/datasets', 'with the folder that holds goemotions/']],
  });
  return addFlags(command, shape)
    .option('--json', 'the list as JSON')
    .action(async (given: Given) => {
      const { sources } = await import('../data/sources/registry.ts');
      const { dataDir = 'data' } = valuesFrom(shape, given);
      const listed = await Promise.all(sources.map((source) => describeSource(source, dataDir)));
      await printLines(given.json ? [JSON.stringify(listed)] : listed.flatMap(sourceLines));
    });
}

interface Listed extends Pick<Source, 'name' | 'title' | 'licence' | 'labels' | 'home' | 'citation'> {
  readonly folder: string;
  readonly missing: readonly string[];
  /** How to get what is missing. */
  readonly get?: string;
}

/** What `data list` says of a dataset. */
export async function describeSource(source: Source, dataDir: string): Promise<Listed> {
  const { howToGet, missingFiles } = await import('../data/sources/files.ts');
  const { name, title, licence, labels, home, citation } = source;
  const missing = (await missingFiles(source, dataDir)).map(({ path }) => path);
  const get = missing.length === 0 ? {} : { get: howToGet(source, dataDir) };
  return { name, title, licence, labels, home, citation, folder: source.folder(dataDir), missing, ...get };
}

/** A dataset as `data list` shows it. */
export function sourceLines({ name, title, licence, labels, citation, folder, missing, get }: Listed): string[] {
  const tasks = Object.entries(labels).map(([task, list]) => [task.replaceAll('_', ' '), list.join(', ')] as const);
  const facts = [
    ...tasks,
    ['licence', licence],
    ['cite', citation],
    ['files', missing.length === 0 ? 'here' : `missing in ${folder}: ${missing.join(', ')}; ${get}`],
  ] as const;
  const width = Math.min(120, columnsOf(process.stdout, 120));
  return [
    `${name}: ${title}`,
    ...facts.flatMap(([fact, text]) =>
      wrap(`${fact}: ${text}`, width - 4).map((line, i) => (i === 0 ? '  ' : '    ') + line),
    ),
    '',
  ];
}

function fetchCommand(): Command {
  const shape = {
    dataDir: dataShape.dataDir,
    overwrite: z.boolean().default(false).describe('replace files that are there but not as published'),
    offline: hubShape.offline,
  };
  const command = makeCommand('fetch', {
    summary: 'fetch a dataset that does not come with emotune',
    description:
      'Fetch the files of a dataset that emotune knows by name, check them against their SHA-256, and put them where ' +
      'training looks for them. What is there and right stays. Where the terms of a dataset forbid fetching, say whom ' +
      'to ask and which files to put where.',
    examples: [['emotune data fetch goemotions', 'into data/goemotions/']],
  });
  return addFlags(command.argument('<name>', 'name of the dataset, as in emotune data list'), shape).action(
    async (name: string, given: Given) => {
      const [{ findSource, unknownSource }, { fetchSource }] = await Promise.all([
        import('../data/sources/registry.ts'),
        import('../data/fetch.ts'),
      ]);
      const source = findSource(name);
      if (!source) throw unknownSource(name);
      const { dataDir = 'data', overwrite, offline } = valuesFrom(shape, given);
      const { onProgress: _, ...hub } = await hubFor({ offline });
      const progress = openProgressLine((done, total) => `${done} of ${plural(total, 'file')}`);
      const files = await fetchSource(source, { dataDir, overwrite, hub, onProgress: progress.show });
      progress.close();
      const train = dataDir === 'data' ? [] : ['--data-dir', dataDir];
      await printLines([
        `${source.title}. Licence: ${source.licence}. Cite: ${source.citation}`,
        ...files.map(({ path, state }) => `${path}: ${fileStates[state]}`),
        '',
        'next:',
        `  ${commandLine('npx', 'emotune', 'train', '--data', name, ...train)}`,
      ]);
    },
  );
}

const fileStates: Readonly<Record<FetchedFile['state'], string>> = {
  fetched: 'fetched, as published',
  there: 'was there, as published',
  unchecked: 'was there; no SHA-256 of it is known',
};

function inspectCommand(): Command {
  const command = makeCommand('inspect', {
    summary: 'what is in a dataset, and what is wrong with it',
    description:
      'Read a dataset as training would, and report what was found: rows that cannot be used, repeated and ' +
      'contradicting texts, nearly equal ones, texts of the test split in the training split, labels and which go ' +
      'together, lengths, writing scripts, whom to cite and what the terms are.',
    examples: [
      ['emotune data inspect --data social-posts --html report.html', 'a dataset by name, as a page too'],
      ['emotune data inspect --data posts.csv --text-column tweet', 'your own file'],
    ],
  });
  const shape = {
    ...splitShape,
    html: z.string().optional().describe('file for the report as a page, which needs nothing else'),
  };
  return addFlags(command, shape)
    .option('--json', 'the report as JSON')
    .action(async (given: Given) => {
      const { html, ...options } = valuesFrom(shape, given);
      const [{ inspectDataset }, { formatInspection }, { formatReport }] = await Promise.all([
        import('../data/inspect/inspect.ts'),
        import('../data/inspect/format.ts'),
        import('../data/report.ts'),
      ]);
      const { dataset, report } = await load(options);
      try {
        await checkNotRead('--html', html, dataset.files);
        const inspection = await inspectDataset(dataset);
        if (html !== undefined) {
          const { inspectionPage } = await import('../data/inspect/page.ts');
          await writeResult(html, [inspectionPage(report, inspection)]);
        }
        await printLines(
          given.json
            ? [JSON.stringify({ ...report, inspection })]
            : [...formatReport(report), '', ...formatInspection(report, inspection)],
        );
      } finally {
        await dataset.close();
      }
    });
}

function splitCommand(): Command {
  const shape = { ...splitShape, out: z.string().describe('folder to write; an earlier split there is replaced') };
  const command = makeCommand('split', {
    summary: 'write the split of a dataset to a folder',
    description:
      'Split a dataset into train, validation and test (80/10/10, every label in proportion, repeated texts on one ' +
      'side) unless it is split already, and write the parts as JSON Lines. Training on the folder uses that split.',
    examples: [
      ['emotune data split --data posts.csv --out data/posts --seed 1', 'then: emotune train --data data/posts'],
    ],
  });
  return addFlags(command, shape).action(async (given: Given) => {
    const { out, ...options } = valuesFrom(shape, given);
    if (out === undefined) throw new ConfigError('--out is missing: name a folder for the split');
    const [{ checkReplaceable, writeSplit }, { formatReport }] = await Promise.all([
      import('../data/folder.ts'),
      import('../data/report.ts'),
    ]);
    await checkReplaceable(out);
    const { dataset, report } = await load(options, `${withoutSlash(out)}.emotune.tmp`);
    try {
      await writeSplit(out, dataset, { source: report.source, split: report.split, seed: options.seed ?? 0 });
    } finally {
      await dataset.close();
    }
    await printLines([
      ...formatReport(report),
      '',
      'next:',
      `  ${commandLine('npx', 'emotune', 'train', '--data', out)}`,
    ]);
  });
}

const withoutSlash = (path: string): string => path.replace(/[/\\]+$/, '');

/** @param workFolder of the rows while they are worked on; default: a temporary one. */
async function load({ data, ...options }: Values<typeof splitShape>, workFolder?: string) {
  const { loadDataset } = await import('../data/load.ts');
  return loadDataset({ data: requireData(data), ...options, workFolder });
}
