import { ConfigError } from '../../core/errors.ts';
import { brighter } from './brighter.ts';
import { emobank, emobankEmotions } from './emobank.ts';
import { emotion } from './emotion.ts';
import { goemotions, goemotionsEkman } from './goemotions.ts';
import { isear } from './isear.ts';
import { meld } from './meld.ts';
import { semeval2018 } from './semeval2018.ts';
import { socialPosts } from './social-posts.ts';
import type { Source } from './source.ts';
import { tweetevalEmotion } from './tweeteval-emotion.ts';

/** Every dataset that `data` can name. To add one, write a {@link Source} beside these and list it here. */
export const sources: readonly Source[] = [
  socialPosts,
  goemotions,
  goemotionsEkman,
  emobank,
  emobankEmotions,
  ...brighter,
  ...semeval2018,
  emotion,
  tweetevalEmotion,
  isear,
  meld,
];

/** The source called `name`, or undefined: then `name` may be a path. */
export const findSource = (name: string): Source | undefined => sources.find((source) => source.name === name);

/** For a `data` that is neither a source nor a path. */
export const unknownSource = (name: string): ConfigError =>
  new ConfigError(
    `data: '${name}' is no dataset of \`emotune data list\`, no .csv, .tsv, .jsonl or .parquet file, and no folder that emotune ` +
      'wrote; check the name or the path',
  );
