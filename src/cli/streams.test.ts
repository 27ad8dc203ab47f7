import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { batchesAsTheyCome } from './batches.ts';

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const out: T[] = [];
  for await (const item of items) out.push(item);
  return out;
}

it('makes full batches of what comes at once', async () => {
  async function* items() {
    for (let i = 0; i < 5; i++) yield i;
  }
  expect(await all(batchesAsTheyCome(items(), { size: 2, waitMs: 1000 }))).toEqual([[0, 1], [2, 3], [4]]);
});

it('hands on what has come when nothing more does', async () => {
  async function* items() {
    yield 'a';
    yield 'b';
    await sleep(200);
    yield 'c';
  }
  expect(await all(batchesAsTheyCome(items(), { size: 10, waitMs: 20 }))).toEqual([['a', 'b'], ['c']]);
});

it('passes on the error of its source, after what came before', async () => {
  async function* items() {
    yield 1;
    await sleep(50);
    throw new Error('broken pipe');
  }
  const batches = batchesAsTheyCome(items(), { size: 10, waitMs: 5 });
  expect(await batches.next()).toEqual({ done: false, value: [1] });
  await expect(batches.next()).rejects.toThrow('broken pipe');
});

it('ends its source when the consumer has enough', async () => {
  let ended = false;
  async function* items() {
    try {
      for (let i = 0; ; i++) yield i;
    } finally {
      ended = true;
    }
  }
  for await (const batch of batchesAsTheyCome(items(), { size: 2, waitMs: 10 })) {
    expect(batch).toEqual([0, 1]);
    break;
  }
  expect(ended).toBe(true);
});
