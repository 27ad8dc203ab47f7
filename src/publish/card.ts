/** The model card of a run: what it is for, what it was made from, how good it is, and how to load it. */
import { stringify } from 'yaml';
import type { Task } from '../core/task.ts';
import type { Source } from '../data/sources/source.ts';
import type { Evaluation, Metric } from '../metrics/evaluate.ts';
import { licenceFields } from './licence.ts';
import type { PublishedRun } from './run.ts';
import { pythonSnippet, typescriptSnippet } from './snippets.ts';

export interface CardOptions {
  /** `org/name`, where it will be. */
  readonly repository: string;
  /** Of the adapter; undefined if it is not known. */
  readonly licence: string | undefined;
}

/** Stands where the author has to say something. */
const unknown = '**unknown: fill in**';

/** Metrics as the Hub calls them, and in words. */
const metricNames: Readonly<Record<string, readonly [type: string, words: string]>> = {
  accuracy: ['accuracy', 'Accuracy'],
  macroF1: ['f1', 'Macro F1'],
  microF1: ['f1', 'Micro F1'],
  weightedF1: ['f1', 'Weighted F1'],
  jaccard: ['jaccard', 'Jaccard, mean over texts'],
  subsetAccuracy: ['accuracy', 'Subset accuracy'],
  brier: ['brier_score', 'Brier score'],
  ece: ['ece', 'Expected calibration error'],
  quadraticKappa: ['cohen_kappa', 'Quadratic kappa'],
  quadraticKappaSomeEmotion: ['cohen_kappa', 'Quadratic kappa, targets from 1'],
  coverage: ['coverage', 'Share of the texts that are given a label'],
  selectiveAccuracy: ['accuracy', 'Accuracy on these'],
  pearson: ['pearsonr', 'Pearson'],
  pearsonSomeEmotion: ['pearsonr', 'Pearson, targets from 1'],
  pearsonUpperHalf: ['pearsonr', 'Pearson, targets from 0.5'],
  spearman: ['spearmanr', 'Spearman'],
  mae: ['mae', 'Mean absolute error'],
  rmse: ['rmse', 'Root mean squared error'],
};
const metricName = (name: string): readonly [type: string, words: string] => metricNames[name] ?? [name, name];

const taskWords: Readonly<Record<Task, string>> = {
  single_label_classification: 'gives each text one of these labels',
  multi_label_classification: 'gives each text any number of these labels, also none',
  regression: 'gives each text a value for each of these',
  ordinal_regression: 'gives each text a level of each of these, from 0 up',
};

/** The card as Markdown with a head in YAML. @see https://huggingface.co/docs/hub/model-cards */
export function modelCard(run: PublishedRun, options: CardOptions): string {
  const sections = [
    `# ${options.repository.split('/')[1]}`,
    introduction(run),
    section('Use', use(run, options.repository)),
    section('Data', data(run)),
    section('Results', results(run)),
    section('Training', training(run)),
    section('Limitations', limitations(run)),
    section('Licence', licences(run, options.licence)),
  ];
  return `---\n${stringify(head(run, options))}---\n\n${sections.join('\n\n')}\n`;
}

const section = (title: string, lines: readonly string[]): string => [`## ${title}`, ...lines].join('\n\n');

function head(run: PublishedRun, { repository, licence }: CardOptions): Record<string, unknown> {
  const { base, source, artifact, config } = run;
  return {
    ...(source ? { language: [source.language] } : {}),
    ...(licence === undefined ? {} : licenceFields(licence)),
    library_name: 'peft',
    pipeline_tag: 'text-classification',
    ...(base ? { base_model: base.id, base_model_relation: 'adapter' } : {}),
    ...(source?.hubName ? { datasets: [source.hubName] } : {}),
    tags: ['emotion', 'lora', 'peft', 'emotune', artifact.task.replaceAll('_', '-'), config.dora ? 'dora' : []].flat(),
    ...modelIndex(run, repository),
  };
}

function modelIndex({ result, artifact, source }: PublishedRun, repository: string): Record<string, unknown> {
  const test = result?.test;
  if (!test) return {};
  const name = artifact.data?.name ?? 'unknown';
  const metrics = Object.entries(test.metrics)
    .filter(([, { value }]) => value !== null)
    .map(([key, { value }]) => {
      const [type, words] = metricName(key);
      return { type, name: words, value };
    });
  const dataset = { type: source?.hubName ?? name, name, split: 'test' };
  const task = { type: 'text-classification', name: 'Text classification' };
  return { 'model-index': [{ name: repository.split('/')[1], results: [{ task, dataset, metrics }] }] };
}

function introduction({ artifact, base, baseName, isEmbedded }: PublishedRun): string {
  const { task, labels } = artifact;
  const origin = isEmbedded ? ' (comes with emotune)' : '';
  const where = base ? `[${baseName}](https://huggingface.co/${base.id})` : `\`${baseName}\`${origin}`;
  return [
    `A LoRA adapter, with its classification head, that makes ${where} recognise emotions in texts. It ${taskWords[task]}:`,
    labels.map((label) => `\`${label}\``).join(', '),
    'Trained with emotune; the files are those of PEFT.',
  ].join('\n\n');
}

function use(run: PublishedRun, repository: string): string[] {
  const { prompt, longTexts, maxLength } = run.artifact;
  const lengthNotes = {
    truncate: `Texts are cut after ${maxLength} tokens, as in training.`,
    windows: `emotune reads longer texts in windows of ${maxLength} tokens and pools their scores; this program does not.`,
  };
  const prompted =
    prompt.prefix !== '' || prompt.suffix !== '' || prompt.instruction !== '' || prompt.format !== 'plain';
  return [
    'In Python, with transformers and PEFT:',
    fenced('python', pythonSnippet(run, repository)),
    [
      lengthNotes[longTexts],
      prompted ? 'What the program puts around a text belongs to the model: leave it as it is.' : '',
    ]
      .filter(Boolean)
      .join(' '),
    'In TypeScript, with emotune:',
    fenced('ts', typescriptSnippet(run, repository)),
    ...(run.artifact.task === 'multi_label_classification'
      ? [`A label is given from its threshold on: ${thresholds(run.artifact)}.`]
      : []),
  ];
}

const thresholds = ({ labels, decision }: PublishedRun['artifact']): string =>
  labels.map((label, k) => `${label} ${Number(decision.thresholds[k]!.toFixed(3))}`).join(', ');

function data({ artifact, source, started }: PublishedRun): string[] {
  const known = artifact.data;
  const examples = started?.examples;
  const facts = [
    ['dataset', source ? linked(source) : known ? `\`${known.name}\`` : unknown],
    ['licence', known?.licence ?? unknown],
    ['citation', source?.citation ?? unknown],
    ['split', known?.split ?? unknown],
    [
      'examples',
      examples
        ? `${examples.train} for training, ${examples.validation} for validation, ${examples.test} for testing`
        : unknown,
    ],
  ] as const;
  return [
    facts.map(([name, text]) => `- ${name}: ${text}`).join('\n'),
    'Texts that are equal up to case and white space were removed from training where they are in another split.',
  ];
}

const linked = ({ title, home }: Source): string => (URL.canParse(home) ? `[${title}](${home})` : `${title} (${home})`);

function results({ result, artifact }: PublishedRun): string[] {
  const test = result?.test;
  if (!test) return ['Not measured: the training did not come to its end.'];
  const rows = Object.entries(test.metrics).map(([name, metric]) => [
    metricName(name)[1],
    decimal(metric.value),
    interval(metric),
  ]);
  const columns = Object.keys(test.perLabel[0]?.scores ?? {});
  const labelRows = test.perLabel.map(({ label, scores }) => [
    label,
    ...columns.map((name) => (name === 'support' ? String(scores[name]) : decimal(scores[name] ?? null))),
  ]);
  return [
    `On the test split of ${artifact.data?.name ?? 'the data'}, ${test.n} texts that were neither trained on nor used to choose anything. ${intervalNote(test)}`,
    table(['metric', 'value', '95 % interval'], rows),
    table([artifact.task === 'regression' ? 'value' : 'label', ...columns], labelRows),
  ];
}

const intervalNote = ({ bootstrap }: Evaluation): string =>
  bootstrap
    ? `Intervals are percentiles of ${bootstrap.draws} bootstrap draws over texts.`
    : 'No intervals were computed.';

function training({ config, started, result, artifact, baseName, base }: PublishedRun): string[] {
  const revision = base?.revision === undefined ? '' : ` at ${base.revision}`;
  const facts: (readonly [string, string | undefined])[] = [
    ['base', `${baseName}${revision}, fingerprint \`${artifact.base.fingerprint.slice(0, 16)}…\``],
    ['LoRA', loraWords(config)],
    ['trained values', started && `${count(started.parameters.trained)} of ${count(started.parameters.total)}`],
    [
      'optimiser',
      `${config.optimizer}, learning rate ${started?.learningRate.toPrecision(3) ?? config.learningRate ?? 'by default'}, schedule ${config.schedule}, warm-up ${config.warmup}, weight decay ${config.weightDecay}`,
    ],
    [
      'batch',
      `${config.batchSize * config.accumulate} examples, ${config.epochs} epoch${config.epochs === 1 ? '' : 's'}${started ? `, ${count(started.steps)} steps` : ''}`,
    ],
    ['chosen', result?.bestEpoch === undefined ? undefined : `epoch ${result.bestEpoch}, by the validation split`],
    ['seed', String(config.seed)],
    [
      'time',
      result &&
        `${count(result.trainingSeconds)} s in steps, ${count(result.tokensPerSecond)} tokens/s on the processor`,
    ],
    ['memory', result && `${(result.peakMemoryBytes / 1e9).toFixed(2)} GB at its peak`],
  ];
  const lines = facts.flatMap(([name, text]) => (text === undefined ? [] : [`- ${name}: ${text}`]));
  return [lines.join('\n'), 'All settings are in `config.yaml`.'];
}

function loraWords({ rank, alpha, dropout, targetModules, layers, rslora, dora }: PublishedRun['config']): string {
  return [
    `rank ${rank}`,
    `alpha ${alpha ?? 2 * rank}`,
    `dropout ${dropout}`,
    `on ${targetModules.join(', ')}`,
    layers ? `of layers ${layers.join(', ')}` : [],
    rslora ? 'rank-stabilised' : [],
    dora ? 'DoRA' : [],
  ]
    .flat()
    .join(', ');
}

function limitations({ artifact, source, started }: PublishedRun): string[] {
  const what = source?.title ?? artifact.data?.name ?? 'its training data';
  const test = started?.examples.test;
  const lines = [
    `It has learnt how the annotators of ${what} label texts of that kind and language; on other texts expect less.`,
    'Emotions are read from words alone; irony, dialect and what is left unsaid are often missed, and annotators disagree as well.',
    ...(test !== undefined && test < 1000
      ? [`With ${test} test texts the intervals are wide: small differences to other models mean nothing.`]
      : []),
    'Not for decisions about people.',
  ];
  return [lines.map((line) => `- ${line}`).join('\n')];
}

function licences({ artifact, baseName }: PublishedRun, licence: string | undefined): string[] {
  const facts = [
    ['adapter', licence ?? unknown],
    [`base (${baseName})`, artifact.base.licence ?? unknown],
    ['data', artifact.data?.licence ?? unknown],
  ] as const;
  return [facts.map(([name, text]) => `- ${name}: ${text}`).join('\n')];
}

const fenced = (language: string, text: string): string => `\`\`\`${language}\n${text}\n\`\`\``;
const decimal = (value: number | null): string => (value === null ? 'n/a' : value.toFixed(4));
const interval = ({ low, high }: Metric): string =>
  low == null || high == null ? 'n/a' : `${decimal(low)} to ${decimal(high)}`;
const count = (n: number): string => Math.round(n).toLocaleString('en-US');

function table(columns: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(columns), line(columns.map(() => '---')), ...rows.map(line)].join('\n');
}
