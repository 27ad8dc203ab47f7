import { expect, it } from 'vitest';
import { goemotions } from '../data/sources/goemotions.ts';
import type { Source } from '../data/sources/source.ts';
import { describeSource, sourceLines } from './data.ts';

const listed = async (source: Source): Promise<string> =>
  sourceLines(await describeSource(source, 'nowhere'))
    .join(' ')
    .replace(/\s+/g, ' ');

it('says how to fetch what is missing', async () => {
  expect(await listed(goemotions)).toContain(
    `labels.txt; \`emotune data fetch goemotions --data-dir nowhere\` gets them from ${goemotions.home}`,
  );
});

it('says whom to ask for a dataset whose terms forbid fetching', async () => {
  const asked: Source = {
    ...goemotions,
    licence: 'research only',
    files: [{ path: 'a.csv', sha256: '' }],
    access: { ask: 'ask its authors with the form at https://example.org/form' },
  };
  expect(await listed(asked)).toContain(
    'files: missing in nowhere/goemotions/original: a.csv; it is not fetched for you (research only): ' +
      'ask its authors with the form at https://example.org/form, and put the files there',
  );
});
