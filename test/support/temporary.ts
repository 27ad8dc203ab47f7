import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** One folder for everything that tests write, removed when they are done. */
export default function setup(): () => void {
  const folder = mkdtempSync(join(tmpdir(), 'emotune-tests-'));
  process.env.TMPDIR = folder;
  return () => rmSync(folder, { recursive: true, force: true });
}
