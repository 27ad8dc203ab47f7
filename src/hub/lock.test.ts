import { existsSync, mkdirSync, mkdtempSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { withLock } from './lock.ts';

const lockPath = () => join(mkdtempSync(join(tmpdir(), 'emotune-lock-')), 'a', 'file.lock');
const fast = { beatMs: 20, staleMs: 200 };

/** A lock file of somebody who does not answer. */
function abandoned(owner: { readonly pid: number; readonly host: string }): string {
  const path = lockPath();
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, JSON.stringify({ id: 'other', ...owner }));
  return path;
}

it('lets one in at a time, and is gone afterwards', async () => {
  const path = lockPath();
  let inside = 0;
  let most = 0;
  const work = async () => {
    most = Math.max(most, ++inside);
    await sleep(30);
    inside--;
  };
  await Promise.all(Array.from({ length: 5 }, () => withLock(path, work, fast)));
  expect({ most, inside, left: existsSync(path) }).toEqual({ most: 1, inside: 0, left: false });
});

it('is given back when the work fails', async () => {
  const path = lockPath();
  const failing = withLock(path, () => Promise.reject(new Error('broken')), fast);
  await expect(failing).rejects.toThrow('broken');
  expect(existsSync(path)).toBe(false);
});

it('stays with an owner that shows signs of life, however long it takes', async () => {
  const path = lockPath();
  const order: string[] = [];
  const slow = async () => {
    await sleep(600);
    order.push('first');
  };
  const first = withLock(path, slow, fast);
  await sleep(30);
  const waited: string[] = [];
  await withLock(path, async () => void order.push('second'), { ...fast, onWait: (owner) => waited.push(owner) });
  await first;
  expect(order).toEqual(['first', 'second']);
  expect(waited).toEqual([`process ${process.pid}`]);
});

it('is taken over from a process that has died, and from one elsewhere that is silent', async () => {
  // Above the largest process id there can be.
  const dead = abandoned({ pid: 2 ** 30, host: hostname() });
  expect(await withLock(dead, async () => 'mine', { beatMs: 20, staleMs: 60_000 })).toBe('mine');
  const waited: string[] = [];
  const silent = abandoned({ pid: 1, host: 'elsewhere' });
  expect(await withLock(silent, async () => 'mine', { ...fast, onWait: (owner) => waited.push(owner) })).toBe('mine');
  expect(waited).toEqual(['a process on elsewhere']);
});

it('is taken over by one only', async () => {
  const path = abandoned({ pid: 2 ** 30, host: hostname() });
  let inside = 0;
  let most = 0;
  const work = async () => {
    most = Math.max(most, ++inside);
    await sleep(50);
    inside--;
  };
  await Promise.all(Array.from({ length: 6 }, () => withLock(path, work, { beatMs: 20, staleMs: 60_000 })));
  expect(most).toBe(1);
});

it('is taken over although somebody died while doing that', async () => {
  const path = abandoned({ pid: 2 ** 30, host: hostname() });
  mkdirSync(`${path}.takeover`);
  utimesSync(`${path}.takeover`, 1, 1);
  expect(await withLock(path, async () => 'mine', fast)).toBe('mine');
});

it('can be given up waiting for', async () => {
  const path = abandoned({ pid: process.pid, host: hostname() });
  const controller = new AbortController();
  const waiting = withLock(path, async () => 'never', { signal: controller.signal });
  controller.abort();
  await expect(waiting).rejects.toThrow(/abort/i);
});
