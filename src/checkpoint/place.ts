import { realpath } from 'node:fs/promises';
import { resolve } from 'node:path';

/** The absolute path, links followed. */
export const placeOf = (path: string): Promise<string> => realpath(path || '.').catch(() => resolve(path));
