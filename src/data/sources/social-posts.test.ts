import { describe, expect, it } from 'vitest';

import type { Task } from '../../core/task.ts';
import { heldLabels } from '../example.ts';
import { loadDataset } from '../load.ts';
import { inMemory } from '../testing/store.ts';

const posts = async (task?: Task) => inMemory((await loadDataset({ data: 'social-posts', task })).dataset);

describe('social-posts', () => {
  it('has 1054, 133 and 133 posts, and nothing to clean or remove', async () => {
    const { dataset, report } = await loadDataset({ data: 'social-posts' });
    expect(report.rowsRead).toEqual({ train: 1054, validation: 133, test: 133 });
    expect(Object.values(dataset.splits).map(({ length }) => length)).toEqual([1054, 133, 133]);
    expect(report.audit.leaks).toEqual([]);
  });

  it('gives one emotion by default, and keeps the channel', async () => {
    const dataset = await posts();
    const [first] = dataset.splits.train;
    expect(heldLabels(first!.target, dataset.labels)).toEqual(['neutral']);
    expect(first).toMatchObject({ id: 'post-0001', meta: { channel: 'travel' } });
  });

  it('gives several emotions as multi-label', async () => {
    const dataset = await posts('multi_label_classification');
    expect(heldLabels(dataset.splits.train[1]!.target, dataset.labels)).toEqual(['joy', 'surprise']);
  });

  it('gives valence, arousal and dominance as regression', async () => {
    const dataset = await posts('regression');
    expect(dataset.labels).toEqual(['valence', 'arousal', 'dominance']);
    expect(dataset.splits.train[0]!.target).toEqual([3.1, 1.7, 3.2]);
  });
});
