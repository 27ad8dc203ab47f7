import { fileURLToPath } from 'node:url';

/** Bases that come with emotune, by name. */
const embedded: Readonly<Record<string, string>> = { nano: 'nano-llama' };

/** The folder of a base: an embedded one's by its name, anything else is a path. */
export function baseFolder(base: string): string {
  const folder = embedded[base];
  return folder === undefined ? base : fileURLToPath(new URL(`../../assets/${folder}`, import.meta.url));
}
