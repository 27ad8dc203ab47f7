import { z } from 'zod';
import type { HubOptions } from '../hub/options.ts';
import type { Values } from './flags.ts';
import { openProgressLine } from './progress-line.ts';
import { formatBytes } from './view/quantities.ts';

/** How the Hub is reached. The token is no setting of a run: it must not get into its files. */
export const hubShape = {
  token: z
    .string()
    .optional()
    .describe('token for gated or private models on the Hub (default: HF_TOKEN, or what `hf auth login` stored)'),
  offline: z.boolean().default(false).describe('use only what was fetched before (also: HF_HUB_OFFLINE=1)'),
};

/** For `addFlags`: the heading of these flags in help. */
export const hubGroup = { 'Hub:': Object.keys(hubShape) };

/** What the environment and the flags say, with progress and notices on stderr. */
export async function hubFor({ token, offline }: Values<typeof hubShape>): Promise<HubOptions> {
  const { hubFromEnvironment } = await import('../hub/options.ts');
  const environment = await hubFromEnvironment(process.env);
  const progress = openProgressLine((done, total) => `${formatBytes(done)} of ${formatBytes(total)}`);
  return {
    ...environment,
    ...(token === undefined ? {} : { token }),
    offline: offline || environment.offline,
    onProgress(done, total) {
      progress.show(done, total);
      if (done >= total) progress.close();
    },
    onNotice(line) {
      progress.close();
      process.stderr.write(`${line}\n`);
    },
  };
}
