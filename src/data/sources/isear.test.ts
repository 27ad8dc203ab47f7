import { appendFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { heldLabels } from '../example.ts';
import { tinyIsear } from '../testing/isear-files.ts';
import { loadTable } from '../testing/store.ts';
import { isear } from './isear.ts';

const load = async (dataDir: string) => loadTable(await isear.table({ task: isear.defaultTask, dataDir }));

describe('ISEAR, a tiny file of the exact form', () => {
  it('puts answers with a | together again', async () => {
    const { splits, labels, malformed } = await load(tinyIsear());
    expect(splits.train!.slice(0, 3).map(({ text, target }) => [text, ...heldLabels(target, labels)])).toEqual([
      ['When the letter came, and it was good news.', 'joy'],
      ['The choice was left | right, and I did not know.', 'fear'],
      ['"When nobody listened." I said | nothing | at all.', 'anger'],
    ]);
    expect(malformed.count).toBe(0);
  });

  it('leaves out who had no answer, and counts what it changed', async () => {
    const { splits, notes } = await load(tinyIsear());
    expect(splits.train!.map(({ id }) => id)).toEqual(['01010', '01011', '01012', '01024', '01025', '01026', '01039']);
    expect(notes).toEqual([
      "line ends written as 'á' removed: 1 row",
      "left out, no answer, such as '[ No response.]': 3 rows",
    ]);
  });

  it('keeps the answers of a person together', async () => {
    const { splits } = await load(tinyIsear());
    expect(splits.train!.map(({ group }) => group)).toEqual(['101', '101', '101', '102', '102', '102', '103']);
    expect(splits.train![0]!.meta).toMatchObject({ COUN: '1', STATE: '1' });
  });

  it('counts rows with too few fields as malformed', async () => {
    const dataDir = tinyIsear();
    appendFileSync(join(isear.folder(dataDir), 'isear.csv'), '104|1|joy|At last.|1|\n');
    expect((await load(dataDir)).malformed.first).toMatchObject([{ line: 12, reason: '6 fields where 43 are needed' }]);
  });
});
