import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ConfigError } from '../../src/core/errors.ts';
import { random } from '../../src/core/random.ts';
import type { Task } from '../../src/core/task.ts';
import { type Example, type PerSplit, splitNames } from '../../src/data/example.ts';
import { loadDataset } from '../../src/data/load.ts';
import { baseFolder } from '../../src/models/base.ts';
import { openEncoder, plainReading } from '../../src/text/encoder.ts';
import { loadTokenizer } from '../../src/text/tokenizer.ts';
import type { Row } from './job.ts';

/** A text as it is classified and as it is trained on. */
export type EncodedText = Row & { readonly text: string };

/** Real texts, each split in a random order that is always the same. */
export interface Texts {
  readonly name: string;
  readonly task: Task;
  readonly labels: readonly string[];
  readonly maxLength: number;
  readonly splits: PerSplit<readonly EncodedText[]>;
}

const maxLength = 256;
/** Its ids are in the vocabulary of every shape, so all shapes get the same ids. */
const tokenizerFolder = baseFolder('nano');

/** Gives a checkpoint with random weights the tokenizer that all shapes share. */
export const copyTokenizer = (base: string): Promise<void> =>
  copyFile(join(tokenizerFolder, 'tokenizer.json'), join(base, 'tokenizer.json'));

/**
 * Reads a dataset and encodes it, once for both sides.
 *
 * @throws ConfigError if its labels are values: there is no F1.
 */
export async function loadTexts(data: string): Promise<Texts> {
  const { dataset } = await loadDataset({ data });
  try {
    const { name, task, labels } = dataset;
    if (task === 'regression') throw new ConfigError(`--data ${data}: its labels are values; give texts with classes`);
    const encoder = await openEncoder(await loadTokenizer(tokenizerFolder), plainReading(maxLength));
    const splits = {} as Record<(typeof splitNames)[number], EncodedText[]>;
    for (const split of splitNames) {
      const examples: Example[] = [];
      for await (const example of dataset.splits[split]) examples.push(example);
      const encoded = await encoder.encode(examples);
      const rows = examples.map(({ text, target }, i) => ({ text, target, ids: [...encoded[i]!.sequences[0]!] }));
      splits[split] = random(0).fork(split).shuffle(rows);
    }
    return { name, task, labels, maxLength, splits };
  } finally {
    await dataset.close();
  }
}

/** The first of the texts whose number of tokens is nearest to `tokens`. */
export const textOfLength = (texts: readonly EncodedText[], tokens: number): EncodedText =>
  texts.reduce((best, text) => (Math.abs(text.ids.length - tokens) < Math.abs(best.ids.length - tokens) ? text : best));
