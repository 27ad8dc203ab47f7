import { join } from 'node:path';
import { exists } from '../checkpoint/exists.ts';
import { ConfigError } from '../core/errors.ts';
import { float32, type Tensor } from '../core/tensor.ts';
import type { Dataset } from '../data/example.ts';
import type { HubOptions } from '../hub/options.ts';
import { isHeadParameter } from '../lora/trained.ts';
import { HEAD } from '../models/heads.ts';
import { readSavedAdapter, type SavedAdapter } from '../predict/saved-adapter.ts';
import { labelsIn, settingsOf } from '../predict/saved-classifier.ts';
import type { TrainConfig, TrainOptions } from './config.ts';
import { adoptSettings } from './lora-options.ts';

/** An adapter to train further, as far as it fits what is to be learnt. */
export interface WarmStart {
  readonly tensors: ReadonlyMap<string, Tensor>;
  /** What became of the head, as a line of text. */
  readonly head: string;
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

/** The adapter's tensors for a dataset: its head only where that tells the same labels apart. */
export function warmStart(from: SavedAdapter, dataset: Pick<Dataset, 'task' | 'labels'>): WarmStart {
  const body = [...from.adapter.tensors].filter(([name]) => !isHeadParameter(name));
  const { head, weight } = headFor(from, dataset);
  return { head, tensors: new Map(weight ? [...body, [`${HEAD}.weight`, weight]] : body) };
}

function headFor(
  from: SavedAdapter,
  { task, labels }: Pick<Dataset, 'task' | 'labels'>,
): { readonly head: string; readonly weight?: Tensor } {
  const weight = from.adapter.tensors.get(`${HEAD}.weight`);
  if (!weight) return { head: 'a new head: the adapter has none' };
  const said = from.artifact ?? saidByBase(from);
  if (!said) return { head: 'a new head: neither the adapter nor its base says what the labels of its head are' };
  if (said.task !== task) return { head: `a new head: the adapter’s was trained for ${said.task}` };
  const rows = labels.map((label) => said.labels.indexOf(label));
  if (rows.includes(-1) || rows.length !== said.labels.length)
    return { head: `a new head: the adapter’s labels are ${said.labels.join(', ')}` };
  const moved = rows.some((row, k) => row !== k);
  return { head: `its head${moved ? ', rows in the order of these labels' : ''}`, weight: rowsOf(weight, rows) };
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
