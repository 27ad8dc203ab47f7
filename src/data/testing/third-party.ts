import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import type { Source } from '../sources/source.ts';

/** Where third-party datasets lie, if at all: beside the repository, never in it. */
export const thirdPartyData = fileURLToPath(new URL('../../../../shared/data', import.meta.url));

/** Whether all files of a source are there. */
export const isThere = (source: Source): boolean =>
  source.files.every(({ path }) => existsSync(join(source.folder(thirdPartyData), path)));
