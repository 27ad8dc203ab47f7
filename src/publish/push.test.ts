import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { licenceFields } from './licence.ts';
import { type PushOptions, preparePush, push } from './push.ts';

const repository = 'jane/my-emotions';
const commit = 'c0'.repeat(20);
const base = { path: `some-org/Llama@${commit}`, fingerprint: 'f'.repeat(64), licence: 'llama3' };
const artifact = {
  version: 1,
  task: 'single_label_classification',
  labels: ['joy', 'a | "b"'],
  maxLength: 128,
  decision: { temperature: 1, thresholds: [0.5, 0.5] },
  base,
  tokenizer: { fingerprint: 'e'.repeat(64) },
  data: { name: 'goemotions', licence: 'CC BY 4.0', split: 'official' },
};
const metric = (value: number | null) => ({ value, low: 0.1, high: 0.9 });
const test = {
  task: artifact.task,
  n: 50,
  metrics: { accuracy: metric(0.5), macroF1: metric(0.25), pearson: metric(null) },
  perLabel: [{ label: 'joy', scores: { f1: 0.5, support: 20 } }],
  bootstrap: { draws: 1000, seed: 0 },
};
const result = {
  reason: 'finished',
  out: '/home/jane/secret/run',
  bestEpoch: 2,
  test,
  trainingSeconds: 61,
  tokensPerSecond: 1234,
  peakMemoryBytes: 2e9,
};
const started = {
  type: 'started',
  examples: { train: 400, validation: 50, test: 50 },
  steps: 75,
  learningRate: 2e-4,
  parameters: { trained: 1000, total: 1_000_000 },
};

/** A run's folder, with parts of it replaced or, where null, left out. */
function runFolder(changed: {
  artifact?: object;
  result?: object | null;
  baseModel?: string;
  config?: object;
}): string {
  const dir = mkdtempSync(join(tmpdir(), 'emotune-run-'));
  const write = (name: string, content: unknown) => writeFileSync(join(dir, name), JSON.stringify(content));
  write('emotune.json', { ...artifact, ...changed.artifact });
  write('adapter_config.json', { r: 16, base_model_name_or_path: changed.baseModel ?? 'some-org/Llama' });
  writeFileSync(join(dir, 'adapter_model.safetensors'), 'weights');
  writeFileSync(join(dir, 'config.yaml'), stringify({ data: 'goemotions', base: base.path, ...changed.config }));
  writeFileSync(join(dir, 'metrics.jsonl'), `${JSON.stringify(started)}\n{"type":"step"}\n`);
  if (changed.result !== null) write('result.json', { ...result, ...changed.result });
  return dir;
}

const prepared = (changed: Parameters<typeof runFolder>[0] = {}, options: Partial<PushOptions> = {}) =>
  preparePush(runFolder(changed), { repository, ...options });
const headOf = (card: string) => parse(/^---\n([\s\S]*?)\n---\n/.exec(card)![1]!);
async function fileOf(publication: ReturnType<typeof prepared>, path: string): Promise<string> {
  const found = (await publication).files.find((file) => file.path === path)!;
  return 'text' in found ? found.text : found.file;
}

describe('a model card', () => {
  it('has a head that the Hub reads', async () => {
    expect(headOf((await prepared()).card)).toEqual({
      language: ['en'],
      license: 'llama3',
      library_name: 'peft',
      pipeline_tag: 'text-classification',
      base_model: 'some-org/Llama',
      base_model_relation: 'adapter',
      datasets: ['google-research-datasets/go_emotions'],
      tags: ['emotion', 'lora', 'peft', 'emotune', 'single-label-classification'],
      'model-index': [
        {
          name: 'my-emotions',
          results: [
            {
              task: { type: 'text-classification', name: 'Text classification' },
              dataset: { type: 'google-research-datasets/go_emotions', name: 'goemotions', split: 'test' },
              metrics: [
                { type: 'accuracy', name: 'Accuracy', value: 0.5 },
                { type: 'f1', name: 'Macro F1', value: 0.25 },
              ],
            },
          ],
        },
      ],
    });
  });

  it.each([
    '[some-org/Llama](https://huggingface.co/some-org/Llama)',
    '- licence: CC BY 4.0\n- citation: Demszky et al. 2020',
    '- examples: 400 for training, 50 for validation, 50 for testing',
    '| Macro F1 | 0.2500 | 0.1000 to 0.9000 |',
    '| Pearson | n/a | 0.1000 to 0.9000 |',
    '| joy | 0.5000 | 20 |',
    '50 texts that were neither trained on nor used to choose anything. Intervals are percentiles of 1000 bootstrap draws',
    `- base: some-org/Llama at ${commit}`,
    '- LoRA: rank 16, alpha 32, dropout 0, on all-linear',
    '- batch: 16 examples, 3 epochs, 75 steps',
    '- time: 61 s in steps, 1,234 tokens/s on the processor\n- memory: 2.00 GB at its peak',
    'With 50 test texts the intervals are wide',
    '- adapter: llama3\n- base (some-org/Llama): llama3\n- data: CC BY 4.0',
    `from_pretrained(base, revision="${commit}", num_labels=2, dtype=torch.float32)`,
    'labels = ["joy", "a | \\"b\\""]',
    'PeftModel.from_pretrained(model, "jane/my-emotions")',
    "await loadClassifier('jane/my-emotions');",
  ])('says %j', async (words) => {
    expect((await prepared()).card).toContain(words);
  });

  it('says what is not known', async () => {
    const { card, notes, obstacle } = await prepared({
      artifact: { base: { ...base, licence: undefined }, data: undefined },
      result: null,
    });
    expect(headOf(card)).not.toHaveProperty('license');
    expect(headOf(card)).not.toHaveProperty('model-index');
    expect(card).toContain('- adapter: **unknown: fill in**\n- base (some-org/Llama): **unknown: fill in**');
    expect(card).toContain('Not measured: the training did not come to its end.');
    expect(notes).toEqual([
      'the licence of the data is not known: the card says so, fill it in there',
      'the run did not come to its end: the card has no results',
    ]);
    expect(obstacle).toMatch(/the licence of the base some-org\/Llama is not known.*--license llama3/);
  });

  it('does not take a file of one’s own for the dataset of its name', async () => {
    const { card } = await prepared({ artifact: { data: { name: 'goemotions', split: 'stratified' } } });
    expect(card).toContain('- dataset: `goemotions`\n- licence: **unknown: fill in**');
    expect(headOf(card)).not.toHaveProperty('datasets');
  });

  it('applies temperature and sigmoid, and names the thresholds, where labels do not exclude each other', async () => {
    const decision = { temperature: 1.25, thresholds: [0.3, 0.12345] };
    const { card } = await prepared({ artifact: { task: 'multi_label_classification', decision } });
    expect(card).toContain('torch.sigmoid(logits / 1.25).tolist()');
    expect(card).toContain('A label is given from its threshold on: joy 0.3, a | "b" 0.123.');
  });

  it('gives values their unit back', async () => {
    const decision = { temperature: 1, thresholds: [], standardization: { means: [3, 2], deviations: [0.5, 1] } };
    const { card } = await prepared({ artifact: { task: 'regression', decision } });
    expect(card).toContain('(logits * torch.tensor([0.5, 1]) + torch.tensor([3, 2])).tolist()');
  });

  it('reads the cutpoints of levels, which PEFT leaves out', async () => {
    const { card } = await prepared({ artifact: { task: 'ordinal_regression' } });
    expect(card).toContain(
      'cutpoints = load_file(hf_hub_download("jane/my-emotions", "adapter_model.safetensors"))["base_model.model.score.cutpoints"]',
    );
    expect(card).toContain('torch.sigmoid(logits[:, None] - cutpoints).sum(-1).tolist()');
    expect(card).toMatch(/^from huggingface_hub import hf_hub_download\nfrom peft import PeftModel\nfrom safetensors/m);
  });

  it('puts around a text what the model was trained with, and then cuts nothing', async () => {
    const prompt = { format: 'llama3', instruction: 'Be brief.', prefix: 'It said: ', suffix: '' };
    const { card } = await prepared({ artifact: { prompt } });
    expect(card).toContain(
      'tokenizer("<|start_header_id|>system<|end_header_id|>\\n\\nBe brief.<|eot_id|><|start_header_id|>user<|end_header_id|>\\n\\nIt said: " + ' +
        'text.strip() + "<|eot_id|><|start_header_id|>assistant<|end_header_id|>\\n\\n", return_tensors="pt")',
    );
  });
});

describe('what is published', () => {
  it('names the base as others find it, and no path of this machine', async () => {
    const changed = {
      artifact: { base: { ...base, path: '/home/jane/models/My-Llama' } },
      baseModel: '/home/jane/models/My-Llama',
      config: {
        data: '/home/jane/posts.csv',
        test: '/home/jane/test.csv',
        dataDir: '/home/jane',
        initFrom: '/home/jane/earlier',
        mlflowUri: 'https://mlflow.intern',
        base: '/home/jane/models/My-Llama',
      },
    };
    const publication = await prepared(changed);
    expect(JSON.stringify(publication.files.filter((file) => 'text' in file))).not.toMatch(/\/home\/jane|mlflow/);
    expect(JSON.parse(await fileOf(prepared(changed), 'adapter_config.json'))).toEqual({
      r: 16,
      base_model_name_or_path: 'My-Llama',
      revision: null,
    });
    expect(publication.card).toContain('base = "path/to/My-Llama"');
    expect(publication.card).toContain("loadClassifier('jane/my-emotions', { base: 'path/to/My-Llama' })");
    expect(publication.notes).toEqual([
      "the base is named 'My-Llama', after its folder: name it with --base organisation/name if it is on the Hub",
    ]);

    const named = await prepared(changed, { base: 'some-org/Llama' });
    expect(named.notes).toEqual([]);
    expect(headOf(named.card)).toMatchObject({ base_model: 'some-org/Llama' });
    const emotune = await fileOf(prepared(changed, { base: 'some-org/Llama' }), 'emotune.json');
    expect(JSON.parse(emotune).base).toMatchObject({ path: 'some-org/Llama', fingerprint: base.fingerprint });
  });

  it('keeps the commit that was trained on', async () => {
    expect(JSON.parse(await fileOf(prepared(), 'adapter_config.json'))).toMatchObject({
      base_model_name_or_path: 'some-org/Llama',
      revision: commit,
    });
  });

  it.each<[string, Parameters<typeof runFolder>[0], Partial<PushOptions>, string]>([
    ['a merged checkpoint', { artifact: { base: null } }, {}, 'is no run with an adapter'],
    ['a base that is no name', {}, { base: './folder' }, "--base: './folder' is no model on the Hub"],
    ['a repository that is no name', {}, { repository: 'jane' }, "--repo: 'jane' is no repository on the Hub"],
    ['a damaged result', { result: { trainingSeconds: 'x' } }, {}, 'result.json cannot be used: trainingSeconds'],
  ])('cannot be %s', async (_, changed, options, message) => {
    await expect(prepared(changed, options)).rejects.toThrow(message);
  });

  it('cannot be a run without its weights, or without a licence', async () => {
    const dir = runFolder({});
    rmSync(join(dir, 'adapter_model.safetensors'));
    await expect(preparePush(dir, { repository })).rejects.toThrow('no adapter_model.safetensors');
    const unlicensed = runFolder({ artifact: { base: { ...base, licence: undefined } } });
    await expect(push(unlicensed, { repository })).rejects.toThrow(/--license llama3$/);
    expect((await preparePush(unlicensed, { repository, license: 'mit' })).obstacle).toBeUndefined();
  });
});

it.each([
  ['CC BY 4.0', { license: 'cc-by-4.0' }],
  ['CC0 1.0', { license: 'cc0-1.0' }],
  ['llama3.2', { license: 'llama3.2' }],
  ['MIT', { license: 'mit' }],
  ['My own terms', { license: 'other', license_name: 'my-own-terms' }],
])('the Hub calls %s %o', (licence, fields) => {
  expect(licenceFields(licence)).toEqual(fields);
});
