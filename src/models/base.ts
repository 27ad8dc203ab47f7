import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Bases that come with emotune, by name. */
const embedded: Readonly<Record<string, string>> = { nano: 'nano-llama' };

/** What to remember a base by: an embedded one's name, which holds on every machine, else its absolute path. */
export const baseReference = (base: string): string => (base in embedded ? base : resolve(base));

/** The folder of a base: an embedded one's by its name, anything else is a path. */
export function baseFolder(base: string): string {
  const folder = embedded[base];
  return folder === undefined ? base : fileURLToPath(new URL(`../../assets/${folder}`, import.meta.url));
}
