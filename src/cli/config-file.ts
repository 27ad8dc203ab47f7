import { readFile } from 'node:fs/promises';
import { parseDocument } from 'yaml';
import { ConfigError } from '../core/errors.ts';
import { didYouMean } from './closest.ts';
import { checkValue, fieldOf } from './field.ts';
import type { Shape, Values } from './flags.ts';

/**
 * Reads settings from a YAML file whose keys are those of a shape, such as the config.yaml of a run.
 *
 * @throws ConfigError naming the file and what in it cannot be used.
 */
export async function readConfigFile<S extends Shape>(path: string, shape: S): Promise<Values<S>> {
  const settings = await readYaml(path);
  for (const [key, value] of Object.entries(settings)) {
    const schema = Object.hasOwn(shape, key) ? shape[key] : undefined;
    if (!schema) throw new ConfigError(`${path}: unknown key '${key}'${didYouMean(key, Object.keys(shape))}`);
    checkValue(fieldOf(key, schema), value, `${path}: ${key}`);
  }
  return settings as Values<S>;
}

async function readYaml(path: string): Promise<Record<string, unknown>> {
  const text = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    const why = cause.code === 'ENOENT' ? 'no such file; check the path' : `cannot be read: ${cause.message}`;
    throw new ConfigError(`${path}: ${why}`, { cause });
  });
  const document = parseDocument(text);
  const [broken] = document.errors;
  if (broken) throw new ConfigError(`${path}: not YAML: ${broken.message.trim()}`);
  const content: unknown = document.toJS() ?? {};
  if (typeof content === 'object' && !Array.isArray(content)) return content as Record<string, unknown>;
  throw new ConfigError(`${path}: expected settings such as 'rank: 16', one per line, got ${JSON.stringify(content)}`);
}
