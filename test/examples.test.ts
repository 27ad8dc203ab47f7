import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

/** What is shown runs: every file of examples/, and README's snippet is what they do. */
const root = fileURLToPath(new URL('..', import.meta.url));

test.each(readdirSync(`${root}examples`))('examples/%s', (file) => {
  const args = ['--import', 'tsx', `examples/${file}`];
  const { status, stderr, stdout } = spawnSync(process.execPath, args, {
    cwd: root,
    encoding: 'utf8',
    env: { ...process.env, LIMIT: '16' },
  });
  expect(stderr).toBe('');
  expect(status).toBe(0);
  expect(stdout.length).toBeGreaterThan(50);
  expect(readFileSync(`${root}examples/${file}`, 'utf8').split('\n').length).toBeLessThan(60);
});
