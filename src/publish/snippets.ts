/** Programs for a model card that load what was published. */
import type { Task } from '../core/task.ts';
import { CUTPOINTS } from '../models/heads.ts';
import { render } from '../text/prompt.ts';
import type { PublishedRun } from './run.ts';

/** What turns logits into scores in Python, as `scoresOf` does here. */
const activation: Readonly<Record<Task, (logits: string) => string>> = {
  single_label_classification: (logits) => `torch.softmax(${logits}, dim=-1)`,
  multi_label_classification: (logits) => `torch.sigmoid(${logits})`,
  regression: (logits) => logits,
  ordinal_regression: () => 'torch.sigmoid(logits[:, None] - cutpoints).sum(-1)',
};

/** The logits in the units of the scores. */
function logitsFor({ temperature, standardization: by }: PublishedRun['artifact']['decision']): string {
  if (by) return `(logits * torch.tensor(${python(by.deviations)}) + torch.tensor(${python(by.means)}))`;
  return temperature === 1 ? 'logits' : `logits / ${temperature}`;
}

/** Where the program finds what PEFT does not load. */
const cutpoints = (repository: string): string => `
cutpoints = load_file(hf_hub_download(${python(repository)}, "adapter_model.safetensors"))["base_model.model.${CUTPOINTS}"]
`;

/**
 * A program for transformers and PEFT. It reads one text at a time, so that no pad token is needed: Llama has none, and
 * transformers would look for it to find a text's end.
 */
export function pythonSnippet({ artifact, base, baseName }: PublishedRun, repository: string): string {
  const { labels, task, prompt, maxLength, decision } = artifact;
  const logits = logitsFor(decision);
  const levels = task === 'ordinal_regression';
  const revision = base?.revision === undefined ? '' : `, revision=${python(base.revision)}`;
  const [before, after] = around(prompt);
  const wrapped = [before && python(before), 'text.strip()', after && python(after)].filter(Boolean).join(' + ');
  // Cutting at the end would take away what comes after the text.
  const cut = after === '' ? `, truncation=True, max_length=${maxLength}` : '';
  return `import torch
${levels ? 'from huggingface_hub import hf_hub_download\n' : ''}from peft import PeftModel
${levels ? 'from safetensors.torch import load_file\n' : ''}from transformers import AutoModelForSequenceClassification, PreTrainedTokenizerFast

base = ${python(base ? baseName : `path/to/${baseName}`)}
labels = ${python(labels)}

tokenizer = PreTrainedTokenizerFast.from_pretrained(base${revision})
model = AutoModelForSequenceClassification.from_pretrained(base${revision}, num_labels=${labels.length}, dtype=torch.float32)
model = PeftModel.from_pretrained(model, ${python(repository)}).eval()
${levels ? cutpoints(repository) : ''}

def classify(text):
    inputs = tokenizer(${wrapped}, return_tensors="pt"${cut})
    with torch.no_grad():
        logits = model(input_ids=inputs.input_ids, attention_mask=inputs.attention_mask).logits[0]
    return dict(zip(labels, ${activation[task](logits)}.tolist()))


print(classify("What a lovely surprise!"))`;
}

/** A program for emotune, which fetches adapter and base by itself. */
export function typescriptSnippet({ base, baseName, isEmbedded }: PublishedRun, repository: string): string {
  const where = base || isEmbedded ? '' : `, { base: 'path/to/${baseName}' }`;
  return `import { loadClassifier } from 'emotune';

const classifier = await loadClassifier('${repository}'${where});
console.log(await classifier.classify(['What a lovely surprise!']));
await classifier.dispose();`;
}

/** What a prompt puts before and after a text, special tokens by their names. */
function around(prompt: PublishedRun['artifact']['prompt']): readonly [before: string, after: string] {
  const parts = render(prompt, '', []);
  const at = parts.findIndex(({ kind }) => kind === 'text');
  const joined = (some: typeof parts) => some.map(({ content }) => content).join('');
  return [joined(parts.slice(0, at)), joined(parts.slice(at + 1))];
}

/** A text or a list of texts as Python reads it: JSON is, but for what it leaves as it is above ASCII, which Python takes. */
const python = (value: string | readonly (string | number)[]): string =>
  Array.isArray(value) ? `[${value.map((item) => JSON.stringify(item)).join(', ')}]` : JSON.stringify(value);
