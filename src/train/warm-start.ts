import { join } from 'node:path';
import { exists } from '../checkpoint/exists.ts';
import type { Decision, Standardization } from '../core/decision.ts';
import { ConfigError } from '../core/errors.ts';
import { float32, type Tensor } from '../core/tensor.ts';
import type { Dataset } from '../data/example.ts';
import type { HubOptions } from '../hub/options.ts';
import { isHeadParameter } from '../lora/trained.ts';
import { CUTPOINTS } from '../models/heads.ts';
import { readSavedAdapter, type SavedAdapter } from '../predict/saved-adapter.ts';
import { labelsIn, settingsOf } from '../predict/saved-classifier.ts';
import type { TrainConfig, TrainOptions } from './config.ts';
import { adoptSettings } from './lora-options.ts';

/** An adapter to train further, as far as it fits what is to be learnt. */
export interface WarmStart {
  readonly tensors: ReadonlyMap<string, Tensor>;
  /** What became of the head, as a line of text. */
  readonly head: string;
  /** Of a head that comes along: how its logits become values. */
  readonly own?: Pick<Decision, 'standardization'>;
}

/**
 * Reads the adapter a run starts from, checked against its base as for predicting, and takes its settings over.
 *
 * @throws CheckpointError if it cannot be used; ConfigError if there is none, or options contradict it.
 */
export async function readStart(
  config: TrainConfig,
  given: TrainOptions,
  hub: HubOptions,
): Promise<{ readonly config: TrainConfig; readonly from: SavedAdapter | undefined }> {
  const { initFrom: path } = config;
  if (path === undefined) return { config, from: undefined };
  if (!(await exists(join(path, 'adapter_config.json'))) && (await exists(join(path, 'config.json'))))
    throw new ConfigError(`initFrom: ${path} has no adapter: it is a whole checkpoint, give it as the base`);
  const from = await readSavedAdapter(path, { base: given.base, hub });
  return { config: adoptSettings(config, given, from), from };
}

/**
 * The adapter's tensors for a dataset: its head only where that tells the same labels apart, and as many levels of them.
 *
 * @param cutpoints between the levels of a label, in ordinal tasks.
 */
export function warmStart(
  from: SavedAdapter,
  dataset: Pick<Dataset, 'task' | 'labels'>,
  cutpoints: number | undefined,
): WarmStart {
  const body = [...from.adapter.tensors].filter(([name]) => !isHeadParameter(name));
  const head = headFor(from, dataset, cutpoints);
  return { ...head, tensors: new Map([...body, ...head.tensors]) };
}

function headFor(
  from: SavedAdapter,
  { task, labels }: Pick<Dataset, 'task' | 'labels'>,
  cutpoints: number | undefined,
): WarmStart {
  const fresh = (why: string): WarmStart => ({ head: `a new head: ${why}`, tensors: new Map() });
  const own = [...from.adapter.tensors].filter(([name]) => isHeadParameter(name));
  if (own.length === 0) return fresh('the adapter has none');
  const said = from.artifact ?? saidByBase(from);
  if (!said) return fresh('neither the adapter nor its base says what the labels of its head are');
  if (said.task !== task) return fresh(`the adapter’s was trained for ${said.task}`);
  const rows = labels.map((label) => said.labels.indexOf(label));
  if (rows.includes(-1) || rows.length !== said.labels.length)
    return fresh(`the adapter’s labels are ${said.labels.join(', ')}`);
  const ownCutpoints = from.adapter.tensors.get(CUTPOINTS)?.shape[1];
  if (ownCutpoints !== cutpoints) return fresh(`the adapter’s labels have levels 0 to ${ownCutpoints}`);
  const moved = rows.some((row, k) => row !== k);
  return {
    head: `its head${moved ? ', rows in the order of these labels' : ''}`,
    tensors: new Map(own.map(([name, tensor]) => [name, rowsOf(tensor, rows)])),
    own: { standardization: inOrder(said.decision.standardization, rows) },
  };
}

function inOrder(of: Standardization | undefined, rows: readonly number[]): Standardization | undefined {
  const pick = (values: readonly number[]) => rows.map((row) => values[row]!);
  return of && { means: pick(of.means), deviations: pick(of.deviations) };
}

/** Labels and task of a bare PEFT folder, where its base names as many labels as the head has. */
const saidByBase = ({ checkpoint, spec, headRows }: SavedAdapter) =>
  labelsIn(checkpoint.config).length === headRows ? settingsOf(checkpoint, spec, headRows) : undefined;

function rowsOf({ data, shape }: Tensor, rows: readonly number[]): Tensor {
  const width = shape[1]!;
  const out = new Float32Array(rows.length * width);
  for (const [k, row] of rows.entries()) out.set(data.subarray(row * width, (row + 1) * width), k * width);
  return float32(out, [rows.length, width]);
}
