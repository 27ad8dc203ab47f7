import { parse } from 'yaml';
import type { TrainPlan } from '../train/events.ts';
import type { MlflowPair } from './mlflow-client.ts';

/** The parameters of a run: its configuration, as its config.yaml has it, and what the plan adds. */
export function paramsOf(plan: TrainPlan, config: string | undefined): MlflowPair[] {
  const settings = (config === undefined ? {} : parse(config)) as Readonly<Record<string, unknown>>;
  const { task, labels, steps, learningRate, examples, truncated, parameters } = plan;
  const all = {
    ...settings,
    task,
    labels,
    steps,
    learningRate,
    truncated,
    'examples.train': examples.train,
    'examples.validation': examples.validation,
    'examples.test': examples.test,
    'parameters.trained': parameters.trained,
    'parameters.total': parameters.total,
  };
  return Object.entries(all).map(([key, value]) => ({ key, value: toText(value) }));
}

const toText = (value: unknown): string => (typeof value === 'object' ? JSON.stringify(value) : String(value));

const CUT = ' … (cut)';

/** A parameter whose value has at most `length` characters; what is cut off shows. */
export function cutParam({ key, value }: MlflowPair, length: number): MlflowPair {
  const characters = [...value];
  if (characters.length <= length) return { key, value };
  return { key, value: characters.slice(0, length - CUT.length).join('') + CUT };
}

/** A name that MLflow takes: letters, digits, `_ - . /` and spaces, no empty, `.` or `..` part, at most 250 characters. */
export function metricKey(name: string): string {
  const parts = name
    .replace(/[^\p{L}\p{N}_\-./ ]/gu, '_')
    .split('/')
    .map((part) => (/^\.{0,2}$/.test(part) ? `${part}_` : part));
  return parts.join('/').slice(0, 250);
}
