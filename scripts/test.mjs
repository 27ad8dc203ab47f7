/**
 * Everything that must hold before a change is merged: types, lint and format, unused code, tests.
 * The last line says how many checks and tests passed and failed.
 *
 *     npm test
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root, setUp } from './setup.mjs';
import { useSoftwareDriver } from './webgpu-driver.mjs';

/** Run the way npm would: the tools are in node_modules. */
function tool(title, name, args) {
  console.log(`\n── ${title}`);
  const script = join(root, 'node_modules', '.bin', name);
  const { status } = spawnSync(script, args, { cwd: root, stdio: 'inherit', shell: process.platform === 'win32' });
  return status === 0;
}

function check(title, name, args) {
  const passed = tool(title, name, args);
  if (passed) console.log('passed');
  return { passed: Number(passed), failed: Number(!passed), skipped: 0 };
}

/** A file that fails to load counts as one failed test: vitest has no tests to count for it. */
function tests() {
  const folder = mkdtempSync(join(tmpdir(), 'emotune-test-'));
  const report = join(folder, 'report.json');
  const ok = tool('tests', 'vitest', ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`]);
  const counts = readCounts(report);
  rmSync(folder, { recursive: true });
  return ok || counts.failed > 0 ? counts : { ...counts, failed: 1 };
}

function readCounts(report) {
  try {
    const { numPassedTests, numFailedTests, numPendingTests, numTodoTests, testResults } = JSON.parse(
      readFileSync(report, 'utf8'),
    );
    const unloadable = testResults.filter((file) => file.status === 'failed' && file.assertionResults.length === 0);
    return {
      passed: numPassedTests,
      failed: numFailedTests + unloadable.length,
      skipped: numPendingTests + (numTodoTests ?? 0),
    };
  } catch {
    return { passed: 0, failed: 1, skipped: 0 };
  }
}

setUp();
useSoftwareDriver();
const results = [
  check('types (tsc)', 'tsc', ['--noEmit', '--project', 'tsconfig.json']),
  check('lint and format (biome)', 'biome', ['check', '.']),
  check('unused code (knip)', 'knip', []),
  tests(),
];
const sum = (what) => results.reduce((total, result) => total + result[what], 0);
const skipped = sum('skipped') > 0 ? `, ${sum('skipped')} skipped` : '';
console.log(`\n${sum('passed')} passed, ${sum('failed')} failed${skipped}`);
process.exitCode = sum('failed') > 0 ? 1 : 0;
