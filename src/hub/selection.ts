/** Which files of a repository are needed, and no others: never pickles, never copies in other formats. */
import { HubError } from '../core/errors.ts';

/** What a repository is fetched for. */
export interface Selection {
  readonly required: readonly string[];
  /** Taken along where they are. */
  readonly optional: readonly string[];
  /** Whether the model's weights are wanted: one file, or an index and its shards. */
  readonly weights: boolean;
}

/** What may be wanted of a repository whose kind is not known: the first that fits. */
export type Selections = readonly [Selection, ...Selection[]];

/** The first selection that a repository with these files can satisfy, else the first. */
export const fitting = (selections: Selections, names: readonly string[]): Selection =>
  selections.find(({ required }) => required.every((name) => names.includes(name))) ?? selections[0];

/** README.md says the licence. */
export const baseFiles: Selection = {
  required: ['config.json', 'tokenizer.json'],
  optional: [
    'README.md',
    'generation_config.json',
    'tokenizer_config.json',
    'special_tokens_map.json',
    'chat_template.jinja',
    'chat_template.json',
  ],
  weights: true,
};

export const tokenizerFiles: Selection = { required: ['tokenizer.json'], optional: [], weights: false };

/** What `emotune push` or PEFT uploads. */
export const adapterFiles: Selection = {
  required: ['adapter_config.json', 'adapter_model.safetensors'],
  optional: ['emotune.json', 'README.md'],
  weights: false,
};

export const singleWeights = 'model.safetensors';
export const weightsIndex = 'model.safetensors.index.json';

/**
 * The files to fetch before the shards are known: the index, or the weights where they are one file.
 *
 * @throws HubError saying what the repository lacks, and the way out.
 */
export function selectFiles(
  { required, optional, weights }: Selection,
  names: readonly string[],
  id: string,
): string[] {
  const missing = required.filter((name) => !names.includes(name));
  if (missing.length > 0) throw new HubError(`${id}: has no ${missing.join(' and no ')}; ${wayOut(missing, names)}`);
  const chosen = [...required, ...optional.filter((name) => names.includes(name))];
  if (!weights) return chosen;
  const held = [weightsIndex, singleWeights].find((name) => names.includes(name));
  if (held === undefined) throw new HubError(`${id}: has no weights in safetensors; ${convert(names)}`);
  return [...chosen, held];
}

function wayOut(missing: readonly string[], names: readonly string[]): string {
  const held = names.length === 0 ? 'nothing' : names.slice(0, 12).join(', ');
  if (missing.includes('tokenizer.json') && names.includes('config.json'))
    return (
      'emotune reads no other form of tokenizer: in Python, `AutoTokenizer.from_pretrained(name).save_pretrained(folder)` ' +
      'writes one; put the weights beside it and give the folder'
    );
  return `is it a model for transformers? It holds ${held}`;
}

function convert(names: readonly string[]): string {
  const pickles = names.filter((name) => /\.(bin|pth|pt|h5|msgpack)$/.test(name));
  const held = pickles.length > 0 ? `it has ${pickles.slice(0, 3).join(', ')}, which are not read here. ` : '';
  return (
    `${held}Look for a revision with safetensors on its page (give it as name@revision), or in Python ` +
    '`AutoModelForCausalLM.from_pretrained(name).save_pretrained(folder)` and give the folder'
  );
}
