/** A run as TensorBoard shows it: event files in the `tensorboard` folder of the run. */
import { appendFile, mkdir, readdir } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { TrainEvent, TrainPlan } from '../train/events.ts';
import { configText, recordedBytes, recordedEvents } from './run-files.ts';
import { pointOf } from './scalars.ts';
import { processWarning, type Sink, type SinkOptions } from './sink.ts';
import { encodeEvent, readEvent, type TensorBoardEvent } from './tensorboard-event.ts';
import { frame, readRecords } from './tfrecord.ts';

/**
 * Writes a run's curves for TensorBoard: `train/loss`, `train/learning_rate`, `train/grad_norm`, `train/tokens_per_second`,
 * `train/epoch`, `validation/…`, `test/…` and the configuration as a text, to
 * `<run>/tensorboard/events.out.tfevents.<time>.<host>.<pid>.<n>`.
 *
 * A run that goes on adds a file which says from where, so that no step is shown twice, and first writes what its
 * metrics.jsonl has and the files lack. If a file cannot be written, that is said and the run goes on without.
 */
export const tensorboard = (options: SinkOptions = {}): Sink => new TensorBoard(options);

/** Steps that took this long are written together, unless something rarer than a step comes first. */
const FLUSH_SECONDS = 2;
/** Bounds the memory that it takes to write what is missing of a long run. */
const FLUSH_RECORDS = 10_000;
const CONFIGURATION = 'configuration';

class TensorBoard implements Sink {
  readonly #warn: (message: string) => void;
  #plan: TrainPlan | undefined;
  /** Undefined before the run has started, and once it cannot be written: a record that is not whole ends it. */
  #path: string | undefined;
  /** The last step that the files have of a tag. */
  #written = new Map<string, number>();
  #pending: Uint8Array[] = [];
  #pendingSeconds = 0;

  constructor({ warn = processWarning }: SinkOptions) {
    this.#warn = warn;
  }

  event(event: TrainEvent): Promise<void> {
    return this.#unlessFailing(async () => {
      if (event.type === 'started') await this.#open(event);
      if (!this.#path) return;
      this.#addPoint(event);
      if (event.type === 'step') this.#pendingSeconds += event.seconds;
      if (event.type !== 'step' || this.#pendingSeconds >= FLUSH_SECONDS) await this.#flush();
    });
  }

  close(): Promise<void> {
    return this.#unlessFailing(() => this.#flush());
  }

  async #unlessFailing(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#path = undefined;
      this.#pending = [];
      const where = this.#plan ? ` in ${folderOf(this.#plan)}` : '';
      this.#warn(
        `TensorBoard's event file${where} cannot be written: ${(error as Error).message}; the run goes on without it, metrics.jsonl has its numbers`,
      );
    }
  }

  async #open(plan: TrainPlan): Promise<void> {
    this.#plan = plan;
    const folder = folderOf(plan);
    await mkdir(folder, { recursive: true });
    const past = await readPast(folder);
    this.#path = join(folder, nextFileName(past.time));
    this.#add({ kind: 'version', step: 0 });
    const bytes = await recordedBytes(plan.out);
    this.#goOn(past.written, await lastStep(plan.out, bytes));
    const config = await configText(plan.out);
    if (config !== undefined && !this.#written.has(CONFIGURATION))
      this.#add({ kind: 'text', step: 0, tag: CONFIGURATION, markdown: codeBlock(config) });
    for await (const event of recordedEvents(plan.out, bytes)) {
      this.#addPoint(event);
      if (this.#pending.length >= FLUSH_RECORDS) await this.#flush();
    }
  }

  /** Takes back what was written after `step`, where the run goes on; 0 for one that begins. */
  #goOn(written: ReadonlyMap<string, number>, step: number): void {
    this.#add({ kind: 'restart', step: step + 1 });
    this.#written = new Map([...written].map(([tag, last]) => [tag, Math.min(last, step)]));
  }

  /** Adds the numbers of an event that the files do not have yet. */
  #addPoint(event: TrainEvent): void {
    const point = this.#plan && pointOf(event, this.#plan);
    if (!point) return;
    const scalars = new Map([...point.scalars].filter(([tag]) => point.step > (this.#written.get(tag) ?? -1)));
    for (const tag of scalars.keys()) this.#written.set(tag, point.step);
    if (scalars.size > 0) this.#add({ kind: 'scalars', step: point.step, scalars });
  }

  #add(event: DistributiveOmit<TensorBoardEvent, 'wallTime'>): void {
    this.#pending.push(frame(encodeEvent({ ...event, wallTime: Date.now() / 1000 })));
  }

  async #flush(): Promise<void> {
    const bytes = Buffer.concat(this.#pending);
    this.#pending = [];
    this.#pendingSeconds = 0;
    if (bytes.length > 0 && this.#path) await appendFile(this.#path, bytes);
  }
}

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;

const folderOf = ({ out }: TrainPlan): string => join(out, 'tensorboard');

/** Markdown shows lines that begin with four spaces as they are. */
const codeBlock = (text: string): string => text.replace(/^/gm, '    ');

const fileName = /^events\.out\.tfevents\.(\d+)\./;

/** What the event files of a folder show, and when the last was begun; 0 if there are none. */
async function readPast(folder: string): Promise<{ readonly time: number; readonly written: Map<string, number> }> {
  const files = (await readdir(folder)).filter((name) => fileName.test(name)).sort();
  const written = new Map<string, number>();
  for (const file of files)
    for await (const record of readRecords(join(folder, file))) {
      const { step, tags, restart } = readEvent(record);
      if (restart) for (const [tag, last] of written) written.set(tag, Math.min(last, step - 1));
      for (const tag of tags) written.set(tag, step);
    }
  return { time: Number(fileName.exec(files.at(-1) ?? '')?.[1] ?? 0), written };
}

/** Readers take a folder's files in the order of their names, so a new file's time is after `past`. */
function nextFileName(past: number): string {
  const time = Math.max(Math.floor(Date.now() / 1000), past + 1);
  return `events.out.tfevents.${String(time).padStart(10, '0')}.${hostname()}.${process.pid}.0`;
}

async function lastStep(run: string, bytes: number): Promise<number> {
  let step = 0;
  for await (const event of recordedEvents(run, bytes)) if (event.type === 'step') step = event.step;
  return step;
}
