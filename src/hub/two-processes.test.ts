import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { hubForTest, modelFiles } from './testing/hub-for-test.ts';

const id = 'some-org/tiny-model';
const script = fileURLToPath(new URL('testing/fetch-process.ts', import.meta.url));
const large = /^\/[0-9a-f]{64}/;

interface Running {
  readonly child: ChildProcess;
  readonly stdout: Promise<string>;
  readonly stderr: Promise<string>;
  readonly ended: Promise<unknown>;
}

function start(...args: readonly string[]): Running {
  const child = spawn(process.execPath, ['--import', 'tsx', script, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  return { child, stdout: text(child.stdout!), stderr: text(child.stderr!), ended: once(child, 'close') };
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await sleep(10);
}

it('two processes that want the same model fetch it once', async () => {
  const { hub, cacheDir } = await hubForTest();
  const files = modelFiles();
  hub.commit(id, files);
  let open = () => {};
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  hub.faults.push({ path: large, until: gate });
  const both = [start(hub.url, cacheDir, id), start(hub.url, cacheDir, id)];
  // Both have asked what there is; one has got to the weights, the other waits for it.
  await until(() => hub.seen.filter(({ path }) => path.includes('/tree/')).length >= 6);
  await until(() => hub.seen.some(({ path }) => large.test(path)));
  await sleep(500);
  open();
  const dirs = await Promise.all(both.map(({ stdout }) => stdout));
  for (const dir of dirs) {
    const found = readFileSync(join(dir, 'model.safetensors'));
    expect(found.equals(files['model.safetensors' as keyof typeof files] as unknown as Buffer)).toBe(true);
  }
  expect(hub.seen.filter(({ host }) => host === 'files')).toHaveLength(1);
  const [notices] = (await Promise.all(both.map(({ stderr }) => stderr))).filter((line) => line !== '');
  expect(notices).toMatch(/model\.safetensors: waiting for process \d+, which is fetching it/);
  expect(
    readdirSync(join(cacheDir, '.locks'), { recursive: true }).filter((name) => /\.lock$/.test(String(name))),
  ).toEqual([]);
});

it('a process that is killed leaves what the next one goes on with', async () => {
  const { hub, cacheDir } = await hubForTest();
  const files = modelFiles();
  const commit = hub.commit(id, files);
  hub.faults.push({ path: large, stallAfter: 100_000 });
  const first = start(hub.url, cacheDir, id);
  const blobs = join(cacheDir, 'models--some-org--tiny-model', 'blobs');
  const part = () => (existsSync(blobs) ? readdirSync(blobs).find((name) => name.endsWith('.incomplete')) : undefined);
  await until(() => {
    const name = part();
    return name !== undefined && name.length > 64 && readFileSync(join(blobs, name)).length > 50_000;
  });
  first.child.kill('SIGKILL');
  await first.ended;
  hub.seen.length = 0;
  const second = start(hub.url, cacheDir, `${id}@${commit}`);
  const dir = await second.stdout;
  const found = readFileSync(join(dir, 'model.safetensors'));
  expect(found.equals(files['model.safetensors' as keyof typeof files] as unknown as Buffer)).toBe(true);
  const [asked, ...more] = hub.seen.filter(({ host }) => host === 'files');
  expect(more).toEqual([]);
  expect(Number(/^bytes=(\d+)-$/.exec(asked!.range!)![1])).toBeGreaterThan(50_000);
  expect(part()).toBeUndefined();
});
