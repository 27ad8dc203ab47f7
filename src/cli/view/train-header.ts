import type { TrainPlan } from '../../train/events.ts';
import type { Style } from '../terminal.ts';
import { formatCount, formatRate, formatShare, formatWhole, plural } from './quantities.ts';
import { estimateFacts } from './train-estimate.ts';
import { wrap } from './wrap.ts';

export interface ViewOptions {
  readonly width: number;
  readonly style: Style;
}

const nameWidth = 12;

/** What a run is about to do. */
export function trainHeader(plan: TrainPlan, { width, style }: ViewOptions): string[] {
  const { examples, parameters } = plan;
  const { trained, total } = parameters;
  const facts: (readonly [name: string, text: string])[] = [
    ...(plan.model === undefined
      ? ([
          ['base', `${plan.base}, ${formatCount(total - trained)} parameters`],
          ['trained', `${formatWhole(trained)} parameters with LoRA (${formatShare(trained, total)} of all)`],
        ] as const)
      : [['model', plan.model] as const]),
    ...(plan.start ? [['start', `${plan.start.from}, ${plan.start.head}`] as const] : []),
    [
      'data',
      `${plan.data}: ${formatWhole(examples.train)} train, ${formatWhole(examples.validation)} validation, ${formatWhole(examples.test)} test`,
    ],
    ...findings(plan),
    ['labels', `${plan.labels.join(', ')} (${plan.task.replaceAll('_', ' ')})`],
    ...(plan.model === undefined ? [trainingFact(plan)] : []),
    ...(plan.device ? [['device', deviceText(plan.device)] as const] : []),
    ...precisionFact(plan),
    ...(plan.estimate ? estimateFacts(plan.estimate) : []),
    ['run', plan.out],
  ];
  return facts.flatMap(([name, text]) =>
    wrap(text, Math.max(20, width - nameWidth)).map(
      (line, i) => style.dim((i === 0 ? name : '').padEnd(nameWidth)) + line,
    ),
  );
}

const trainingFact = ({ epochs, steps, learningRate }: TrainPlan) =>
  [
    'training',
    `${plural(epochs, 'epoch')}, ${plural(steps, 'step')}, learning rate ${formatRate(learningRate)}`,
  ] as const;

const deviceText = ({ provider, reason }: NonNullable<TrainPlan['device']>): string =>
  reason === undefined ? provider : `${provider}: ${reason}`;

/** Where it is not float32 as ever. */
function precisionFact({ precision }: TrainPlan): (readonly [string, string])[] {
  if (!precision || (precision.name === 'fp32' && precision.reason === undefined)) return [];
  return [['precision', precision.reason === undefined ? precision.name : `${precision.name}: ${precision.reason}`]];
}

/** Facts of the data report in which nothing was found, and those that the header says itself, are left out. */
const uneventful = /^(source|task|rows read|note)\b|\b(none|nothing to change)$/;

/** What was found and changed in the data: the report's facts above its table. */
function findings({ dataReport, truncated }: TrainPlan): (readonly [string, string])[] {
  const end = dataReport.indexOf('');
  const facts = dataReport.slice(0, end < 0 ? undefined : end);
  const eventful = facts
    .filter((line) => !line.startsWith(' ') && !uneventful.test(line))
    .map((line) => `${line.slice(0, nameWidth).trim()}: ${line.slice(nameWidth)}`)
    .filter((line) => !line.endsWith(': '));
  const cut = truncated > 0 ? [`${plural(truncated, 'text')} cut to the maximum length`] : [];
  return [...eventful, ...cut].map((line) => ['', line] as const);
}
