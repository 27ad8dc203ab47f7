import { CheckpointError, internal, TrainingError } from '../core/errors.ts';
import { hash32, type Random, random } from '../core/random.ts';
import type { Task } from '../core/task.ts';
import { float32, type Tensor, uint32 } from '../core/tensor.ts';
import { microBatches } from '../data/batches.ts';
import type { Graph, Value } from '../graph/graph.ts';
import { gather } from '../graph/ops/index.ts';
import { initialTensors } from '../lora/initial.ts';
import { withLora } from '../lora/lora.ts';
import { loraPlusRates } from '../lora/lora-plus.ts';
import type { LoraOptions } from '../lora/options.ts';
import type { Adapter } from '../lora/peft.ts';
import { pissaParameters, pissaTensors, toPlainLora } from '../lora/pissa.ts';
import { checkSites, isTrained } from '../lora/trained.ts';
import { classifier } from '../models/model.ts';
import { packingInputs } from '../models/packing.ts';
import { type InputLookup, openEmbeddings } from '../models/weights.ts';
import { dropout } from '../nn/dropout.ts';
import { frozenLinear, type Precision, recomputedLinear, scalesLoss } from '../nn/linear.ts';
import { emitOnnx } from '../onnx/emit.ts';
import { FLAT, type FlatLayout, FROZEN, flatLayout, pack, unpack } from '../optim/flat.ts';
import { LossScaling } from '../optim/loss-scaling.ts';
import type { Optimizer } from '../optim/optimizer.ts';
import { LOSS_SCALE, RATES, updateGraph } from '../optim/update.ts';
import { type ClassifierModel, type FrozenParameters, packedFeeds, parameterFeeds } from '../predict/scorer.ts';
import type { Device, DeviceBuffer, Session } from '../runtime/device.ts';
import { gradientGraph, lossOf } from './graphs.ts';
import { TrainingSessions } from './sessions.ts';
import type { LossTarget } from './targets.ts';

/** An example as the engine takes it. */
export interface EncodedExample {
  readonly id: string;
  /** Its tokens; of a long text those of each window. */
  readonly sequences: readonly Int32Array[];
  readonly target: readonly number[];
  /** How much it counts beside the others in training; default 1. */
  readonly weight?: number;
}

export interface TrainerOptions extends Pick<ClassifierModel, 'checkpoint' | 'spec' | 'labels' | 'cutpoints'> {
  readonly task: Task;
  readonly lora: LoraOptions;
  readonly optimizer: Optimizer;
  readonly maxGradNorm: number | undefined;
  readonly microBatchTokens: number;
  /** Compute the layers a second time in the backward pass instead of keeping what they gave. Default: no. */
  readonly gradientCheckpointing?: boolean;
  /** How the frozen layers are computed, default fp32; the checkpoint must have the weights for it (models/precision.ts). */
  readonly precision?: Precision;
  readonly posWeight?: readonly number[] | undefined;
  /** Focal loss: γ. */
  readonly focalGamma?: number | undefined;
  /** LoRA+: how much faster B is trained than A. */
  readonly loraPlusRatio?: number;
  readonly seed: number;
  /** Trained tensors to start from, by their names; what is not among them starts afresh. */
  readonly start?: ReadonlyMap<string, Tensor> | undefined;
  /** The `frozen` vector of {@link Trainer.state}, where the run is to be restored: it takes long to find again. */
  readonly frozen?: Tensor | undefined;
  /** The layers below the lowest adapter, where what they give is at hand: then the run starts above them. */
  readonly prefix?: FrozenPrefix | undefined;
}

/** The layers of a base that no adapter changes, from the bottom up to `layer`, by what they give. */
export interface FrozenPrefix {
  /** The lowest layer that is left to compute. */
  readonly layer: number;
  readonly states: InputLookup;
}

export interface StepResult {
  readonly loss: number;
  /** Before clipping. */
  readonly gradNorm: number;
  readonly tokens: number;
}

/** An example with what the loss takes for it. */
export type TrainExample = EncodedExample & { readonly loss: LossTarget };

interface Parts {
  readonly device: Device;
  readonly options: TrainerOptions;
  readonly layout: FlatLayout;
  readonly frozen: FrozenParameters | undefined;
  readonly lookUp: InputLookup;
  readonly sessions: TrainingSessions;
  readonly update: Session;
  /** Each value's share of the learning rate, where they differ. */
  readonly rates: Readonly<Record<string, DeviceBuffer>>;
  /** Where cotangents are narrow. */
  readonly scaling: LossScaling | undefined;
}

/** A sequence of an example: a row of the loss. */
interface Row {
  readonly ids: Int32Array;
  readonly target: readonly number[];
  readonly weight: number;
  /** Example and window, for dropout. */
  readonly key: readonly [id: string, window: number];
}

/** An example's weight in the loss is shared among its windows. */
const rowsOf = ({ id, sequences, loss, weight = 1 }: TrainExample): Row[] =>
  sequences.map((ids, window) => ({ ids, target: loss.row, weight: weight / sequences.length, key: [id, window] }));

/** The trained state of a LoRA run, which stays with the device: parameters, the optimiser's vectors, the step. */
export class Trainer {
  readonly #parts: Parts;
  readonly #zeros: DeviceBuffer;
  #step = 0;
  #parameters: DeviceBuffer;
  /** The parameters before the last step: the loss under them was a number. */
  #previous: DeviceBuffer | undefined;
  #isSound = true;
  #state: Readonly<Record<string, DeviceBuffer>>;

  private constructor(
    parts: Parts,
    buffers: { zeros: DeviceBuffer; parameters: DeviceBuffer; state: Record<string, DeviceBuffer> },
  ) {
    this.#parts = parts;
    this.#zeros = buffers.zeros;
    this.#parameters = buffers.parameters;
    this.#state = buffers.state;
  }

  /** Builds the gradient, update and forward graphs and loads them. */
  static async open(device: Device, options: TrainerOptions): Promise<Trainer> {
    const { checkpoint, spec, labels, cutpoints, optimizer, prefix } = options;
    const from = prefix?.layer;
    const scaled = scalesLoss(options.precision ?? 'fp32');
    const { graph, layout } = gradientGraph((g) => buildLoss(g, { ...options, from }), isTrained, { scaled });
    checkSites(graph, options.lora);
    const frozen = await freeze(device, graph, options);
    const model = {
      checkpoint,
      spec,
      labels,
      cutpoints,
      layout,
      linear: withLora(frozenLinear[options.precision ?? 'fp32'], options.lora),
      from,
      frozen: frozen?.parameters,
    };
    const lookUp = prefix?.states ?? (await openEmbeddings(checkpoint, spec));
    const sessions = new TrainingSessions(device, model, { gradientGraph: graph, inputs: lookUp });
    await sessions.gradient();
    const { maxGradNorm, loraPlusRatio: ratio } = options;
    const update = await device.load(
      emitOnnx(updateGraph(optimizer, layout.size, { maxGradNorm, rates: ratio !== undefined, scaled }), noParameters),
      'update',
      { provider: 'cpu' },
    );
    const rates = ratio === undefined ? {} : { [RATES]: await device.put(loraPlusRates(layout, ratio)) };
    const initial = await initialTensors(layout, {
      checkpoint,
      random: adapterRandom(options),
      headStd: spec.config.initializer_range,
      pissa: frozen?.tensors,
      start: options.start,
    });
    const zeros = () => device.put(float32(new Float32Array(layout.size)));
    const state: Record<string, DeviceBuffer> = {};
    for (const name of optimizer.state) state[name] = await zeros();
    const parameters = await device.put(pack(layout, (name) => initial.get(name)!));
    return new Trainer(
      {
        device,
        options,
        layout,
        frozen: frozen?.parameters,
        lookUp,
        sessions,
        update,
        rates,
        scaling: scaled ? new LossScaling() : undefined,
      },
      { zeros: await zeros(), parameters, state },
    );
  }

  /** How many values are trained. */
  get size(): number {
    return this.#parts.layout.size;
  }

  /**
   * One optimiser step over a batch, cut into micro-batches by length.
   *
   * @throws TrainingError if the loss or the gradient is no number; the parameters are then the last whose loss was one.
   */
  async step(batch: readonly TrainExample[], learningRate: number): Promise<StepResult> {
    const { loss, gradNorm, tokens, buffers } = await this.#next(batch, learningRate);
    if (!Number.isFinite(loss) || !Number.isFinite(gradNorm)) {
      this.#free(...Object.values(buffers));
      const kept = Number.isFinite(loss) || this.revert() ? 'the last good weights are kept' : nothingKept;
      const what = `the loss is ${loss} and the gradient's norm ${gradNorm}`;
      const half = this.#parts.scaling ? ', or --precision fp32: half precision ends at 65504' : '';
      throw new TrainingError(`step ${this.#step + 1}: ${what}; ${kept}. ${advice(learningRate)}${half}`);
    }
    this.#parts.scaling?.held();
    this.#free(...Object.values(this.#state));
    this.#previous = this.#parameters;
    const { [FLAT]: parameters, ...state } = buffers;
    this.#parameters = parameters!;
    this.#state = state;
    this.#step++;
    return { loss, gradNorm, tokens };
  }

  /** What a step comes to. A gradient that overflows for the loss's scale is computed again. */
  async #next(
    batch: readonly TrainExample[],
    learningRate: number,
  ): Promise<StepResult & { readonly buffers: Record<string, DeviceBuffer> }> {
    const { update, rates, scaling, options } = this.#parts;
    for (;;) {
      const scale = this.#lossScale();
      const { loss, gradient, tokens } = await this.#gradientOf(batch, scale);
      // They are good: those before them are no longer needed, and the update is when memory is scarcest.
      if (Number.isFinite(loss)) this.#forgetPrevious();
      const scalars = { ...options.optimizer.scalars(this.#step + 1), learningRate };
      const feeds = Object.fromEntries(Object.entries(scalars).map(([name, value]) => [name, float32([value], [])]));
      const { tensors, buffers } = await update.run(
        { ...feeds, ...scale, ...rates, ...this.#state, [FLAT]: this.#parameters, gradient },
        [FLAT, ...options.optimizer.state],
      );
      this.#free(gradient);
      const gradNorm = tensors.gradNorm!.data[0]!;
      const overflows = Number.isFinite(loss) && !Number.isFinite(gradNorm);
      if (!overflows || !scaling?.overflowed()) return { loss, gradNorm, tokens, buffers };
      this.#free(...Object.values(buffers));
    }
  }

  #lossScale(): Record<string, Tensor> {
    const { scaling } = this.#parts;
    return scaling ? { [LOSS_SCALE]: float32([scaling.scale], []) } : {};
  }

  /** Whether the parameters are any good: not once they have given what is no number, with none before them to go back to. */
  get isSound(): boolean {
    return this.#isSound;
  }

  /**
   * Goes back to the parameters before the last step.
   *
   * @returns whether they were still there: not in the first step after a checkpoint.
   */
  revert(): boolean {
    this.#isSound = this.#previous !== undefined;
    if (!this.#previous) return false;
    this.#free(this.#parameters);
    this.#parameters = this.#previous;
    this.#previous = undefined;
    return true;
  }

  async #gradientOf(
    batch: readonly TrainExample[],
    scale: Readonly<Record<string, Tensor>>,
  ): Promise<{ loss: number; gradient: DeviceBuffer; tokens: number }> {
    const { options, sessions, frozen } = this.#parts;
    const session = await sessions.gradient();
    const divisor = float32([batch.reduce((sum, { loss, weight = 1 }) => sum + weight * loss.divisor, 0)], []);
    let gradient = this.#zeros;
    let loss = 0;
    const rows = batch.flatMap(rowsOf);
    const lengths = rows.map(({ ids }) => ids.length);
    for (const part of microBatches(lengths, options.microBatchTokens)) {
      const feeds = await this.#feed(part.map((i) => rows[i]!));
      const { tensors, buffers } = await session.run(
        { ...feeds, ...scale, ...parameterFeeds(this.#parameters, frozen), divisor, gradient },
        ['gradient'],
      );
      loss += tensors.loss!.data[0]!;
      this.#free(gradient);
      gradient = buffers.gradient;
    }
    return { loss, gradient, tokens: lengths.reduce((n, length) => n + length, 0) };
  }

  async #feed(rows: readonly Row[]): Promise<Record<string, Tensor>> {
    const { lookUp, options } = this.#parts;
    const feeds = await packedFeeds(
      rows.map(({ ids }) => ids),
      lookUp,
    );
    const targets = float32(
      rows.flatMap(({ target }) => target),
      [rows.length, options.labels * (options.cutpoints ?? 1)],
    );
    const weights = float32(
      rows.map(({ weight }) => weight),
      [rows.length, 1],
    );
    const dropoutKeys = options.lora.dropout > 0 ? { dropoutKeys: this.#dropoutKeys(rows) } : {};
    return { ...feeds, targets, weights, ...dropoutKeys };
  }

  /** A key for each token, made of the seed, the step, the example and the position: masks do not depend on the cut. */
  #dropoutKeys(rows: readonly Row[]): Tensor {
    const keys = rows.flatMap(({ key, ids }) => {
      const row = hash32(this.#parts.options.seed, this.#step, ...key);
      return Array.from(ids, (_, position) => hash32(row, position));
    });
    return uint32(keys, [keys.length, 1]);
  }

  /** Logits of texts under the current weights, in evaluation mode. */
  async logits(texts: readonly Int32Array[], signal?: AbortSignal): Promise<number[][]> {
    const scorer = await this.#parts.sessions.scorer();
    return scorer.logits(texts, this.#parameters, signal);
  }

  /** The trained tensors by their names in the graph. */
  async tensors(): Promise<ReadonlyMap<string, Tensor>> {
    return unpack(this.#parts.layout, await this.#parameters.read());
  }

  /**
   * Everything the next step depends on, by name: the trained values and the optimiser's vectors, all [P], with PiSSA the
   * `frozen` ones, and in half precision how the loss is scaled.
   */
  async state(): Promise<ReadonlyMap<string, Tensor>> {
    const { frozen } = this.#parts;
    const vectors = new Map([[FLAT, await this.#parameters.read()]]);
    if (frozen) vectors.set(FROZEN, await frozen.values.read());
    for (const [name, buffer] of Object.entries(this.#state)) vectors.set(name, await buffer.read());
    const { scaling } = this.#parts;
    if (scaling) vectors.set(LOSS_SCALING, scaling.state);
    return vectors;
  }

  /**
   * Goes on after `step` steps from the {@link Trainer.state} there was then, whose frozen vector was given at opening.
   *
   * @throws CheckpointError if it is the state of another model or optimiser.
   */
  async restore(step: number, vectors: ReadonlyMap<string, Tensor>): Promise<void> {
    const { device, options, layout } = this.#parts;
    const put = (name: string): Promise<DeviceBuffer> => {
      const vector = vectors.get(name);
      if (vector?.data.length !== layout.size)
        throw new CheckpointError(
          `the checkpoint holds ${vector?.data.length ?? 'no'} values for '${name}', the run trains ${layout.size}`,
        );
      return device.put(vector);
    };
    this.#parts.scaling?.restore(vectors.get(LOSS_SCALING));
    const parameters = await put(FLAT);
    const state: Record<string, DeviceBuffer> = {};
    for (const name of options.optimizer.state) state[name] = await put(name);
    this.#free(this.#parameters, ...Object.values(this.#state));
    this.#forgetPrevious();
    this.#parameters = parameters;
    this.#state = state;
    this.#step = step;
  }

  /** Trained tensors as an adapter that fits the base as it is. */
  async adapter(tensors: ReadonlyMap<string, Tensor>): Promise<Pick<Adapter, 'options' | 'tensors'>> {
    const { frozen, options } = this.#parts;
    const adapter = { options: options.lora, tensors };
    return frozen ? toPlainLora(adapter, unpack(frozen.layout, await frozen.values.read())) : adapter;
  }

  /** Goes on with other weights, such as the best epoch's. */
  async load(tensors: ReadonlyMap<string, Tensor>): Promise<void> {
    const next = await this.#parts.device.put(pack(this.#parts.layout, (name) => tensors.get(name)!));
    this.#free(this.#parameters);
    this.#forgetPrevious();
    this.#parameters = next;
  }

  #forgetPrevious(): void {
    if (this.#previous) this.#free(this.#previous);
    this.#previous = undefined;
  }

  #free(...buffers: readonly DeviceBuffer[]): void {
    for (const buffer of buffers) if (buffer !== this.#zeros) buffer.free();
  }
}

/** Name of the loss's scale in a trainer's state. */
const LOSS_SCALING = 'lossScaling';

/** What is said where no good weights are left. */
export const nothingKept = 'the weights before are no longer there, and these are not saved';

/** What helps against a run that diverges. */
export const advice = (learningRate: number): string =>
  `Try a lower learning rate (it is ${learningRate.toExponential(1)}), a longer warm-up or a smaller maxGradNorm`;

const adapterRandom = ({ seed }: TrainerOptions): Random => random(seed).fork('adapter');

/**
 * Puts PiSSA's factors onto the device, where the graph has such: found in the base, unless they are given.
 *
 * @throws CheckpointError if those given are another model's.
 */
async function freeze(
  device: Device,
  graph: Graph,
  options: TrainerOptions,
): Promise<{ readonly parameters: FrozenParameters; readonly tensors: ReadonlyMap<string, Tensor> } | undefined> {
  const { checkpoint, lora, frozen } = options;
  const layout = flatLayout(pissaParameters(graph));
  if (layout.size === 0) return undefined;
  if (frozen && frozen.data.length !== layout.size)
    throw new CheckpointError(`the checkpoint holds ${frozen.data.length} frozen values, the run has ${layout.size}`);
  const tensors = frozen
    ? unpack(layout, frozen)
    : await pissaTensors(graph, lora, { checkpoint, device, random: adapterRandom(options) });
  return { parameters: { layout, values: await device.put(pack(layout, (name) => tensors.get(name)!)) }, tensors };
}

const noParameters = (name: string) => internal(`the update graph has no parameter ${name}`);

type LossOptions = Pick<
  TrainerOptions,
  'task' | 'lora' | 'spec' | 'labels' | 'cutpoints' | 'posWeight' | 'focalGamma' | 'precision' | 'gradientCheckpointing'
> &
  Pick<ClassifierModel, 'from'>;

/** The loss of a LoRA run: the adapted model in training mode, against the task's targets. */
export function buildLoss(
  graph: Graph,
  { task, lora, spec, from, precision = 'fp32', gradientCheckpointing: recompute, ...options }: LossOptions,
): Value {
  const drop = lora.dropout > 0 ? dropout(lora.dropout, dropoutKeysFor) : undefined;
  const frozen = (recompute ? recomputedLinear : frozenLinear)[precision];
  const linear = withLora(frozen, lora, drop);
  const logits = classifier(graph, spec, options, { linear, embeddings: 'given', from, recompute });
  return lossOf(task, logits, options);
}

/** Where only the last tokens are left, their keys. */
function dropoutKeysFor({ graph, shape }: Value): Value {
  const keys = graph.input('dropoutKeys', 'uint32', ['N', 1]);
  return shape[0] === 'N' ? keys : gather(keys, packingInputs(graph).last);
}
