import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import type { Task } from '../../core/task.ts';
import { splitNames } from '../example.ts';
import { tinyBrighter } from '../testing/brighter-files.ts';
import { tinyEmobank } from '../testing/emobank-files.ts';
import { tinyEmotion } from '../testing/emotion-files.ts';
import { tinyGoemotions } from '../testing/goemotions-files.ts';
import { tinyIsear } from '../testing/isear-files.ts';
import { tinyMeld } from '../testing/meld-files.ts';
import { tinySemeval2018 } from '../testing/semeval2018-files.ts';
import { loadTable } from '../testing/store.ts';
import { isThere, thirdPartyData } from '../testing/third-party.ts';
import { tinyTweeteval } from '../testing/tweeteval-files.ts';
import { brighter } from './brighter.ts';
import { emobank, emobankEmotions } from './emobank.ts';
import { emotion } from './emotion.ts';
import { goemotions, goemotionsEkman } from './goemotions.ts';
import { isear } from './isear.ts';
import { meld } from './meld.ts';
import { findSource, sources } from './registry.ts';
import { semeval2018 } from './semeval2018.ts';
import type { Source } from './source.ts';
import { tweetevalEmotion } from './tweeteval-emotion.ts';

/** Every source passes this, whichever files it reads. */
async function conforms(source: Source, dataDir: string): Promise<void> {
  for (const [task, labels] of Object.entries(source.labels) as [Task, readonly string[]][]) {
    const load = async () => loadTable(await source.table({ task, dataDir }));
    const loaded = await load();
    expect(loaded.task).toBe(task);
    expect(loaded.labels).toEqual(labels);
    expect(loaded.malformed.count).toBe(0);
    expect(await load()).toEqual(loaded);
    const examples = splitNames.flatMap((name) => loaded.splits[name] ?? []);
    expect(new Set(examples.map(({ id }) => id)).size).toBe(examples.length);
    const bad = examples.filter(({ text, target }) => text.trim() === '' || !fits(target, task, labels.length));
    expect(bad).toEqual([]);
  }
}

function fits(target: readonly number[], task: Task, size: number): boolean {
  if (target.length !== size) return false;
  if (task === 'regression') return target.every(Number.isFinite);
  if (task === 'ordinal_regression') return target.every((level) => Number.isInteger(level) && level >= 0);
  const held = target.filter((value) => value === 1).length;
  return target.every((value) => value === 0 || value === 1) && (task === 'multi_label_classification' || held === 1);
}

describe.each(sources)('the source $name', (source) => {
  it('says what it is, under what licence, whom to cite and where to get it', () => {
    const { name, title, licence, citation, home } = source;
    for (const words of [name, title, licence, citation, home]) expect(words).not.toBe('');
    expect(source.language).toMatch(/^[a-z]{2}$/);
    if (source.access) expect(source.files.filter(({ url }) => url !== undefined)).toEqual([]);
    else expect(source.files.filter(({ sha256 }) => sha256 === undefined)).toEqual([]);
    expect(source.labels[source.defaultTask]).toBeDefined();
    expect(findSource(name)).toBe(source);
  });

  describe.skipIf(!isThere(source))('with its files', () => {
    it('reads them as every task it offers', () => conforms(source, thirdPartyData));

    it('has the files it was written for', () => {
      for (const { path, sha256 } of source.files) {
        if (sha256 === undefined) continue;
        const bytes = readFileSync(join(source.folder(thirdPartyData), path));
        expect(createHash('sha256').update(bytes).digest('hex'), path).toBe(sha256);
      }
    });
  });
});

const fetched = sources.filter(({ files }) => files.some(({ url }) => url !== undefined));
it.each(fetched)('$name says which files are missing and where to get them', async (source) => {
  const loading = source.table({ task: source.defaultTask, dataDir: 'nowhere' });
  for (const { path } of source.files) await expect(loading).rejects.toThrow(join(source.folder('nowhere'), path));
  await expect(loading).rejects.toThrow(
    `\`emotune data fetch ${source.name} --data-dir nowhere\` gets them from ${source.home}; or set dataDir (now 'nowhere')`,
  );
});

describe.each([goemotions, goemotionsEkman])('$name in small', (source) => {
  it('conforms', () => conforms(source, tinyGoemotions()));
});

describe.each([emobank, emobankEmotions])('$name in small', (source) => {
  it('conforms', () => conforms(source, tinyEmobank()));
});

describe.each(semeval2018)('$name in small', (source) => {
  it('conforms', () => conforms(source, tinySemeval2018()));
});

describe.each(brighter)('$name in small', (source) => {
  it('conforms', () => conforms(source, tinyBrighter()));
});

describe.each([
  [emotion, tinyEmotion],
  [tweetevalEmotion, tinyTweeteval],
  [isear, tinyIsear],
  [meld, tinyMeld],
] as const)('$0.name in small', (source, tiny) => {
  it('conforms', () => conforms(source, tiny()));
});
