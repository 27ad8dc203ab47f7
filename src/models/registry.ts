import { CheckpointError } from '../core/errors.ts';
import { type DecoderConfig, parseDecoderConfig } from './config.ts';

/** What sets one family of decoders apart from the others, in terms of its config.json. */
interface Family {
  /** What transformers' classes are called after: `LlamaForSequenceClassification`. */
  readonly className: string;
  readonly qkvBias: (config: DecoderConfig) => boolean;
  readonly outputBias: (config: DecoderConfig) => boolean;
  readonly mlpBias: (config: DecoderConfig) => boolean;
  /** Window of keys a token attends to, if it is limited. Texts are cut to it, which makes the limit without effect. */
  readonly window: (config: DecoderConfig) => number | null | undefined;
}

const never = () => false;

/** The decoders emotune knows, by `model_type`. To add one, add a record: CONTRIBUTING.md. */
const families: Readonly<Record<string, Family>> = {
  llama: {
    className: 'Llama',
    qkvBias: (c) => c.attention_bias,
    outputBias: (c) => c.attention_bias,
    mlpBias: (c) => c.mlp_bias,
    window: () => null,
  },
  mistral: {
    className: 'Mistral',
    qkvBias: never,
    outputBias: never,
    mlpBias: never,
    window: (c) => c.sliding_window,
  },
  qwen2: {
    className: 'Qwen2',
    qkvBias: () => true,
    outputBias: never,
    mlpBias: never,
    window: (c) => (c.use_sliding_window ? c.sliding_window : null),
  },
};

/** A decoder ready to be built: its sizes, and the properties of its family. */
export interface DecoderSpec {
  readonly config: DecoderConfig;
  readonly className: string;
  readonly qkvBias: boolean;
  readonly outputBias: boolean;
  readonly mlpBias: boolean;
  /** The longest text in tokens. */
  readonly contextLength: number;
}

/**
 * What config.json describes.
 *
 * @throws CheckpointError for an unknown `model_type` or unusable keys.
 */
export function describeModel(raw: Readonly<Record<string, unknown>>): DecoderSpec {
  const type = String(raw.model_type);
  const family = Object.hasOwn(families, type) ? families[type] : undefined;
  if (!family)
    throw new CheckpointError(
      `config.json: model_type '${type}' is not supported; emotune knows ${Object.keys(families).join(', ')}`,
    );
  const config = parseDecoderConfig(raw);
  return {
    config,
    className: family.className,
    qkvBias: family.qkvBias(config),
    outputBias: family.outputBias(config),
    mlpBias: family.mlpBias(config),
    contextLength: Math.min(config.max_position_embeddings, family.window(config) ?? Number.POSITIVE_INFINITY),
  };
}
