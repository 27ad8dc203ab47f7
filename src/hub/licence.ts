import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseDocument } from 'yaml';

/** The licence that a folder's README.md gives at its head, as a model card does; undefined if it gives none. */
export async function licenceOf(dir: string): Promise<string | undefined> {
  const text = await readFile(join(dir, 'README.md'), 'utf8').catch(() => '');
  const head = /^---\r?\n([\s\S]*?)\r?\n---/.exec(text)?.[1];
  if (head === undefined) return undefined;
  const document = parseDocument(head);
  const fields: unknown = document.errors.length > 0 ? undefined : document.toJS();
  if (typeof fields !== 'object' || fields === null) return undefined;
  const { license, license_name: name } = fields as Readonly<Record<string, unknown>>;
  // `license: other` has its name beside it.
  const found = license === 'other' && typeof name === 'string' ? name : license;
  return typeof found === 'string' && found !== '' ? found : undefined;
}
