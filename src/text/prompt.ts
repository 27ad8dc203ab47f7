/** What is put around a text before a model reads it. */

/** A turn of a conversation before the text. */
export interface Turn {
  /** Who speaks: `user` and `assistant` in chat formats, any name in plain ones. */
  readonly role?: string;
  readonly text: string;
}

/** How texts are presented to a model; saved with it, because other words around a text are another question. */
export interface Prompt {
  readonly format: PromptFormat;
  /** What the model is asked to do: a system message, or the first line of a plain prompt. */
  readonly instruction: string;
  /** Right before and after the text. */
  readonly prefix: string;
  readonly suffix: string;
}

/** The text as it is. */
export const noPrompt: Prompt = { format: 'plain', instruction: '', prefix: '', suffix: '' };

/** How turns are written down. Names of special tokens stand for the tokens. */
interface Format {
  /** Tokens without which the format means nothing to a model. */
  readonly tokens: readonly string[];
  /** Markup around what a role says. */
  around(role: string | undefined): { readonly before: string; readonly after: string };
  readonly instruction: (text: string) => string;
  /** What makes the model answer: after the last turn. */
  readonly answer: string;
}

const formats = {
  /** One turn a line, `role: text`. */
  plain: {
    tokens: [],
    around: (role) => ({ before: role === undefined ? '' : `${role}: `, after: '\n' }),
    instruction: (text) => `${text}\n`,
    answer: '',
  },
  /** @see Llama 3's model card: llama.com/docs/model-cards-and-prompt-formats/meta-llama-3 */
  llama3: {
    tokens: ['<|start_header_id|>', '<|end_header_id|>', '<|eot_id|>'],
    around: (role = 'user') => ({
      before: `<|start_header_id|>${role}<|end_header_id|>\n\n`,
      after: '<|eot_id|>',
    }),
    instruction: (text) => `<|start_header_id|>system<|end_header_id|>\n\n${text}<|eot_id|>`,
    answer: '<|start_header_id|>assistant<|end_header_id|>\n\n',
  },
  /** Qwen's and others'. @see github.com/openai/openai-python/blob/v0.28.1/chatml.md */
  chatml: {
    tokens: ['<|im_start|>', '<|im_end|>'],
    around: (role = 'user') => ({ before: `<|im_start|>${role}\n`, after: '<|im_end|>\n' }),
    instruction: (text) => `<|im_start|>system\n${text}<|im_end|>\n`,
    answer: '<|im_start|>assistant\n',
  },
} as const satisfies Readonly<Record<string, Format>>;

export type PromptFormat = keyof typeof formats;
export const promptFormats = Object.keys(formats) as [PromptFormat, ...PromptFormat[]];

/** The special tokens a format cannot do without. */
export const tokensOf = ({ format }: Prompt): readonly string[] => formats[format].tokens;

/** A part of what a model reads: markup that the prompt's author wrote, or words that may come from anyone. */
export interface Part {
  readonly kind: 'markup' | 'words' | 'text';
  readonly content: string;
}

/**
 * What a model reads of a text and the turns before it, in order; exactly one part is the text.
 *
 *     instruction · turns · prefix · text · suffix · answer
 *
 * In chat formats the text is a user's message, and the model is about to answer.
 */
export function render(prompt: Prompt, text: string, context: readonly Turn[]): Part[] {
  const format: Format = formats[prompt.format];
  const markup = (content: string): Part => ({ kind: 'markup', content });
  const turns = context.flatMap(({ role, text: said }) => {
    const { before, after } = format.around(role);
    return [markup(before), { kind: 'words', content: said } as const, markup(after)];
  });
  const isChat = format.answer !== '';
  const own = isChat ? format.around('user') : { before: '', after: '' };
  return [
    markup(prompt.instruction === '' ? '' : format.instruction(prompt.instruction)),
    ...turns,
    markup(own.before + prompt.prefix),
    { kind: 'text' as const, content: text },
    markup(prompt.suffix + own.after + format.answer),
  ].filter(({ kind, content }) => kind === 'text' || content !== '');
}
