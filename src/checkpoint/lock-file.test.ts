import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { processStart } from '../runtime/process-start.ts';
import { createLock, type LockOwner, LockWatch } from './lock-file.ts';

const times = { beatMs: 20, staleMs: 300 };
const newPath = (): string => join(mkdtempSync(join(tmpdir(), 'emotune-lock-')), 'lock');

function lockOf(owner: Partial<LockOwner>): { readonly path: string; readonly watch: LockWatch } {
  const path = newPath();
  writeFileSync(path, JSON.stringify({ id: 'other', pid: 1, host: hostname(), ...owner }));
  return { path, watch: new LockWatch(path, times) };
}

/** A process that lives until the test ends. */
function neighbour(): number {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
  onTestFinished(() => void child.kill('SIGKILL'));
  return child.pid!;
}

describe('a lock file', () => {
  it('is one process’s at a time, and gone when it is given back', async () => {
    const path = newPath();
    const release = await createLock(path, times);
    expect(await createLock(path, times)).toBeUndefined();
    expect(await new LockWatch(path, times).look()).toMatchObject({ owner: { pid: process.pid }, isAlive: true });
    await release!();
    expect(existsSync(path)).toBe(false);
  });

  it('that is no longer ours stays when ours is given back', async () => {
    const path = newPath();
    const release = await createLock(path, times);
    writeFileSync(path, JSON.stringify({ id: 'other', pid: 1, host: 'elsewhere' }));
    await release!();
    expect(existsSync(path)).toBe(true);
  });

  it('of a living process stays, also a silent one', async () => {
    const pid = neighbour();
    const start = processStart(pid);
    const { path, watch } = lockOf({ pid, ...(start ? { start } : {}) });
    const wait = start ? 400 : 0;
    for (const from = performance.now(); performance.now() - from < wait; await sleep(20))
      expect(await watch.look()).toMatchObject({ isAlive: true });
    expect(existsSync(path)).toBe(true);
  });

  it.each<readonly [string, () => Partial<LockOwner>]>([
    ['a process that has ended', () => ({ pid: 2 ** 30 })],
    [
      'an earlier process with our number, as in a container that was started again',
      () => ({ pid: process.pid, start: 'x 1' }),
    ],
    ['one with a number that another process has now, as after a reboot', () => ({ pid: neighbour(), start: 'x 1' })],
  ])('of %s is taken away at once', async (_, owner) => {
    const { path, watch } = lockOf(owner());
    if (owner().start !== undefined && processStart(process.pid) === undefined) return; // the system does not say
    expect(await watch.look()).toMatchObject({ isAlive: false });
    expect(existsSync(path)).toBe(false);
  });

  it('of a process elsewhere lives as long as it shows so', async () => {
    const { path, watch } = lockOf({ host: 'elsewhere' });
    expect(await watch.look()).toMatchObject({ isAlive: false });
    for (let beat = 1; beat <= 20; beat++) {
      utimesSync(path, beat, beat);
      expect(await watch.look()).toMatchObject({ isAlive: true });
      await sleep(20);
    }
    await sleep(times.staleMs);
    expect(await watch.look()).toMatchObject({ isAlive: false });
    expect(existsSync(path)).toBe(false);
  });

  it('that was never written to its end is taken away after a moment', async () => {
    const path = newPath();
    writeFileSync(path, '');
    const watch = new LockWatch(path, times);
    expect(await watch.look()).toBeUndefined();
    expect(existsSync(path)).toBe(true);
    await sleep(3 * times.beatMs);
    await watch.look();
    expect(existsSync(path)).toBe(false);
  });

  it('is taken over by one alone, whoever comes at the same time', async () => {
    const script = `
      const { createLock, LockWatch } = await import(${JSON.stringify(new URL('./lock-file.ts', import.meta.url).href)});
      const [path, times] = [process.argv[1], { beatMs: 20, staleMs: 5000 }];
      const watch = new LockWatch(path, times);
      let said = 'not mine';
      for (const end = performance.now() + 1000; said !== 'mine' && performance.now() < end; await watch.look())
        if (await createLock(path, times)) said = 'mine';
      console.log(said);
      process.stdin.resume(); // lives until it is closed`;
    const { path } = lockOf({ pid: 2 ** 30 });
    const children = Array.from({ length: 4 }, () => {
      const args = ['--import', 'tsx', '--input-type=module', '-e', script, path];
      return spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    });
    const outputs = await Promise.all(
      children.map(async ({ stdout }) => String((await once(stdout, 'data'))[0]).trim()),
    );
    for (const { stdin } of children) stdin.end();
    expect(outputs.sort()).toEqual(['mine', 'not mine', 'not mine', 'not mine']);
    expect(JSON.parse(readFileSync(path, 'utf8')).id).not.toBe('other');
  });
});
