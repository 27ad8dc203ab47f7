import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { licenceOf } from './licence.ts';

it.each([
  ['---\nlicense: llama3\n---\n# Title\n', 'llama3'],
  ['---\r\nlanguage: en\r\nlicense: mit\r\n---\r\n', 'mit'],
  ['---\nlicense: other\nlicense_name: my-terms\n---\n', 'my-terms'],
  ['---\nlicense: other\n---\n', 'other'],
  ['---\nlicense: [a, b]\n---\n', undefined],
  ['---\nlicense: "\n---\n', undefined],
  ['---\n- a\n---\n', undefined],
  ['# Title\nlicense: mit\n', undefined],
])('%j says %s', async (text, licence) => {
  const dir = mkdtempSync(join(tmpdir(), 'emotune-licence-'));
  writeFileSync(join(dir, 'README.md'), text);
  expect(await licenceOf(dir)).toBe(licence);
});

it('is not known without a README.md', async () => {
  expect(await licenceOf('/nowhere')).toBeUndefined();
});
